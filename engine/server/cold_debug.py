"""DEBUG: what tests of a server need. Not to be relied on by programs; closed unless
enable-debug-command opens it."""
import time
from collections.abc import Callable

from . import debug
from .cold import Error, Raw, Set, Simple, Verbatim, register

STRING_SIZE_MAX = 16 << 20              # of STRINGMATCH-LEN
REFUSAL = ("ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", "
           "you can run it from a local connection, otherwise you need to set this option in the "
           "configuration file, and then restart the server.")
# Name, syntax and what it does (for HELP), words behind the name: least and most.
TABLE: dict[str, tuple[str, str, int, int, Callable]] = {}


def subcommand(syntax: str, summary: str, least: int = 0, most: int | None = None) -> Callable:
    """Decorator: serves DEBUG <first word of syntax> with that many further arguments."""
    def put(serve: Callable) -> Callable:
        TABLE[syntax.split()[0].lower()] = (
            syntax, summary, least, least if most is None else most, serve)
        return serve
    return put


def text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


@register("debug")
def serve(server, client, argv: list[bytes]):
    gate = server.config("enable-debug-command")["enable-debug-command"]
    if gate != "yes" and not (gate == "local" and client.local):
        raise Error(REFUSAL)
    row = TABLE.get(text(argv[1]).lower())
    if row is None or not row[2] <= len(argv) - 2 <= row[3]:
        raise Error("ERR unknown subcommand or wrong number of arguments for "
                    f"'{text(argv[1][:128])}'. Try DEBUG HELP.")
    return row[4](server, client, argv[2:])


