"""CONFIG GET, SET, RESETSTAT and REWRITE."""
import os

from . import conffile
from .cold import Error, Simple, is_legacy, register
from .settings import DirectiveError
from .users import default_user, with_password


@register("config|get")
def config_get(server, client, argv: list[bytes]) -> dict[bytes, bytes]:
    refuse_more_than(server, client, argv, 3)
    patterns = [pattern.decode("utf-8", "surrogateescape") for pattern in argv[2:]]
    found = server.config(*patterns)
    # Who asks for a name in capitals looks for it in capitals; of several the first counts.
    exact = {pattern.lower(): pattern for pattern in reversed(patterns)}
    return {exact.get(name, name): value for name, value in found.items()}


@register("config|set")
def config_set(server, client, argv: list[bytes]) -> Simple:
    refuse_more_than(server, client, argv, 4)
    if len(argv) % 2:
        raise Error("ERR syntax error")
    try:
        server.configure(list(zip(argv[2::2], argv[3::2])), protected_allowed(server, client))
    except DirectiveError as error:
        raise Error(refusal(error)) from None
    return Simple("OK")


def refuse_more_than(server, client, argv: list[bytes], count: int) -> None:
    """Several at once came with Redis 7."""
    if len(argv) > count and is_legacy(server, client):
        name = argv[1].decode("utf-8", "replace")
        raise Error(f"ERR Unknown subcommand or wrong number of arguments for '{name}'. "
                    "Try CONFIG HELP.")


@register("config|resetstat")
def config_resetstat(server, client, argv: list[bytes]) -> Simple:
    server.reset_statistics()
    return Simple("OK")


@register("config|rewrite")
def config_rewrite(server, client, argv: list[bytes]) -> Simple:
    if not server.config_file:
        raise Error("ERR The server is running without a config file")
    try:
        conffile.rewrite(server.config_file, server.config(), users_to_write(server))
    except (OSError, conffile.FileError) as error:
        raise Error(f"ERR Rewriting config file: {error}") from None
    return Simple("OK")


def users_to_write(server) -> list[bytes] | None:
    """None where a file of their own has them, or the file says enough with requirepass."""
    config = server.config("aclfile", "requirepass")
    if config["aclfile"]:
        return None
    password = config["requirepass"].encode("utf-8", "surrogateescape")
    usual = with_password(default_user(), password)
    return [user.show() for name, user in sorted(server.users.all.items())
            if name != b"default" or user != usual]


def refusal(error: DirectiveError) -> str:
    if error.reason is None:
        return f"ERR Unknown option or number of arguments for CONFIG SET - '{error.name}'"
    return (f"ERR CONFIG SET failed (possibly related to argument '{error.name}') - "
            f"{error.reason}")


def protected_allowed(server, client) -> bool:
    """enable-protected-configs, for this client."""
    gate = server.config("enable-protected-configs")["enable-protected-configs"]
    return gate == "yes" or (gate == "local" and client.local)
