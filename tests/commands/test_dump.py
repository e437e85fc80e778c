"""DUMP and RESTORE. Goal: payloads go both ways between us and Valkey, and no payload harms.
Method: the same values dumped by both and restored by the other, compared by DEBUG DIGEST-VALUE;
dialogues of options played to both; payloads with right check sums and wrong insides by the
thousand, after which every key must still be readable and every block given back."""
import pathlib
import random
import struct

import pytest

from kvd.engine.wire.command import command_table
from tests.faces import c_crc, c_state
from tests.oracle import OracleError
from tests.server.replies import ask

TABLE = command_table()
ROOMS = pathlib.Path(__file__).parents[2] / "engine" / "journal"
# The room that writes a value, by the command that makes it.
TYPES = {"RPUSH": "list", "HSET": "hash", "ZADD": "zset", "XADD": "stream", "SADD": "set",
         "SET": "format", "PFADD": "format"}
SETTINGS = {"enable_debug_command": "yes"}


def sign(body: bytes, version: int = 80) -> bytes:
    body += struct.pack("<H", version)
    return body + struct.pack("<Q", c_crc.sum64(body))


def answer(target, *words):
    try:
        return ask(target, *words)
    except OracleError as error:
        return str(error)


def values() -> dict[str, list[list]]:
    """Commands that make a key of each kind, as many as are here."""
    many = range(400)
    made = {
        "string": [["SET", "hello world"]], "empty": [["SET", ""]],
        "int": [["SET", "12345"]], "negative": [["SET", "-9223372036854775808"]],
        "long": [["SET", "x" * 100000]], "binary": [["SET", bytes(range(256))]],
        "appended": [["SET", "a"], ["APPEND", "b"]],
        "list": [["RPUSH", "a", "1", "-7", "x" * 40]],
        "quicklist": [["RPUSH", *(f"item {i}" * 5 for i in many)]],
        "intset": [["SADD", "1", "-5", "100000", "9999999999"]],
        "set": [["SADD", "a", "b", "1"]], "hashed set": [["SADD", *map(str, many), "x"]],
        "zset": [["ZADD", "1", "a", "-inf", "b", "2.5", "c"]],
        "skiplist": [["ZADD", *(str(word) for i in many for word in (i / 3, f"m{i}"))]],
        "hash": [["HSET", "f", "v", "n", "12"]],
        "hashed hash": [["HSET", *(f"{kind}{i}" for i in many for kind in "fv")]],
        "mortal fields": [["HSET", "f", "v", "g", "w"],
                          ["HPEXPIREAT", "99999999999999", "FIELDS", "1", "f"]],
        "stream": [["XADD", "1-1", "f", "v"], ["XADD", "2-1", "f", "v", "g", "w"]],
        "groups": [["XADD", "1-1", "f", "v"], ["XGROUP CREATE", "g", "0"]],
        "hll": [["PFADD", "a", "b", "c"]],
    }
    return {name: lines for name, lines in made.items()
            if all(line[0].lower().replace(" ", "|") in TABLE for line in lines)
            and (ROOMS / f"rdb_{TYPES[lines[0][0].split()[0]]}.pyx").exists()}


def make(target, key: str, lines: list[list]) -> None:
    for first, *rest in lines:
        ask(target, *first.split(), key, *rest)


@pytest.mark.oracle
@pytest.mark.parametrize("name", values())
def test_payloads_go_both_ways(server, debugged_valkey, name):
    debugged_valkey.ask("FLUSHALL")
    theirs = debugged_valkey.client()
    make(server, "key", values()[name])
    payload = ask(server, "DUMP", "key")
    assert answer(theirs, "RESTORE", "copy", 0, payload) == b"OK"
    make(theirs, "key", values()[name])
    digest, = ask(server, "DEBUG", "DIGEST-VALUE", "key")
    assert ask(theirs, "DEBUG", "DIGEST-VALUE", "copy") == [digest]
    assert answer(server, "RESTORE", "copy", 0, ask(theirs, "DUMP", "key")) == b"OK"
    assert ask(server, "DEBUG", "DIGEST-VALUE", "copy") == [digest]
    encoding = ask(theirs, "OBJECT", "ENCODING", "copy")
    assert ask(server, "OBJECT", "ENCODING", "copy") == encoding
    assert payload[-10:-8] == b"P\0" and ask(theirs, "DUMP", "key")[0] == payload[0]
    theirs.close()