@subcommand("HELP", "Print this help.")
def help_lines(server, client, words):
    lines = ["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for name, (syntax, summary, *_) in sorted(TABLE.items()):
        if name != "help":
            lines += [syntax, f"    {summary}"]
    return [Simple(line) for line in [*lines, "HELP", "    Print this help."]]


@subcommand("SLEEP <seconds>", "Do nothing, and serve nobody, for so long.", 1)
def sleep(server, client, words):
    try:
        seconds = float(words[0])
    except ValueError:
        seconds = 0.0
    if 0 < seconds < 2**31:
        time.sleep(seconds)
    return Simple("OK")


@subcommand("ERROR <message>", "Reply with this error.", 1)
def error(server, client, words):
    return Error(text(words[0]))


@subcommand("LOG <message>", "Write a line to the log.", 1)
def log(server, client, words):
    say = server.shell.get("say")
    if say is not None:
        say(f"DEBUG LOG: {text(words[0])}")
    return Simple("OK")


@subcommand("SET-ACTIVE-EXPIRE <0 | 1>", "Leave dead keys until somebody asks for them, or not.", 1)
def set_active_expire(server, client, words):
    debug.set_active_expire(server.capsule, words[0].strip() not in (b"0", b""))
    return Simple("OK")


# -- keys -----------------------------------------------------------------------------------------

def described(server, client, key: bytes) -> dict:
    found = debug.describe_key(server.capsule, client.db, key)
    if found is None:
        raise Error("ERR no such key")
    return found


def serialized_size(found: dict) -> int:
    """Bytes of the value in a snapshot, as Valkey would write it uncompressed."""
    size = found["size"]
    if not found["is_string"]:
        return found["serialized"]
    if found["is_int"] and size <= 4:
        return 2 if size <= 2 or size == 3 else 3
    return size + (1 if size < 64 else 2 if size < 16384 else 5)


@subcommand("OBJECT <key> [FAST]", "Tell how a value is stored.", 1, 2)
def describe_object(server, client, words):
    found = described(server, client, words[0])
    line = f"Value at:{found['address']:#x} refcount:1 encoding:{found['encoding']}"
    if words[1:2] != [b"fast"]:
        line += f" serializedlength:{serialized_size(found)}"
    line += f" lru:{found['access']}"
    if found["freq"] is None:
        return Simple(f"{line} lru_seconds_idle:{found['idle']}{found['more']}")
    return Simple(f"{line} lfu_freq:{found['freq']}{found['more']}")


@subcommand("LISTPACK <key>", "Print what is in a listpack to standard output.", 1)
def listpack(server, client, words):
    described(server, client, words[0])         # or "no such key"
    found = debug.listpack_of(server.capsule, client.db, words[0])
    if found is None:
        raise Error("ERR Not a listpack encoded object.")
    size, elements = found
    print(f"{{total bytes {size}}} {{num entries {len(elements)}}}")
    for at, element in enumerate(elements):
        print(f"{{index {at}}} {element!r}")
    print("{end}", flush=True)
    return Simple("Listpack structure printed on stdout")


@subcommand("SDSLEN <key>", "Tell the sizes of a key and of its string.", 1)
def sdslen(server, client, words):
    found = described(server, client, words[0])
    if not found["is_string"] or found["is_int"]:
        raise Error("ERR Not an sds encoded string.")
    return Simple(
        f"key_sds_len:{found['key_size']} key_sds_avail:0 obj_alloc:{found['block']} "
        f"val_sds_len:{found['size']} val_sds_avail:{found['size_max'] - found['size']} "
        f"val_alloc:{found['body']}")


@subcommand("DIGEST", "Return a digest of all data, the same in every server that holds it.")
def digest(server, client, words):
    return Simple(debug.digest_all(server.capsule))


@subcommand("DIGEST-VALUE [<key> ...]", "Return a digest of each value.", 0, 1 << 20)
def digest_value(server, client, words):
    return [Simple(debug.digest_key(server.capsule, client.db, key)) for key in words]


@subcommand("POPULATE <count> [<prefix>] [<size>]", "Make <prefix>:0, <prefix>:1 ... for tests.",
            1, 3)
def populate(server, client, words):
    def positive(word: bytes) -> int:
        if not word.isdigit() or int(word) > 2**63 - 1:
            raise Error("ERR value is out of range, must be positive")
        return int(word)
    count = positive(words[0])
    size = positive(words[2]) if len(words) > 2 else None
    if size is not None and size > int(server.config("proto-max-bulk-len")["proto-max-bulk-len"]):
        raise Error("ERR value is out of range, must be positive")
    prefix = words[1] if len(words) > 1 else b"key"
    debug.populate(server.capsule, client.db, count, prefix, size)
    return Simple("OK")


@subcommand("HTSTATS <dbid> [full]", "Tell about the table of a database.", 1, 2)
def htstats(server, client, words):
    try:
        db = int(words[0])
    except ValueError:
        raise Error("ERR value is not an integer or out of range") from None
    if not 0 <= db < int(server.config("databases")["databases"]):
        raise Error("ERR Out of range database")
    found = debug.describe_table(server.capsule, db)
    lines = ["[Dictionary HT]"]
    if found["items"]:
        lines += [f" number of entries: {found['items']}", f" segments: {found['segments']}",
                  f" directory depth: {found['depth']}", f" bytes: {found['overhead']}"]
    lines.append("[Expires HT]")
    if found["volatile"]:
        lines += [f" number of entries: {found['volatile']}", f" first due: {found['due_ms']} ms"]
    return Verbatim("\n".join(lines) + "\n")


@subcommand("HTSTATS-KEY <key> [full]", "Tell about the table that a value is kept in.", 1, 2)
def htstats_key(server, client, words):
    described(server, client, words[0])
    raise Error("ERR The value stored at the specified key is not represented using an hash table")


# -- protocol and patterns ------------------------------------------------------------------------

@subcommand("STRINGMATCH-LEN <size> <pattern>", "Match a pattern with so many letters a.", 2)
def stringmatch(server, client, words):
    if not words[0].isdigit() or not 0 <= int(words[0]) <= STRING_SIZE_MAX:
        raise Error("ERR value is not an integer or out of range")
    return int(debug.string_matches(words[1], int(words[0])))


BIG = "1234567999999999999999999999999999999"
PROTOCOL = {
    "string": "Hello World", "integer": 12345, "double": 3.141, "null": None,
    "array": [0, 1, 2], "set": Set([0, 1, 2]), "map": {0: False, 1: True, 2: False},
    "verbatim": Verbatim("This is a verbatim\nstring"), "true": True, "false": False,
}


@subcommand("PROTOCOL <type>", "Reply with an example of a type of reply: string, integer, double,"
            " bignum, null, array, set, map, attrib, push, verbatim, true, false.", 1)
def protocol(server, client, words):
    name = text(words[0]).lower()
    if name in PROTOCOL:
        return PROTOCOL[name]
    if name == "bignum":
        return BIG if client.resp == 2 else Raw(f"({BIG}\r\n".encode())
    if name == "attrib":
        reply = b"$39\r\nSome real reply following the attribute\r\n"
        mark = b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
        return Raw(reply if client.resp == 2 else mark + reply)
    if name == "push":
        if client.resp == 2:
            raise Error("ERR RESP2 is not supported by this command")
        return Raw(b"$40\r\nSome real reply following the push reply\r\n"
                   b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n")
    raise Error("ERR Wrong protocol type name. Please use one of the following: string|integer|"
                "double|bignum|null|array|set|map|attrib|push|verbatim|true|false")


@subcommand("LOADAOF", "Write the append only file, empty the databases, and load it again.")
def load_journal(server, client, words):
    from .journal import JournalError
    try:
        if server.journal is None:
            raise JournalError("there is no append only file to load")
        server.journal.reload()
    except JournalError as error:
        raise Error(f"ERR Error trying to load the AOF files, check server logs: {error}") from None
    return Simple("OK")


@subcommand("RELOAD [NOSAVE] [NOFLUSH] [MERGE]", "As LOADAOF, since that is how data is saved.",
            0, 3)
def reload(server, client, words):
    if not {word.lower() for word in words} <= {b"nosave", b"noflush", b"merge"}:
        raise Error("ERR syntax error")
    if words:
        raise Error("ERR DEBUG RELOAD takes no options here: the append only file is always whole")
    return load_journal(server, client, [])
