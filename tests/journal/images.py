"""RDB files made here, byte by byte: old spellings, which no server at hand writes, and wrong ones.
"""
import struct

from tests.journal.test_load import Running


def length(size: int) -> bytes:
    if size < 64:
        return bytes([size])
    if size < 16384:
        return struct.pack(">H", 0x4000 | size)
    return b"\x80" + struct.pack(">I", size)


def text(data: bytes) -> bytes:
    return length(len(data)) + data


def listpack(values) -> bytes:
    body = b"".join(bytes([0x80 | len(value)]) + value + bytes([1 + len(value)])
                    for value in values)
    return struct.pack("<IH", len(body) + 7, len(values)) + body + b"\xff"


def bent(key: bytes, every: int):
    """The same with one byte changed: each one in turn, by so many."""
    for at in range(3, len(key), every):
        yield key[:at] + bytes([key[at] ^ (0x80 if at // every % 2 else 0x01)]) + key[at + 1:]


def loaded(directory, key: bytes, *requests: str, version: int = 10) -> list[bytes]:
    """The replies of an engine that has read a file with this key; no check sum protects it.

    Raises:
        JournalError: the file was refused.
    """
    place = directory / "appendonlydir"
    place.mkdir(exist_ok=True)
    (place / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\n")
    (place / "appendonly.aof.1.base.rdb").write_bytes(
        b"REDIS%04d" % version + key + b"\xff" + bytes(8))
    for old in place.glob("*.incr.aof"):
        old.unlink()
    with Running(directory) as running:
        return [running.server.execute(*request.encode().split(b" ")) for request in requests]
