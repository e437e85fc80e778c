"""engine/commands/tracking: who is told which keys have changed, and when.

The dialogues are played to valkey-server too. Memory is counted after each test.
"""
import random

import pytest

from tests.commands.pushes import Error, Inside, Outside, Push, hold, hold_with

NOT_ASKED = Error("ERR CLIENT CACHING can be called only when the client is in tracking mode with "
                  "OPTIN or OPTOUT mode enabled")


def switch(what: str) -> Error:
    return Error(f"ERR You can't switch {what} before disabling tracking for this client, and then "
                 "re-enabling it with a different mode.")


def overlap(one: str, how: str, other: str) -> Error:
    return Error(f"ERR Prefix '{one}' overlaps with {how} prefix '{other}'. Prefixes for a single "
                 "client must not overlap.")


def invalidate(*keys: str) -> Push:
    return Push(["invalidate", list(keys)])


DIALOGUES = {
    "turning it on": [
        ("a: client tracking",
         [Error("ERR wrong number of arguments for 'client|tracking' command")]),
        ("a: client trackinginfo", [["flags", ["off"], "redirect", -1, "prefixes", []]]),
        ("a: client getredir", [-1]),
        ("a: client tracking maybe", [Error("ERR syntax error")]),
        ("a: client tracking on what", [Error("ERR syntax error")]),
        ("a: client tracking on prefix", [Error("ERR syntax error")]),
        ("a: client tracking on redirect abc",
         [Error("ERR value is not an integer or out of range")]),
        ("a: client tracking on redirect 99999",
         [Error("ERR The client ID you want redirect to does not exist")]),
        ("a: client tracking on redirect 0",
         [Error("ERR The client ID you want redirect to does not exist")]),
        ("a: client tracking on prefix a",
         [Error("ERR PREFIX option requires BCAST mode to be enabled")]),
        ("a: client tracking on bcast optin",
         [Error("ERR OPTIN and OPTOUT are not compatible with BCAST")]),
        ("a: client tracking on optin optout",
         [Error("ERR You can't specify both OPTIN mode and OPTOUT mode")]),
        ("a: client tracking on optin", ["OK"]),
        ("a: client tracking on optout", [switch("OPTIN/OPTOUT mode")]),
        ("a: client trackinginfo", [["flags", ["on", "optin"], "redirect", 0, "prefixes", []]]),
        ("a: client tracking on bcast", [switch("BCAST mode on/off")]),
        ("a: client tracking on noloop", ["OK"]),
        ("a: client trackinginfo", [["flags", ["on", "noloop"], "redirect", 0, "prefixes", []]]),
        ("a: client tracking off", ["OK"]),
        ("a: client tracking off", ["OK"]),
        ("a: client trackinginfo", [["flags", ["off"], "redirect", -1, "prefixes", []]]),
    ],
    "prefixes": [
        ("a: client tracking on bcast prefix a prefix ab",
         [overlap("a", "another provided", "ab")]),
        ("a: client tracking on bcast prefix b prefix a", ["OK"]),
        ("a: client tracking on bcast prefix aa", [overlap("aa", "an existing", "a")]),
        ("a: client tracking on bcast prefix a", [overlap("a", "an existing", "a")]),
        ("a: client tracking on bcast prefix c", ["OK"]),
        ("a: client trackinginfo",
         [["flags", ["on", "bcast"], "redirect", 0, "prefixes", ["a", "b", "c"]]]),
        ("a: client tracking on", [switch("BCAST mode on/off")]),
        ("a: client tracking off", ["OK"]),
        ("a: client tracking on bcast", ["OK"]),
        ("a: client trackinginfo", [["flags", ["on", "bcast"], "redirect", 0, "prefixes", [""]]]),
        ("a: reset", ["RESET"]),
        ("a: client trackinginfo", [["flags", ["off"], "redirect", -1, "prefixes", []]]),
    ],
    "reads and changes": [
        ("a: hello 3", ...),
        ("a: client tracking on", ["OK"]),
        ("a: get k", [None]),
        ("b: set k 1", ["OK"]),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("b: set k 2", ["OK"]),
        ("a: .", []),
        ("a: get k", ["2"]),
        ("a: set k 3", ["OK", Push(["invalidate", ["k"]])]),
        ("a: .", []),
        ("a: mget k j", [["3", None]]),
        ("b: mset k 1 j 2 other 3", ["OK"]),
        ("a: .", [Push(["invalidate", ["k"]]), Push(["invalidate", ["j"]])]),
        ("a: exists k", [1]),
        ("b: del k", [1]),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("a: ttl k", [-2]),
        ("b: set k 1", ["OK"]),
        ("b: expire k 1000", [1]),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("a: get k", ["1"]),
        ("b: rename k j", ["OK"]),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("a: get j", ["1"]),
        ("b: select 5", ["OK"]),
        ("b: set j 9", ["OK"]),
        ("a: .", [Push(["invalidate", ["j"]])]),
        ("a: get j", ["1"]),
        ("b: flushall", ["OK"]),
        ("a: .", [Push(["invalidate", None])]),
        ("a: get j", [None]),
        ("a: flushdb", ["OK", Push(["invalidate", None])]),
        ("a: client tracking off", ["OK"]),
        ("a: get j", [None]),
        ("b: set j 1", ["OK"]),
        ("a: .", []),
    ],
    "transactions": [
        ("a: hello 3", ...),
        ("a: client tracking on", ["OK"]),
        ("a: multi", ["OK"]),
        ("a: get k", ["QUEUED"]),
        ("a: set k 4", ["QUEUED"]),
        ("a: get k", ["QUEUED"]),
        ("a: exec", [[None, "OK", "4"], Push(["invalidate", ["k"]])]),
        ("b: set k 5", ["OK"]),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("a: get k", ["5"]),
        ("b: multi", ["OK"]),
        ("b: set k 1", ["QUEUED"]),
        ("b: set k 2", ["QUEUED"]),
        ("b: exec", [["OK", "OK"]]),
        ("a: .", [Push(["invalidate", ["k"]])]),
    ],
    "what dies": [
        ("a: hello 3", ...),
        ("a: client tracking on", ["OK"]),
        ("b: set k 1 px 30", ["OK"]),
        ("a: get k", ["1"]),
        ("wait 300", []),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("a: get k", [None]),
    ],
    "opt in": [
        ("a: ~client caching yes", [NOT_ASKED]),
        ("a: hello 3", ...),
        ("a: client tracking on", ["OK"]),
        ("a: ~client caching yes",
         [Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")]),
        ("a: ~client caching no",
         [Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")]),
        ("a: client caching maybe", [Error("ERR syntax error")]),
        ("a: client tracking off", ["OK"]),
        ("a: client tracking on optin", ["OK"]),
        ("a: ~client caching no",
         [Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")]),
        ("a: client caching maybe", [Error("ERR syntax error")]),
        ("a: get j", [None]),
        ("a: ~client caching yes", ["OK"]),
        ("a: ~client trackinginfo",
         [["flags", ["on", "optin", "caching-yes"], "redirect", 0, "prefixes", []]]),
        ("a: get k", [None]),
        ("a: get j", [None]),
        ("a: ~client trackinginfo", [["flags", ["on", "optin"], "redirect", 0, "prefixes", []]]),
        ("b: mset k 1 j 2", ["OK"]),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("a: ~client caching yes", ["OK"]),
        ("a: multi", ["OK"]),
        ("a: get k", ["QUEUED"]),
        ("a: get j", ["QUEUED"]),
        ("a: exec", [["1", "2"]]),
        ("a: get i", [None]),
        ("b: mset i 1 j 2 k 3", ["OK"]),
        ("a: .", [Push(["invalidate", ["j"]]), Push(["invalidate", ["k"]])]),
    ],
    "opt out": [
        ("a: hello 3", ...),
        ("a: client tracking on optout", ["OK"]),
        ("a: ~client caching yes",
         [Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")]),
        ("a: ~client caching no", ["OK"]),
        ("a: ~client trackinginfo",
         [["flags", ["on", "optout", "caching-no"], "redirect", 0, "prefixes", []]]),
        ("a: get k", [None]),
        ("a: get j", [None]),
        ("b: mset k 1 j 2", ["OK"]),
        ("a: .", [Push(["invalidate", ["j"]])]),
    ],
    "without own changes": [
        ("a: hello 3", ...),
        ("a: client tracking on noloop", ["OK"]),
        ("a: get k", [None]),
        ("a: set k 1", ["OK"]),
        ("a: .", []),
        ("b: set k 2", ["OK"]),
        ("a: .", []),
        ("a: get k", ["2"]),
        ("b: set k 3", ["OK"]),
        ("a: .", [Push(["invalidate", ["k"]])]),
    ],
    "broadcasts": [
        ("a: hello 3", ...),
        ("a: client tracking on bcast prefix user: prefix item:",
         [Error("ERR unknown command 'prefix', with args beginning with: 'item:' ")]),
        ("c: hello 3", ...),
        ("c: client tracking on bcast noloop", ["OK"]),
        ("b: mset user:2 1 user:1 2 other 3", ["OK"]),
        ("a: .", []),
        ("c: .", [Push(["invalidate", ["other", "user:1", "user:2"]])]),
        ("c: set item:1 5", ["OK"]),
        ("c: .", []),
        ("a: .", []),
        ("b: del item:1", [1]),
        ("b: incr user:1", [3]),
        ("b: incr user:1", [4]),
        ("a: .", []),
        ("c: .",
         [Push(["invalidate", ["item:1"]]), Push(["invalidate", ["user:1"]]),
          Push(["invalidate", ["user:1"]])]),
        ("b: flushdb", ["OK"]),
        ("a: .", []),
        ("c: .", [Push(["invalidate", None])]),
    ],
    "what is shown": [
        ("a: hello 3", ...),
        ("a: client tracking on", ["OK"]),
        ("a: get k", [None]),
        ("a: get j", [None]),
        ("b: client tracking on", ["OK"]),
        ("b: get k", [None]),
        ("b: set k 5", ["OK"]),
        ("a: .", [Push(["invalidate", ["k"]])]),
        ("b: client tracking off", ["OK"]),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


# -- in another's place ---------------------------------------------------------------------------

@pytest.fixture(params=["here", "valkey"])
def connect(request):
    if request.param == "valkey":
        oracle = request.getfixturevalue("valkey")
        oracle.ask("flushall")
        return lambda: Outside(oracle.path)
    server = request.getfixturevalue("server")
    return lambda: Inside(server)


def say(client, request: str) -> list:
    return client.ask(request.encode().split(b" "))


def listener(connect):
    client = connect()
    ident, = say(client, "client id")
    return client, ident


def test_redirect_to_a_subscriber(connect):
    """RESP2, as clients did it before there were pushes."""
    ear, ident = listener(connect)
    reader, writer = connect(), connect()
    assert say(reader, f"client tracking on redirect {ident}") == ["OK"]
    assert say(reader, "client getredir") == [ident]
    assert say(reader, "client trackinginfo") == [["flags", ["on"], "redirect", ident,
                                                   "prefixes", []]]
    say(reader, "get k")
    say(writer, "set k 1")
    assert ear.listen() == []           # it does not listen
    say(ear, "subscribe __redis__:invalidate")
    say(reader, "get k")
    say(writer, "set k 2")
    assert ear.listen() == [["message", "__redis__:invalidate", ["k"]]]
    say(reader, "get k")
    say(reader, "set k 3")
    assert ear.listen() == [["message", "__redis__:invalidate", ["k"]]]
    say(writer, "flushall")
    assert ear.listen() == [["message", "__redis__:invalidate", None]]
    say(reader, "client tracking off")
    say(reader, "get k")
    say(writer, "set k 4")
    assert ear.listen() == []


def test_redirect_to_who_speaks_resp3(connect):
    ear, ident = listener(connect)
    reader, writer = connect(), connect()
    say(ear, "hello 3")
    say(reader, f"client tracking on bcast prefix a redirect {ident}")
    say(writer, "mset a 1 b 2")
    assert ear.listen() == [invalidate("a")]


def test_redirect_that_breaks(connect):
    ear, ident = listener(connect)
    reader, writer = connect(), connect()
    say(reader, "hello 3")
    say(reader, f"client tracking on redirect {ident}")
    say(ear, "quit") if isinstance(ear, Inside) else ear.socket.close()
    if isinstance(ear, Inside):
        ear.client.close()
    else:
        while say(writer, f"client list id {ident}") != [""]:
            pass
    say(reader, "get k")
    say(writer, "set k 1")
    assert reader.listen() == [Push(["tracking-redir-broken", ident])]
    assert say(reader, "client trackinginfo") == [
        ["flags", ["on", "broken_redirect"], "redirect", ident, "prefixes", []]]


# -- the table ------------------------------------------------------------------------------------

def field(server, section: bytes, name: str) -> int:
    lines = dict(line.split(":", 1) for line in server.execute(b"info", section).decode()
                 .split("\r\n") if ":" in line)
    return int(lines[name])


def test_the_table_is_limited(server):
    """Keys that are too many are invalidated at random: nobody keeps what is not remembered."""
    server.execute(b"config", b"set", b"tracking-table-max-keys", b"50")
    reader = Inside(server)
    say(reader, "hello 3")
    say(reader, "client tracking on")
    told = []
    for i in range(200):
        values = say(reader, f"get key:{i}")
        told += [value[1][0] for value in values if isinstance(value, Push)]
    assert field(server, b"stats", "tracking_total_keys") == 50
    assert len(told) == len(set(told)) == 150
    server.execute(b"config", b"set", b"tracking-table-max-keys", b"10")
    values = say(reader, "get more")
    assert len([value for value in values if isinstance(value, Push)]) == 41


def test_random_readers_and_writers(server):
    """Beside a model: key -> clients who are to be told."""
    rng = random.Random(5)
    readers = [Inside(server) for _ in range(6)]
    writer = Inside(server)
    for reader in readers:
        say(reader, "hello 3")
        say(reader, "client tracking on")
    knows = {i: set() for i in range(len(readers))}
    for _ in range(1500):
        key = f"key:{rng.randrange(30)}"
        if rng.random() < 0.7:
            i = rng.randrange(len(readers))
            say(readers[i], f"get {key}")
            knows[i].add(key)
            continue
        say(writer, f"set {key} 1" if rng.random() < 0.5 else f"append {key} x")
        for i, reader in enumerate(readers):
            assert reader.listen() == ([invalidate(key)] if key in knows[i] else [])
            knows[i].discard(key)
    assert field(server, b"stats", "tracking_total_items") == sum(map(len, knows.values()))
    assert field(server, b"stats", "tracking_total_keys") == len(set().union(*knows.values()))
    assert field(server, b"clients", "tracking_clients") == 6
    say(writer, "flushall")
    assert all(reader.listen() == [Push(["invalidate", None])] for reader in readers)
    assert field(server, b"stats", "tracking_total_keys") == 0


def test_who_leaves_is_forgotten(server):
    readers = [Inside(server) for _ in range(5)]
    for reader in readers:
        say(reader, "hello 3")
        say(reader, "client tracking on bcast prefix user:")
    assert field(server, b"stats", "tracking_total_prefixes") == 1
    writer = Inside(server)
    say(writer, "set user:1 x")
    for reader in readers[:4]:
        reader.client.close()
    assert readers[4].listen() == [invalidate("user:1")]
    say(readers[4], "client no-evict on")
    line = writer.client.execute(b"client", b"list", b"flags", b"tB")
    assert line.count(b"redir=0") == 1 and b" flags=tBe " in line
    readers[4].client.close()
    assert field(server, b"stats", "tracking_total_prefixes") == 0