HELLO = sign(b"\0\5hello")
DIALOGUE = [
    ["DUMP", "nosuch"], ["RESTORE", "x", 0, "abc"], ["RESTORE", "x", "abc", "abc"],
    ["RESTORE", "x", -1, "abc"], ["SET", "a", "1"], ["RESTORE", "a", 0, "abc"],
    ["RESTORE", "a", 0, "abc", "REPLACE"], ["RESTORE", "x", 0, "abc", "FOO"],
    ["RESTORE", "x", 0, "abc", "IDLETIME"], ["RESTORE", "x", 0, "abc", "IDLETIME", -1],
    ["RESTORE", "x", 0, "abc", "FREQ", 256], ["RESTORE", "x", 0, "abc", "FREQ", "x"],
    ["RESTORE", "x", 0, "abc", "FREQ", 1, "IDLETIME", 1],
    ["RESTORE", "x", 0, "abc", "IDLETIME", 1, "FREQ", 1],
    ["RESTORE", "x", 0, "abc", "ABSTTL", "REPLACE"],
    *(["RESTORE", f"v{version}", 0, sign(b"\0\5hello", version)]
      for version in (0, 1, 5, 6, 9, 10, 11, 12, 13, 79, 80, 81, 256, 65535)),
    *(["RESTORE", "t", 0, sign(bytes([kind]) + b"\5hello")]
      for kind in (1, 2, 5, 6, 7, 8, 22, 23, 30, 255)),
    ["RESTORE", "trail", 0, sign(b"\0\5hellox")], ["GET", "trail"], ["RESTORE", "e", 0, sign(b"")],
    ["RESTORE", "b", 0, sign(b"\0\x80\x7f\xff\xff\xff")],
    ["RESTORE", "b", 0, sign(b"\0\x81\x7f\xff\xff\xff\xff\xff\xff\xff")],
    ["RESTORE", "b", 0, sign(b"\0\xc3\x01\x02")],
    ["RESTORE", "big", 9223372036854775807, HELLO], ["EXISTS", "big"],
    ["RESTORE", "past", 1, HELLO, "ABSTTL"], ["EXISTS", "past"],
    ["SET", "past", "x"], ["RESTORE", "past", 1, HELLO, "ABSTTL", "REPLACE"], ["EXISTS", "past"],
    ["RESTORE", "idle", 0, HELLO, "IDLETIME", 100], ["OBJECT", "IDLETIME", "idle"],
    # How idle that is, depends on the width of a field.
    ["RESTORE", "idler", 0, HELLO, "IDLETIME", 9223372036854775807],
    ["RESTORE", "freq", 0, HELLO, "FREQ", 9],
    ["RESTORE", "ttl", 0, HELLO], ["TTL", "ttl"],
    ["RESTORE", "ttl", 99999999999999, HELLO, "ABSTTL", "REPLACE"], ["PEXPIRETIME", "ttl"],
    ["RESTORE-ASKING", "asking", 0, HELLO], ["GET", "asking"],
    ["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"],
    ["RESTORE", "often", 0, HELLO, "FREQ", 9], ["OBJECT", "FREQ", "often"],
]


@pytest.mark.oracle
def test_options_are_valkeys(server, stock_valkey):
    theirs = stock_valkey.client()
    for line in DIALOGUE:
        assert answer(server, *line) == answer(theirs, *line), line
    theirs.close()


def test_the_journal_has_what_was_decided(server):
    c_state.journal_start(server)
    ask(server, "SET", "gone", "x")
    c_state.journal_take(server)
    ask(server, "RESTORE", "a", 0, HELLO, "IDLETIME", 5)
    assert b"RESTORE\r\n$1\r\na\r\n$1\r\n0\r\n" in c_state.journal_take(server)
    ask(server, "RESTORE", "b", 100000, HELLO)
    text = c_state.journal_take(server)
    assert b"$7\r\nREPLACE\r\n$6\r\nABSTTL\r\n" in text and b"$6\r\n100000" not in text
    ask(server, "RESTORE", "gone", 1, HELLO, "ABSTTL", "REPLACE")
    assert c_state.journal_take(server).endswith(b"*2\r\n$3\r\nDEL\r\n$4\r\ngone\r\n")
    ask(server, "RESTORE", "never", 1, HELLO, "ABSTTL")
    assert c_state.journal_take(server) == b""


def mutate(rand: random.Random, body: bytes) -> bytes:
    bad = bytearray(body)
    for _ in range(rand.randint(1, 4)):
        at = rand.randrange(len(bad))
        kind = rand.randrange(5)
        if kind == 0:
            bad[at] = rand.choice([0, 1, 0x7F, 0x80, 0x81, 0xC0, 0xC3, 0xFE, 0xFF])
        elif kind == 1:
            bad[at] ^= 1 << rand.randrange(8)
        elif kind == 2:
            del bad[at:at + rand.randint(1, 8)]
        elif kind == 3:
            bad[at:at] = rand.randbytes(rand.randint(1, 6))
        else:
            bad[at:at + 4] = struct.pack("<I", rand.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF]))[:4]
        if not bad:
            return b"\0"
    return bytes(bad)


@pytest.mark.parametrize("name", values())
def test_no_payload_harms(server, name):
    """Whatever is taken for a value can be read, digested, dumped, copied and deleted."""
    rand = random.Random(name)
    make(server, "key", values()[name])
    body = ask(server, "DUMP", "key")[:-10]
    taken = 0
    for _ in range(1500 if len(body) < 2000 else 200):
        reply = answer(server, "RESTORE", "bad", 0, sign(mutate(rand, body)), "REPLACE")
        if reply != b"OK":
            assert reply == "ERR Bad data format"
            continue
        taken += 1
        ask(server, "DEBUG", "DIGEST-VALUE", "bad")
        ask(server, "MEMORY", "USAGE", "bad", "SAMPLES", 0)
        again = ask(server, "DUMP", "bad")
        assert ask(server, "RESTORE", "again", 0, again, "REPLACE") == b"OK"
        assert ask(server, "DEBUG", "DIGEST-VALUE", "bad") == ask(
            server, "DEBUG", "DIGEST-VALUE", "again")
        ask(server, "COPY", "bad", "copy", "REPLACE")
        ask(server, "DEL", "bad")
    assert taken or name != "string"


def test_random_bytes_are_refused(server):
    rand = random.Random(3)
    for _ in range(3000):
        body = rand.randbytes(rand.randint(0, 40))
        reply = answer(server, "RESTORE", "x", 0, sign(body), "REPLACE")
        assert reply in (b"OK", "ERR Bad data format")


def test_migrate_says_that_it_cannot(server):
    assert "DUMP" in answer(server, "MIGRATE", "127.0.0.1", 1, "a", 0, 100)
