"""Describe one request with changing numbers in it: the words that cases are written in.

    Request(b"SET", key(), b"x" * 32)          a random key of 1,000,000
    Request(b"DEL", key(order="each"))         every key once
    Request(b"RENAME", key(), same(b"new:"))   the same number behind another prefix
"""
import dataclasses
import math

KEY_BYTES = 16
KEYSPACE = 1_000_000
KINDS = {"random": 0, "each": 1, "same": 2}
# A prime stride of about 0.38 of the range visits neighbours far apart, so that `each` order
# has no locality that `random` lacks.
STRIDE = 0.381966


@dataclasses.dataclass(frozen=True)
class Number:
    """A prefix and decimal digits, together `size` bytes.

    `order` is random, each (a permutation), ascending, or same (as the number before).
    """
    prefix: bytes = b"key:"
    count: int = KEYSPACE
    first: int = 0
    order: str = "random"
    size: int = KEY_BYTES

    @property
    def digits(self) -> int:
        return len(str(self.first + self.count - 1))

    @property
    def step(self) -> int:
        if self.order == "ascending":
            return 1
        step = max(1, int(self.count * STRIDE))
        while math.gcd(step, self.count) != 1:
            step += 1
        return step


def key(prefix: bytes = b"key:", **options) -> Number:
    return Number(prefix, **options)


def same(prefix: bytes = b"key:", **options) -> Number:
    return Number(prefix, order="same", **options)


class Request:
    """One command as template bytes and fields, ready for the generator."""

    def __init__(self, *args: bytes | Number):
        data = bytearray(b"*%d\r\n" % len(args))
        self.fields = []
        for arg in args:
            if isinstance(arg, Number):
                if arg.digits + len(arg.prefix) > arg.size:
                    raise ValueError(f"{arg} does not fit {arg.size} bytes")
                text = arg.prefix + b"0" * (arg.size - len(arg.prefix))
            else:
                text = arg
            data += b"$%d\r\n%s" % (len(text), text)
            if isinstance(arg, Number):
                kind = KINDS.get(arg.order, KINDS["each"])
                self.fields.append((len(data), arg.digits, kind, arg.first, arg.count, arg.step))
            data += b"\r\n"
        self.data = bytes(data)
