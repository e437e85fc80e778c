"""Replies as they stand on the wire: what tests expect, written short."""


def error(text: str) -> bytes:
    return f"-ERR {text}\r\n".encode()


def arity(name: str) -> bytes:
    return error(f"wrong number of arguments for '{name}' command")


def bulk(text) -> bytes:
    """A bulk string; None is the null one."""
    if text is None:
        return NULL
    data = text if isinstance(text, bytes) else text.encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


def array(*items) -> bytes:
    """Of bulk strings."""
    return b"*%d\r\n" % len(items) + b"".join(map(bulk, items))


def words(text: str) -> bytes:
    """An array of what stands between its blanks."""
    return array(*text.split(" "))


def ints(*numbers: int) -> bytes:
    return b"*%d\r\n" % len(numbers) + b"".join(b":%d\r\n" % number for number in numbers)


def parts(reply: bytes) -> list[bytes]:
    """The bulk strings of an array, or a set, of nothing else; none of them holds a line end."""
    assert reply[:1] in b"*~", reply
    return reply.split(b"\r\n")[2:-1:2]


OK, NULL, NULL_ARRAY = b"+OK\r\n", b"$-1\r\n", b"*-1\r\n"
WRONG_TYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
SYNTAX = error("syntax error")
NOT_INT = error("value is not an integer or out of range")
NOT_FLOAT = error("value is not a valid float")
NOT_POSITIVE = error("value is out of range, must be positive")
