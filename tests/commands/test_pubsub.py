"""engine/commands/pubsub: who is told what, in which order, and what is left behind.

The dialogues are played to valkey-server too. Then clients subscribe and publish at random beside a
model of sets and patterns. Memory is counted after each test.
"""
import fnmatch
import random

import pytest

from tests.commands.pushes import Error, Inside, Push, hold, hold_with


def cannot(name: str) -> Error:
    return Error(f"ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                 "QUIT / RESET are allowed in this context")

DIALOGUES = {
    "channels": [
        ("a: unsubscribe", [["unsubscribe", None, 0]]),
        ("a: punsubscribe", [["punsubscribe", None, 0]]),
        ("a: sunsubscribe", [["sunsubscribe", None, 0]]),
        ("a: subscribe c1 c2 c1",
         [["subscribe", "c1", 1], ["subscribe", "c2", 2], ["subscribe", "c1", 2]]),
        ("a: psubscribe c*", [["psubscribe", "c*", 3]]),
        ("a: ping", [["pong", ""]]),
        ("a: ping hello", [["pong", "hello"]]),
        ("a: unsubscribe other", [["unsubscribe", "other", 3]]),
        ("b: publish c1 hello", [2]),
        ("b: publish c9 hello", [1]),
        ("b: publish other hello", [0]),
        ("b: spublish c1 hello", [0]),
        ("a: .",
         [["message", "c1", "hello"], ["pmessage", "c*", "c1", "hello"], ["pmessage", "c*",
          "c9", "hello"]]),
        ("b: pubsub numsub c1 other", [["c1", 1, "other", 0]]),
        ("b: pubsub numpat", [1]),
        ("a: unsubscribe c1", [["unsubscribe", "c1", 2]]),
        ("b: publish c1 again", [1]),
        ("a: .", [["pmessage", "c*", "c1", "again"]]),
        ("a: punsubscribe c*", [["punsubscribe", "c*", 1]]),
        ("b: publish c1 gone", [0]),
        ("b: publish c2 two", [1]),
        ("a: .", [["message", "c2", "two"]]),
        ("a: unsubscribe", [["unsubscribe", "c2", 0]]),
        ("a: ping", ["PONG"]),
        ("a: set k 1", ["OK"]),
    ],
    "shard channels": [
        ("a: ssubscribe s1 s2", [["ssubscribe", "s1", 1], ["ssubscribe", "s2", 2]]),
        ("a: subscribe s1", [["subscribe", "s1", 1]]),
        ("b: spublish s1 x", [1]),
        ("b: publish s1 y", [1]),
        ("b: spublish s3 z", [0]),
        ("a: .", [["smessage", "s1", "x"], ["message", "s1", "y"]]),
        ("b: pubsub shardnumsub s1 s3", [["s1", 1, "s3", 0]]),
        ("b: pubsub numsub s1", [["s1", 1]]),
        ("a: sunsubscribe s1", [["sunsubscribe", "s1", 1]]),
        ("a: sunsubscribe other", [["sunsubscribe", "other", 1]]),
        ("b: pubsub shardchannels", [["s2"]]),
        ("b: pubsub channels", [["s1"]]),
        ("a: sunsubscribe", [["sunsubscribe", "s2", 0]]),
        ("a: sunsubscribe", [["sunsubscribe", None, 0]]),
    ],
    "what a subscriber may not do": [
        ("a: subscribe c", [["subscribe", "c", 1]]),
        ("a: get k", [cannot("get")]),
        ("a: config get save", [cannot("config|get")]),
        ("a: nonsense", [Error("ERR unknown command 'nonsense', with args beginning with: ")]),
        ("a: get", [Error("ERR wrong number of arguments for 'get' command")]),
        ("a: publish c x", [cannot("publish")]),
        ("a: hello 3", [cannot("hello")]),
        ("a: multi", [cannot("multi")]),
        ("a: punsubscribe", [["punsubscribe", None, 1]]),
        ("a: reset", ["RESET"]),
        ("a: get k", [None]),
        ("b: pubsub channels", [[]]),
    ],
    "in RESP3": [
        ("a: hello 3 setname x", ...),
        ("a: subscribe c", [Push(["subscribe", "c", 1])]),
        ("a: get k", [None]),
        ("a: ping", ["PONG"]),
        ("a: ping x", ["x"]),
        ("b: publish c one", [1]),
        ("a: publish c two", [Push(["message", "c", "one"]), 1, Push(["message", "c", "two"])]),
        ("a: psubscribe ?", [Push(["psubscribe", "?", 2])]),
        ("a: publish c three",
         [2, Push(["message", "c", "three"]), Push(["pmessage", "?", "c", "three"])]),
        ("a: unsubscribe", [Push(["unsubscribe", "c", 1])]),
        ("a: ssubscribe s", [Push(["ssubscribe", "s", 1])]),
        ("a: spublish s four", [1, Push(["smessage", "s", "four"])]),
        ("a: punsubscribe", [Push(["punsubscribe", "?", 0])]),
    ],
    "in transactions": [
        ("a: multi", ["OK"]),
        ("a: subscribe q", ["QUEUED"]),
        ("a: publish q 1", ["QUEUED"]),
        ("a: get k", ["QUEUED"]),
        ("a: exec", [[["subscribe", "q", 1], 1, None], ["message", "q", "1"]]),
        ("a: reset", ["RESET"]),
        ("a: hello 3", ...),
        ("a: subscribe q", [Push(["subscribe", "q", 1])]),
        ("a: multi", ["OK"]),
        ("a: publish q 2", ["QUEUED"]),
        ("a: incr k", ["QUEUED"]),
        ("a: exec", [[1, 1], Push(["message", "q", "2"])]),
        ("b: multi", ["OK"]),
        ("b: publish q 3", ["QUEUED"]),
        ("b: publish q 4", ["QUEUED"]),
        ("b: exec", [[1, 1]]),
        ("a: .", [Push(["message", "q", "3"]), Push(["message", "q", "4"])]),
        ("a: multi", ["OK"]),
        ("a: unsubscribe q", ["QUEUED"]),
        ("a: exec", [[Push(["unsubscribe", "q", 0])]]),
        ("b: publish q 5", [0]),
        ("b: multi", ["OK"]),
        ("b: ssubscribe s", ["QUEUED"]),
        ("b: exec",
         [[Error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")]]),
    ],
    "replies off": [
        ("a: hello 3", ...),
        ("a: client reply off", []),
        ("a: subscribe c", [Push(["subscribe", "c", 1])]),
        ("a: publish c 1", [Push(["message", "c", "1"])]),
        ("a: get k", []),
        ("a: unsubscribe c", [Push(["unsubscribe", "c", 0])]),
        ("a: client reply on", ["OK"]),
        ("a: subscribe c", [Push(["subscribe", "c", 1])]),
        ("a: client reply skip", []),
        ("a: publish c 2", [Push(["message", "c", "2"])]),
        ("a: get k", [None]),
    ],
    "patterns": [
        ("a: psubscribe h?llo h[ab]xx", [["psubscribe", "h?llo", 1], ["psubscribe", "h[ab]xx", 2]]),
        ("b: publish hello x", [1]),
        ("a: .", [["pmessage", "h?llo", "hello", "x"]]),
        ("b: publish hbxx x", [1]),
        ("b: publish hcxx x", [0]),
        ("a: .", [["pmessage", "h[ab]xx", "hbxx", "x"]]),
        ("a: psubscribe \\*", [["psubscribe", "\\*", 3]]),
        ("b: publish * x", [1]),
        ("b: publish y x", [0]),
        ("a: .", [["pmessage", "\\*", "*", "x"]]),
        ("b: pubsub numpat", [3]),
        ("a: punsubscribe nothing", [["punsubscribe", "nothing", 3]]),
        ("a: punsubscribe h?llo", [["punsubscribe", "h?llo", 2]]),
        ("b: publish hello x", [0]),
        ("a: .", []),
    ],
    "arguments": [
        ("a: subscribe", [Error("ERR wrong number of arguments for 'subscribe' command")]),
        ("a: psubscribe", [Error("ERR wrong number of arguments for 'psubscribe' command")]),
        ("a: publish c", [Error("ERR wrong number of arguments for 'publish' command")]),
        ("a: publish c x y", [Error("ERR wrong number of arguments for 'publish' command")]),
        ("a: spublish c", [Error("ERR wrong number of arguments for 'spublish' command")]),
        ("a: pubsub", [Error("ERR wrong number of arguments for 'pubsub' command")]),
        ("a: pubsub what", [Error("ERR unknown subcommand 'what'. Try PUBSUB HELP.")]),
        ("a: pubsub channels a b",
         [Error("ERR unknown subcommand or wrong number of arguments for "
                "'channels'. Try PUBSUB HELP.")]),
        ("a: pubsub numpat x",
         [Error("ERR wrong number of arguments for 'pubsub|numpat' command")]),
        ("a: pubsub numsub", [[]]),
        ("a: pubsub shardnumsub", [[]]),
        ("a: pubsub channels x*", [[]]),
    ],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue(server, lines):
    hold(server, lines)


@pytest.mark.oracle
@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogue_is_valkeys(valkey, lines):
    hold_with(valkey, lines)


# -- beside a model -------------------------------------------------------------------------------

VERBS = {"": "message", "p": "pmessage", "s": "smessage"}
NAMES = [f"c{i}" for i in range(12)]
PATTERNS = ["c*", "c?", "c1*", "*0", "x*"]


class Model:
    """What a client subscribes to, by kind, and what it is to be told."""

    def __init__(self, server):
        self.link = Inside(server)
        self.names = {kind: set() for kind in VERBS}
        self.told = []

    def command(self, kind: str, verb: str, names: list[str]) -> None:
        self.link.ask([f"{kind}{verb}".encode(), *(name.encode() for name in names)])
        self.names[kind] = self.names[kind] | set(names) if verb == "subscribe" \
            else self.names[kind] - set(names) if names else set()


def publish(publisher: Inside, models, channel: str, message: str, shard: bool) -> None:
    count = 0
    for model in models:
        kind = "s" if shard else ""
        if channel in model.names[kind]:
            model.told.append([VERBS[kind], channel, message])
            count += 1
        for pattern in () if shard else model.names["p"]:
            if fnmatch.fnmatchcase(channel, pattern):
                model.told.append(["pmessage", pattern, channel, message])
                count += 1
    verb = b"spublish" if shard else b"publish"
    assert publisher.ask([verb, channel.encode(), message.encode()]) == [count]


def check_told(models) -> None:
    for model in models:
        # Of one PUBLISH the channel's message comes first; the order of patterns is nobody's.
        assert sorted(model.link.listen()) == sorted(model.told)
        model.told = []


@pytest.mark.parametrize("seed", range(4))
def test_random(server, seed):
    rng = random.Random(seed)
    publisher = Inside(server)
    models = [Model(server) for _ in range(8)]
    start = server.used_memory
    for step in range(600):
        model = rng.choice(models)
        kind = rng.choice(list(VERBS))
        names = rng.sample(PATTERNS if kind == "p" else NAMES, rng.randrange(1, 4))
        action = rng.random()
        if action < 0.3:
            check_told(models)
            model.command(kind, "subscribe", names)
        elif action < 0.5:
            check_told(models)
            model.command(kind, "unsubscribe", names if rng.random() < 0.8 else [])
        else:
            publish(publisher, models, rng.choice(NAMES), str(step), rng.random() < 0.3)
        if step % 100 == 0:
            channels = set().union(*(model.names[""] for model in models))
            assert sorted(publisher.ask([b"pubsub", b"channels"])[0]) == sorted(channels)
            patterns = set().union(*(model.names["p"] for model in models))
            assert publisher.ask([b"pubsub", b"numpat"]) == [len(patterns)]
    check_told(models)
    for model in models:
        for kind in VERBS:
            model.command(kind, "unsubscribe", [])
    assert publisher.ask([b"pubsub", b"channels"]) == [[]]
    assert abs(server.used_memory - start) < 20_000       # buffers of clients, and no more


def test_many_subscribers_come_and_go(server):
    publisher = Inside(server)
    listeners = [Inside(server) for _ in range(300)]
    for listener in listeners:
        assert listener.ask([b"subscribe", b"news"]) == [["subscribe", "news", 1]]
    assert publisher.ask([b"publish", b"news", b"x" * 5000]) == [300]
    for listener in listeners[::2]:
        listener.client.close()
    assert publisher.ask([b"publish", b"news", b"y"]) == [150]
    for listener in listeners[1::2]:
        assert listener.listen() == [["message", "news", "x" * 5000], ["message", "news", "y"]]
    assert b"pubsub_clients:150\r\n" in publisher.client.execute(b"info", b"clients")
    assert b"pubsub_channels:1\r\n" in publisher.client.execute(b"info", b"stats")


def test_one_subscriber_of_many_channels(server):
    listener, publisher = Inside(server), Inside(server)
    names = [b"channel:%d" % i for i in range(3000)]
    assert listener.ask([b"subscribe", *names])[-1] == ["subscribe", "channel:2999", 3000]
    assert publisher.ask([b"publish", names[77], b"x"]) == [1]
    line = publisher.client.execute(b"client", b"list", b"type", b"pubsub")
    assert b" sub=3000 psub=0 ssub=0 " in line and b" flags=P " in line
    assert publisher.client.execute(b"client", b"list", b"type", b"normal").count(b"id=") == 1
    listener.listen()
    ended = listener.ask([b"unsubscribe"])
    assert sorted(name for _, name, _ in ended) == sorted(map(bytes.decode, names))
    assert [count for _, _, count in ended] == list(range(2999, -1, -1))


def test_who_may_no_longer_hear_is_closed(server):
    admin, one, other = Inside(server), Inside(server), Inside(server)
    admin.ask(b"acl setuser u on nopass +@all ~* &news*".split())
    for listener, word in ((one, b"psubscribe news*"), (other, b"subscribe news1")):
        assert listener.ask([b"auth", b"u", b"x"]) == ["OK"]
        listener.ask(word.split())
    assert other.ask([b"subscribe", b"secret"]) == [
        Error("NOPERM No permissions to access a channel")]
    admin.ask(b"acl setuser u resetchannels &news1".split())
    assert (one.client.closed, other.client.closed) == (True, False)
    admin.ask(b"acl setuser u resetchannels".split())
    assert other.client.closed
