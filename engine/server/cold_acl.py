"""ACL: users and what they may do, for administrators; see users.py for the rules."""
import os

from ..wire.command import command_table
from . import rights
from .cold import Error, Set, Simple, register
from .conffile import replace_file
from .users import CATEGORIES, RuleError, category, has_space, join_selectors, lower

LOG_DEFAULT = 10
GENPASS_BITS, GENPASS_BITS_MAX = 256, 4096
NO_FILE = ("ERR This instance is not configured to use an ACL file. You may want to specify users "
           "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a "
           "configuration file set) in order to store users in the configuration.")


def shown(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def number(word: bytes) -> int:
    try:
        return int(word)
    except ValueError:
        raise Error("ERR value is not an integer or out of range") from None


def wrong_arguments(argv: list[bytes]) -> Error:
    return Error("ERR unknown subcommand or wrong number of arguments for "
                 f"'{shown(argv[1][:128])}'. Try ACL HELP.")


# -- users ----------------------------------------------------------------------------------------

@register("acl|setuser")
def setuser(server, client, argv: list[bytes]) -> Simple:
    name, rules = argv[2], argv[3:]
    if has_space(name):
        raise Error("ERR Usernames can't contain spaces or null characters")
    try:
        rules = join_selectors(rules)
    except RuleError as error:
        raise Error("ERR Unmatched parenthesis in acl selector starting at "
                    f"'{shown(error.rule)}'.") from None
    user = server.users.all.get(name) or server.users.new_user(name)
    try:
        user = server.users.changed(user, rules)
    except RuleError as error:
        raise Error(f"ERR Error in ACL SETUSER modifier '{shown(error.rule)}': "
                    f"{error.reason}") from None
    server.users.install(user)
    return Simple("OK")


@register("acl|deluser")
def deluser(server, client, argv: list[bytes]) -> int:
    if b"default" in argv[2:]:
        raise Error("ERR The 'default' user cannot be removed")
    return sum(server.users.remove(name) for name in argv[2:])


@register("acl|getuser")
def getuser(server, client, argv: list[bytes]) -> dict | None:
    user = server.users.all.get(argv[2])
    if user is None:
        return None
    flags = ["on" if user.on else "off", *(["nopass"] if user.nopass else [])]
    first, *others = map(rights_of, user.selectors)
    return {"flags": Set(flags), "passwords": user.digests, **first, "selectors": others}


def rights_of(selector) -> dict[str, bytes]:
    return {"commands": selector.show_commands(), "keys": selector.show_keys(),
            "channels": selector.show_channels(),
            "databases": selector.show_databases() if selector.databases != [] else b""}


@register("acl|list")
def list_users(server, client, argv: list[bytes]) -> list[bytes]:
    return server.users.show()


@register("acl|users")
def names(server, client, argv: list[bytes]) -> list[bytes]:
    return sorted(server.users.all)


@register("acl|whoami")
def whoami(server, client, argv: list[bytes]) -> bytes:
    return client.user


@register("acl|cat")
def cat(server, client, argv: list[bytes]) -> list[str]:
    if len(argv) == 2:
        return list(CATEGORIES)
    if len(argv) > 3:
        raise wrong_arguments(argv)
    if lower(argv[2]) not in CATEGORIES:
        raise Error(f"ERR Unknown category '{shown(argv[2])}'")
    return [row["name"] for row in command_table().values()
            if lower(argv[2]) in row["acl"] and not row["container"]
            or row["id"] in category(lower(argv[2])) and lower(argv[2]) in row["acl"]]


@register("acl|dryrun")
def dryrun(server, client, argv: list[bytes]) -> Simple | bytes:
    name, request = argv[2], argv[3:]
    if name not in server.users.all:
        raise Error(f"ERR User '{shown(name)}' not found")
    row = resolve(request)
    if row is None:
        raise Error(f"ERR Command '{shown(request[0])}' not found")
    if len(request) < abs(row["arity"]) or 0 < row["arity"] < len(request):
        raise Error(f"ERR wrong number of arguments for '{row['name']}' command")
    refusal = rights.refusal(server.capsule, name, request, client.db)
    return Simple("OK") if refusal is None else refusal


def resolve(request: list[bytes]) -> dict | None:
    row = command_table().get(lower(request[0]))
    if row is None or row["parent"] is not None:
        return None
    if row["container"] and len(request) > 1:
        return command_table().get(f"{row['name']}|{lower(request[1])}")
    return row


@register("acl|genpass")
def genpass(server, client, argv: list[bytes]) -> str:
    bits = GENPASS_BITS
    if len(argv) > 3:
        raise wrong_arguments(argv)
    if len(argv) == 3:
        bits = number(argv[2])
        if not 0 < bits <= GENPASS_BITS_MAX:
            raise Error("ERR ACL GENPASS argument must be the number of bits for the output "
                        f"password, a positive number up to {GENPASS_BITS_MAX}")
    digits = (bits + 3) // 4
    return os.urandom((digits + 1) // 2).hex()[:digits]


@register("acl|log")
def log(server, client, argv: list[bytes]) -> list[dict] | Simple:
    if len(argv) > 3:
        raise wrong_arguments(argv)
    if len(argv) == 3 and lower(argv[2]) == "reset":
        rights.log_forget(server.capsule)
        return Simple("OK")
    return rights.log_entries(server.capsule,
                              number(argv[2]) if len(argv) == 3 else LOG_DEFAULT)


# -- the file of users ----------------------------------------------------------------------------

def path_of(server) -> str:
    path = server.config("aclfile")["aclfile"]
    if not path:
        raise Error(NO_FILE)
    return path


@register("acl|save")
def save(server, client, argv: list[bytes]) -> Simple:
    try:
        replace_file(path_of(server), b"\n".join(server.users.show()) + b"\n")
    except OSError as error:
        say = server.shell.get("say")
        if say is not None:
            say(f"Saving the users: {error}")
        raise Error("ERR There was an error trying to save the ACLs. Please check the server logs "
                    "for more information") from None
    return Simple("OK")


@register("acl|load")
def load(server, client, argv: list[bytes]) -> Simple:
    try:
        server.users.load(path_of(server))
    except ValueError as error:
        raise Error(f"ERR {error}") from None
    return Simple("OK")
