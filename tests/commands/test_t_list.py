"""engine/commands/t_list and list_move: replies, encodings, events, journal, and waiting.

The dialogues are played to valkey-server too, where there is one, so their replies are its. Random
commands are compared with it, in replies, contents and encodings.
"""
import random

import pytest

from tests.commands.dialogue import hold, hold_with
from tests.commands.replies import NOT_INT, SYNTAX, WRONG_TYPE
from tests.faces import c_state
from tests.oracle import encode

GENERIC, LIST = 1 << 2, 1 << 4

LONG_RANGE = (b"-ERR value is out of range, value must between -9223372036854775807 and "
              b"9223372036854775807\r\n")
RANK_ZERO = (b"-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
             b"or use negative to start from the end of the list\r\n")


DIALOGUES = {
    "push and pop": [
        ("llen l", b":0\r\n"),
        ("rpush l a b c", b":3\r\n"),
        ("lpush l x y", b":5\r\n"),
        ("lrange l 0 -1", b"*5\r\n$1\r\ny\r\n$1\r\nx\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("lpop l", b"$1\r\ny\r\n"),
        ("rpop l", b"$1\r\nc\r\n"),
        ("lpop l 2", b"*2\r\n$1\r\nx\r\n$1\r\na\r\n"),
        ("rpop l 5", b"*1\r\n$1\r\nb\r\n"),
        ("exists l", b":0\r\n"),
        ("lpop l", b"$-1\r\n"),
        ("rpop l", b"$-1\r\n"),
        ("lpop l 0", b"*-1\r\n"),
        ("lpop l 2", b"*-1\r\n"),
        ("lpop l -1", b"-ERR value is out of range, must be positive\r\n"),
        ("lpop l x", b"-ERR value is out of range, must be positive\r\n"),
        ("lpop l 1 2", b"-ERR wrong number of arguments for 'lpop' command\r\n"),
        ("rpush l 1 -5 70000 word ", b":5\r\n"),
        ("lpop l 0", b"*0\r\n"),
        ("rpop l 9223372036854775807",
         b"*5\r\n$0\r\n\r\n$4\r\nword\r\n$5\r\n70000\r\n$2\r\n-5\r\n$1\r\n1\r\n"),
        ("lpushx l a", b":0\r\n"),
        ("rpushx l a", b":0\r\n"),
        ("exists l", b":0\r\n"),
        ("rpush l a", b":1\r\n"),
        ("lpushx l b c", b":3\r\n"),
        ("rpushx l d e", b":5\r\n"),
        ("lrange l 0 -1", b"*5\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        ("set s v", b"+OK\r\n"),
        ("lpush s a", WRONG_TYPE),
        ("rpushx s a", WRONG_TYPE),
        ("lpop s", WRONG_TYPE),
        ("rpop s 1", WRONG_TYPE),
        ("llen s", WRONG_TYPE),
        ("lpush l", b"-ERR wrong number of arguments for 'lpush' command\r\n"),
    ],
    "index": [
        ("rpush l a b c 1 2 3", b":6\r\n"),
        ("lindex l 0", b"$1\r\na\r\n"),
        ("lindex l -1", b"$1\r\n3\r\n"),
        ("lindex l 3", b"$1\r\n1\r\n"),
        ("lindex l 6", b"$-1\r\n"),
        ("lindex l -7", b"$-1\r\n"),
        ("lindex l x", NOT_INT),
        ("lindex none 0", b"$-1\r\n"),
        ("lindex none x", b"$-1\r\n"),
        ("lset l 0 A", b"+OK\r\n"),
        ("lset l -1 -100", b"+OK\r\n"),
        ("lset l 6 x", b"-ERR index out of range\r\n"),
        ("lset l -7 x", b"-ERR index out of range\r\n"),
        ("lset l x x", NOT_INT),
        ("lset none 0 x", b"-ERR no such key\r\n"),
        ("lset none x x", b"-ERR no such key\r\n"),
        ("lrange l 0 -1",
         b"*6\r\n$1\r\nA\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\n1\r\n$1\r\n2\r\n$4\r\n-100\r\n"),
        ("lrange l 2 1", b"*0\r\n"),
        ("lrange l -100 1", b"*2\r\n$1\r\nA\r\n$1\r\nb\r\n"),
        ("lrange l -2 100", b"*2\r\n$1\r\n2\r\n$4\r\n-100\r\n"),
        ("lrange l 6 6", b"*0\r\n"),
        ("lrange l 9223372036854775807 -9223372036854775808", b"*0\r\n"),
        ("lrange l x 0", NOT_INT),
        ("lrange none 0 x", NOT_INT),
        ("lrange none 0 -1", b"*0\r\n"),
        ("set s v", b"+OK\r\n"),
        ("lindex s 0", WRONG_TYPE),
        ("lset s 0 a", WRONG_TYPE),
        ("lrange s 0 -1", WRONG_TYPE),
    ],
    "trim": [
        ("rpush l a b c d e f", b":6\r\n"),
        ("ltrim l 1 -2", b"+OK\r\n"),
        ("lrange l 0 -1", b"*4\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        ("ltrim l 0 100", b"+OK\r\n"),
        ("ltrim l -2 -1", b"+OK\r\n"),
        ("lrange l 0 -1", b"*2\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        ("ltrim l 5 6", b"+OK\r\n"),
        ("exists l", b":0\r\n"),
        ("ltrim none 0 1", b"+OK\r\n"),
        ("ltrim none x 1", NOT_INT),
        ("rpush l a", b":1\r\n"),
        ("ltrim l 1 0", b"+OK\r\n"),
        ("exists l", b":0\r\n"),
        ("set s v", b"+OK\r\n"),
        ("ltrim s 0 1", WRONG_TYPE),
    ],
    "insert": [
        ("linsert l before a b", b":0\r\n"),
        ("rpush l a c a", b":3\r\n"),
        ("linsert l before c b", b":4\r\n"),
        ("linsert l AFTER a 2", b":5\r\n"),
        ("linsert l after none x", b":-1\r\n"),
        ("linsert l beside a x", SYNTAX),
        ("linsert l before 2 1", b":6\r\n"),
        ("lrange l 0 -1",
         b"*6\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\na\r\n"),
        ("set s v", b"+OK\r\n"),
        ("linsert s before a b", WRONG_TYPE),
    ],
    "remove": [
        ("rpush l a b a 1 a 2 a", b":7\r\n"),
        ("lrem l 1 a", b":1\r\n"),
        ("lrem l -1 a", b":1\r\n"),
        ("lrange l 0 -1", b"*5\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n"),
        ("lrem l 0 01", b":0\r\n"),
        ("lrem l -9223372036854775807 1", b":1\r\n"),
        ("lrem l -9223372036854775808 1", LONG_RANGE),
        ("lrem l x 1", NOT_INT),
        ("lrem none 0 a", b":0\r\n"),
        ("lrem l 0 a", b":2\r\n"),
        ("lrem l 0 b", b":1\r\n"),
        ("lrem l -5 2", b":1\r\n"),
        ("exists l", b":0\r\n"),
        ("set s v", b"+OK\r\n"),
        ("lrem s 0 v", WRONG_TYPE),
    ],
    "position": [
        ("rpush l a b c 1 2 3 c c", b":8\r\n"),
        ("lpos l c", b":2\r\n"),
        ("lpos l c rank 2", b":6\r\n"),
        ("lpos l c rank -1", b":7\r\n"),
        ("lpos l c count 2", b"*2\r\n:2\r\n:6\r\n"),
        ("lpos l c count 0", b"*3\r\n:2\r\n:6\r\n:7\r\n"),
        ("lpos l c count 0 rank -2", b"*2\r\n:6\r\n:2\r\n"),
        ("lpos l c rank -1 count 2 maxlen 1", b"*1\r\n:7\r\n"),
        ("lpos l c maxlen 2", b"$-1\r\n"),
        ("lpos l c maxlen 0", b":2\r\n"),
        ("lpos l none", b"$-1\r\n"),
        ("lpos l none count 1", b"*0\r\n"),
        ("lpos none c", b"$-1\r\n"),
        ("lpos none c count 0", b"*0\r\n"),
        ("lpos l c rank 0", RANK_ZERO),
        ("lpos l c rank x", NOT_INT),
        ("lpos l c rank -9223372036854775808", LONG_RANGE),
        ("lpos l c count -1", b"-ERR COUNT can't be negative\r\n"),
        ("lpos l c count x", b"-ERR COUNT can't be negative\r\n"),
        ("lpos l c maxlen -1", b"-ERR MAXLEN can't be negative\r\n"),
        ("lpos l c maxlen", SYNTAX),
        ("lpos l c nonsense 1", SYNTAX),
        ("lpos l 1 rank 1 rank 2", b"$-1\r\n"),
        ("set s v", b"+OK\r\n"),
        ("lpos s v", WRONG_TYPE),
    ],
    "move": [
        ("rpush a 1 2 3", b":3\r\n"),
        ("lmove a b left right", b"$1\r\n1\r\n"),
        ("lmove a b LEFT left", b"$1\r\n2\r\n"),
        ("rpoplpush a b", b"$1\r\n3\r\n"),
        ("lrange b 0 -1", b"*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("exists a", b":0\r\n"),
        ("lmove a b left right", b"$-1\r\n"),
        ("lmove none none2 left right", b"$-1\r\n"),
        ("lmove b b left right", b"$1\r\n3\r\n"),
        ("lmove b b right right", b"$1\r\n3\r\n"),
        ("rpoplpush b b", b"$1\r\n3\r\n"),
        ("lrange b 0 -1", b"*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("lmove a b up down", SYNTAX),
        ("lmove b a left down", SYNTAX),
        ("set s v", b"+OK\r\n"),
        ("lmove b s left left", WRONG_TYPE),
        ("lmove s b left left", WRONG_TYPE),
        ("lrange b 0 -1", b"*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("rpush one x", b":1\r\n"),
        ("lmove one one left right", b"$1\r\nx\r\n"),
        ("lrange one 0 -1", b"*1\r\n$1\r\nx\r\n"),
    ],
    "move several": [
        ("rpush b 1 2 3 4", b":4\r\n"),
        ("lmpop 2 a b left", b"*2\r\n$1\r\nb\r\n*1\r\n$1\r\n1\r\n"),
        ("lmpop 2 b a right count 2", b"*2\r\n$1\r\nb\r\n*2\r\n$1\r\n4\r\n$1\r\n3\r\n"),
        ("lmpop 1 b left count 10", b"*2\r\n$1\r\nb\r\n*1\r\n$1\r\n2\r\n"),
        ("lmpop 1 b left", b"*-1\r\n"),
        ("lmpop 0 b left", b"-ERR numkeys should be greater than 0\r\n"),
        ("lmpop x b left", b"-ERR numkeys should be greater than 0\r\n"),
        ("lmpop 2 b left", SYNTAX),
        ("lmpop 1 b up", SYNTAX),
        ("lmpop 1 b left count 0", b"-ERR count should be greater than 0\r\n"),
        ("lmpop 1 b left count", SYNTAX),
        ("lmpop 1 b left count 1 count 1", SYNTAX),
        ("lmpop 1 b left more 1", SYNTAX),
        ("set s v", b"+OK\r\n"),
        ("lmpop 2 a s left", WRONG_TYPE),
    ],
    "encodings": [
        ("rpush l a", b":1\r\n"),
        ("object encoding l", b"$8\r\nlistpack\r\n"),
        ("config get list-max-*",
         b"*4\r\n$22\r\nlist-max-listpack-size\r\n$2\r\n-2\r\n$21\r\n"
         b"list-max-ziplist-size\r\n$2\r\n-2\r\n"),
        ("config set list-max-listpack-size 3", b"+OK\r\n"),
        ("rpush l b c", b":3\r\n"),
        ("object encoding l", b"$8\r\nlistpack\r\n"),
        ("rpush l d", b":4\r\n"),
        ("object encoding l", b"$9\r\nquicklist\r\n"),
        ("lpop l", b"$1\r\na\r\n"),
        ("object encoding l", b"$9\r\nquicklist\r\n"),
        ("lpop l 2", b"*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("object encoding l", b"$8\r\nlistpack\r\n"),
        ("linsert l before none x", b":-1\r\n"),
        ("rpush l 1 2", b":3\r\n"),
        ("object encoding l", b"$8\r\nlistpack\r\n"),
        ("linsert l before none x", b":-1\r\n"),
        ("object encoding l", b"$9\r\nquicklist\r\n"),
        ("config set list-max-ziplist-size -2", b"+OK\r\n"),
        ("type l", b"+list\r\n"),
        ("copy l m", b":1\r\n"),
        ("lrange m 0 -1", b"*3\r\n$1\r\nd\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        ("rename m k", b"+OK\r\n"),
        ("lpop k", b"$1\r\nd\r\n"),
        ("lrange l 0 -1", b"*3\r\n$1\r\nd\r\n$1\r\n1\r\n$1\r\n2\r\n"),
    ],
    "no waiting": [
        ("rpush l 1 2 3 4 5 6", b":6\r\n"),
        ("blpop k l 0", b"*2\r\n$1\r\nl\r\n$1\r\n1\r\n"),
        ("brpop k l 0", b"*2\r\n$1\r\nl\r\n$1\r\n6\r\n"),
        ("blmove l k left right 0", b"$1\r\n2\r\n"),
        ("brpoplpush l k 0", b"$1\r\n5\r\n"),
        ("lrange k 0 -1", b"*2\r\n$1\r\n5\r\n$1\r\n2\r\n"),
        ("blmpop 0 2 none l left count 5", b"*2\r\n$1\r\nl\r\n*2\r\n$1\r\n3\r\n$1\r\n4\r\n"),
        ("blpop l -1", b"-ERR timeout is negative\r\n"),
        ("blpop l x", b"-ERR timeout is not a float or out of range\r\n"),
        ("blpop l 9223372036854775807", b"-ERR timeout is out of range\r\n"),
        ("blpop l nan", b"-ERR timeout is not a float or out of range\r\n"),
        ("blpop l inf", b"-ERR timeout is out of range\r\n"),
        ("blmove l k up right 0", SYNTAX),
        ("blmove l k left right x", b"-ERR timeout is not a float or out of range\r\n"),
        ("brpoplpush l k -1", b"-ERR timeout is negative\r\n"),
        ("blmpop x 1 l left", b"-ERR timeout is not a float or out of range\r\n"),
        ("blmpop 0 0 l left", b"-ERR numkeys should be greater than 0\r\n"),
        ("blmpop 0 1 l up", SYNTAX),
        ("set s v", b"+OK\r\n"),
        ("blpop s 0", WRONG_TYPE),
        ("rpush l 1", b":1\r\n"),
        ("blmove l s left left 0", WRONG_TYPE),
        ("brpoplpush s l 0", WRONG_TYPE),
        ("blmpop 0 2 none s left", WRONG_TYPE),
        ("multi", b"+OK\r\n"),
        ("blpop none 0", b"+QUEUED\r\n"),
        ("blmove none l left left 0", b"+QUEUED\r\n"),
        ("brpoplpush none l 0", b"+QUEUED\r\n"),
        ("blmpop 0 1 none left", b"+QUEUED\r\n"),
        ("exec", b"*4\r\n*-1\r\n$-1\r\n$-1\r\n*-1\r\n"),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server.client, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


def test_events(server):
    """In Valkey's order: what was added, what was removed, the end of the key."""
    c_state.events_start(server, GENERIC | LIST)
    for request, events in [
        (b"rpush a 1 2 3", [("rpush", 0, b"a")]),
        (b"lpush a 0", [("lpush", 0, b"a")]),
        (b"lpushx none 0", []),
        (b"lset a 0 x", [("lset", 0, b"a")]),
        (b"lset a 9 x", []),
        (b"linsert a before x y", [("linsert", 0, b"a")]),
        (b"linsert a before none y", []),
        (b"lrem a 0 x", [("lrem", 0, b"a")]),
        (b"lrem a 0 x", []),
        (b"ltrim a 0 -1", [("ltrim", 0, b"a")]),
        (b"lpop a", [("lpop", 0, b"a")]),
        (b"lmove a a left right", [("rpush", 0, b"a"), ("lpop", 0, b"a")]),
        (b"lmove a b left right", [("rpush", 0, b"b"), ("lpop", 0, b"a")]),
        (b"rpoplpush a b", [("lpush", 0, b"b"), ("rpop", 0, b"a")]),
        (b"rpoplpush a b", [("lpush", 0, b"b"), ("rpop", 0, b"a"), ("del", 0, b"a")]),
        (b"lmpop 2 a b left", [("lpop", 0, b"b")]),
        (b"blpop a b 0", [("lpop", 0, b"b")]),
        (b"ltrim b 1 0", [("ltrim", 0, b"b"), ("del", 0, b"b")]),
        (b"rpush a 1", [("rpush", 0, b"a")]),
        (b"rpop a 2", [("rpop", 0, b"a"), ("del", 0, b"a")]),
        (b"rpush a 1", [("rpush", 0, b"a")]),
        (b"lrem a 0 1", [("lrem", 0, b"a"), ("del", 0, b"a")]),
    ]:
        server.execute(*request.split())
        assert (request, c_state.events_take()) == (request, events)


def test_journal(server):
    """Words that do not wait, and do not depend on which of several lists was empty."""
    c_state.journal_start(server)
    server.execute(b"rpush", b"a", *b"1 2 3 4 5 6 7 8 9".split())
    c_state.journal_take(server)
    for request, fed in [
        (b"lpush a 0", b"lpush a 0"), (b"lpop a", b"lpop a"), (b"lpop none", None),
        (b"lrange a 0 -1", None), (b"ltrim a 0 -1", None), (b"ltrim a 1 -1", b"ltrim a 1 -1"),
        (b"lpushx none 1", None), (b"lrem a 0 none", None), (b"lset a 90 x", None),
        (b"lmove a a left right", b"lmove a a left right"),
        (b"lmpop 2 none a left", b"LPOP a 1"), (b"lmpop 2 none a right count 2", b"RPOP a 2"),
        (b"blpop none a 0", b"LPOP a"), (b"brpop none a 0", b"RPOP a"),
        (b"blmove a b left right 0", b"LMOVE a b LEFT RIGHT"),
        (b"brpoplpush a b 0", b"RPOPLPUSH a b"),
        (b"blmpop 0 2 none b left count 9", b"LPOP b 2"),
    ]:
        server.execute(*request.split())
        text = b"" if fed is None else encode(*fed.split())
        assert (request, c_state.journal_take(server)) == (request, text)


# -- waiting --------------------------------------------------------------------------------------

def test_waiting_is_ended_by_a_push(server):
    a, b, c = server.client(), server.client(), server.client()
    assert a.execute(b"blpop", b"l", b"0") == b""
    assert b.execute(b"brpop", b"x", b"l", b"0") == b""
    assert c.execute(b"rpush", b"l", b"1", b"2", b"3") == b":3\r\n"
    assert a.process_bytes(b"") == b"*2\r\n$1\r\nl\r\n$1\r\n1\r\n"
    assert b.process_bytes(b"") == b"*2\r\n$1\r\nl\r\n$1\r\n3\r\n"
    assert c.execute(b"lrange", b"l", b"0", b"-1") == b"*1\r\n$1\r\n2\r\n"


def test_waiting_in_order_of_arrival(server):
    waiting = [server.client() for _ in range(5)]
    for client in waiting:
        assert client.execute(b"blpop", b"l", b"0") == b""
    for number, client in enumerate(waiting):
        server.execute(b"rpush", b"l", b"%d" % number)
        assert client.process_bytes(b"") == b"*2\r\n$1\r\nl\r\n$1\r\n%d\r\n" % number
    assert server.execute(b"exists", b"l") == b":0\r\n"


def test_a_moved_element_serves_the_next(server):
    """BLMOVE into a list somebody waits for, and on into a third one."""
    a, b, c = server.client(), server.client(), server.client()
    assert a.execute(b"blmove", b"l1", b"l2", b"left", b"right", b"0") == b""
    assert b.execute(b"brpoplpush", b"l2", b"l3", b"0") == b""
    assert c.execute(b"blmpop", b"0", b"1", b"l3", b"left", b"count", b"9") == b""
    server.execute(b"lpush", b"l1", b"v")
    assert a.process_bytes(b"") == b"$1\r\nv\r\n" == b.process_bytes(b"")
    assert c.process_bytes(b"") == b"*2\r\n$2\r\nl3\r\n*1\r\n$1\r\nv\r\n"
    assert server.execute(b"dbsize") == b":0\r\n"


def test_waiting_for_the_end_of_a_transaction(server):
    """What was pushed and popped in one transaction serves nobody."""
    waits, other = server.client(), server.client()
    assert waits.execute(b"blpop", b"l", b"0") == b""
    for request in (b"multi", b"rpush l 1", b"lpop l", b"exec"):
        other.execute(*request.split())
    assert waits.process_bytes(b"") == b""
    for request in (b"multi", b"rpush l 1 2", b"lpop l", b"exec"):
        other.execute(*request.split())
    assert waits.process_bytes(b"") == b"*2\r\n$1\r\nl\r\n$1\r\n2\r\n"


def test_waiting_ends_with_an_error_or_in_time(server):
    a, b = server.client(), server.client()
    assert a.execute(b"blmove", b"l", b"s", b"left", b"left", b"0") == b""
    server.execute(b"set", b"s", b"v")
    server.execute(b"rpush", b"l", b"1")
    assert a.process_bytes(b"") == WRONG_TYPE
    assert server.execute(b"llen", b"l") == b":1\r\n"
    assert b.execute(b"blpop", b"none", b"0.001") == b""
    while not (reply := b.process_bytes(b"")):
        pass
    assert reply == b"*-1\r\n"


def test_the_journal_of_who_waited(server):
    waits = server.client()
    waits.execute(b"blpop", b"l", b"0")
    c_state.journal_start(server)
    server.execute(b"rpush", b"l", b"1", b"2")
    assert c_state.journal_take(server).endswith(
        encode(b"rpush", b"l", b"1", b"2") + encode(b"LPOP", b"l"))


# -- against valkey -------------------------------------------------------------------------------

def commands(rng: random.Random):
    """Random requests over few keys, so that they meet, with elements of all sizes."""
    def key():
        return rng.choice([b"a", b"b", b"c"])

    def element():
        return rng.choice([b"1", b"2", b"-7", b"70000", b"word", b"", b"x" * 60, b"y" * 500,
                           b"z" * 3000, b"w" * 9000])

    def end():
        return rng.choice([b"left", b"right"])

    def number():
        return b"%d" % rng.choice([0, 1, -1, 2, -2, 3, 5, -5, 10, 30, -30, 100])
    return rng.choice([
        lambda: [rng.choice([b"lpush", b"rpush", b"lpushx", b"rpushx"]), key()] + [
            element() for _ in range(rng.choice([1, 1, 2, 5, 12]))],
        lambda: [rng.choice([b"lpush", b"rpush"]), key()] + [
            element() for _ in range(rng.choice([1, 1, 2, 5, 12]))],
        lambda: [rng.choice([b"lpop", b"rpop"]), key()],
        lambda: [rng.choice([b"lpop", b"rpop"]), key(), number()],
        lambda: [b"linsert", key(), rng.choice([b"before", b"after"]), element(), element()],
        lambda: [b"linsert", key(), rng.choice([b"before", b"after"]), element(), element()],
        lambda: [b"lset", key(), number(), element()],
        lambda: [b"lset", key(), number(), element()],
        lambda: [b"lrem", key(), number(), element()],
        lambda: [b"ltrim", key(), number(), number()],
        lambda: [b"lrange", key(), number(), number()],
        lambda: [b"lindex", key(), number()],
        lambda: [b"lpos", key(), element(), b"rank", number(), b"count", number()],
        lambda: [b"lpos", key(), element(), b"maxlen", number()],
        lambda: [b"lmove", key(), key(), end(), end()],
        lambda: [b"rpoplpush", key(), key()],
        lambda: [b"lmpop", b"2", key(), key(), end(), b"count", b"3"],
        lambda: [b"copy", key(), key(), b"replace"],
        lambda: [b"rename", key(), key()],
        lambda: [b"llen", key()],
    ])()


@pytest.mark.parametrize("fill", [-2, -1, 0, 3, 12, -5])
@pytest.mark.parametrize("seed", range(3))
def test_random_commands_against_valkey(server, valkey, seed, fill):
    theirs, rng = valkey.client(), random.Random(seed)
    for ask in (server.execute, theirs.execute):
        ask(b"flushall")
        ask(b"config", b"set", b"list-max-listpack-size", b"%d" % fill)
    for number in range(400):
        request = commands(rng)
        assert server.execute(*request) == theirs.execute(*request), (seed, number, request)
        for key in (b"a", b"b", b"c"):
            look = (b"object", b"encoding", key)
            assert server.execute(*look) == theirs.execute(*look), (seed, number, request)
    for key in (b"a", b"b", b"c"):
        look = (b"lrange", key, b"0", b"-1")
        assert server.execute(*look) == theirs.execute(*look)
    theirs.execute(b"config", b"set", b"list-max-listpack-size", b"-2")
    theirs.close()
