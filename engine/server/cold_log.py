"""SLOWLOG and COMMANDLOG: calls that were slow, came large or were answered at length."""
from . import inspect
from .cold import Error, Simple, register

KINDS = ("slow", "large-request", "large-reply")
SLOW = 0
COUNT_MAX = 2**63 - 1


def kind_of(word: bytes) -> int:
    name = word.decode("utf-8", "replace").lower()
    if name not in KINDS:
        raise Error(f"ERR type should be one of the following: {', '.join(KINDS)}")
    return KINDS.index(name)


def count_of(word: bytes) -> int:
    """-1 for all, or how many."""
    digits = word.removeprefix(b"-")
    plain = digits.isdigit() and (digits[:1] != b"0" or word == b"0")
    if not plain or not -1 <= int(word) <= COUNT_MAX:
        raise Error("ERR count should be greater than or equal to -1")
    return int(word)


def entries(server, kind: int, count: int) -> list:
    return [list(entry) for entry in inspect.log_entries(server.capsule, kind, count)]


@register("slowlog|get")
def slowlog_get(server, client, argv: list[bytes]) -> list:
    if len(argv) > 3:
        raise Error("ERR unknown subcommand or wrong number of arguments for "
                    f"'{argv[1].decode('utf-8', 'replace')}'. Try SLOWLOG HELP.")
    return entries(server, SLOW, count_of(argv[2]) if len(argv) == 3 else 10)


@register("slowlog|len")
def slowlog_len(server, client, argv: list[bytes]) -> int:
    return inspect.log_count(server.capsule, SLOW)


@register("slowlog|reset")
def slowlog_reset(server, client, argv: list[bytes]) -> Simple:
    inspect.log_forget(server.capsule, SLOW)
    return Simple("OK")


@register("commandlog|get")
def commandlog_get(server, client, argv: list[bytes]) -> list:
    count = count_of(argv[2])
    return entries(server, kind_of(argv[3]), count)


@register("commandlog|len")
def commandlog_len(server, client, argv: list[bytes]) -> int:
    return inspect.log_count(server.capsule, kind_of(argv[2]))


@register("commandlog|reset")
def commandlog_reset(server, client, argv: list[bytes]) -> Simple:
    inspect.log_forget(server.capsule, kind_of(argv[2]))
    return Simple("OK")
