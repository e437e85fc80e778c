"""engine/server/clients, housekeeping and peer: connections over real sockets, and their limits.

The engine serves from a thread. What is asked of valkey-server is in tests/commands; here is what
a client may cost, and what becomes of one that is silent, slow, large or not welcome.
"""
import contextlib
import socket
import time

import pytest

from tests.commands.test_connection import NOAUTH, body, fields
from tests.oracle import encode
from tests.serving import Serving

MIB = 1 << 20


@contextlib.contextmanager
def serving(**settings):
    engine = Serving(**settings)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture
def engine():
    with serving() as engine:
        yield engine


def lines(peer) -> dict[int, dict]:
    """CLIENT LIST by id."""
    rows = [fields(line) for line in body(peer.ask("CLIENT LIST")).splitlines()]
    return {int(row["id"]): row for row in rows}


def number_of(peer) -> int:
    return int(peer.ask("CLIENT ID")[1:])


def eventually(condition, seconds: float = 5.0):
    """Wait for it; what it gave last."""
    until = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < until:
        time.sleep(0.01)
    return value


class TestConnections:
    def test_addresses(self, engine):
        tcp, unix = engine.connect(), engine.connect("unix")
        row = fields(body(tcp.ask("CLIENT INFO")))
        assert row["addr"] == "%s:%d" % tcp.socket.getsockname()
        assert row["laddr"] == "%s:%d" % engine.address
        assert row["flags"] == "N" and int(row["fd"]) > 2
        row = fields(body(unix.ask("CLIENT INFO")))
        assert row["addr"] == row["laddr"] == f"{engine.path:.60}:0" and row["flags"] == "U"
        for text, wanted in ((f"ADDR {fields(body(tcp.ask('CLIENT INFO')))['addr']}", [1]),
                             ("IP 127.0.0.1", [1]), ("NOT-IP 127.0.0.1", [2]),
                             (f"LADDR {engine.path:.60}:0", [2]), ("FLAGS U", [2]),
                             ("LADDR %s:%d" % engine.address, [1])):
            got = body(tcp.ask(f"CLIENT LIST {text}")).splitlines()
            assert [int(fields(line)["id"]) for line in got] == wanted, text

    def test_bytes_are_counted(self, engine):
        one = engine.connect()
        one.ask("PING")
        row = fields(body(one.ask("CLIENT INFO")))
        assert row["tot-net-in"] == str(len(encode("PING") + encode("CLIENT", "INFO")))
        assert row["tot-net-out"] == str(len(b"+PONG\r\n")) and row["tot-cmds"] == "1"

    def test_kill_old_and_new_form(self, engine):
        one, two, other = (engine.connect() for _ in range(3))
        address = fields(body(two.ask("CLIENT INFO")))["addr"]
        assert one.ask(f"CLIENT KILL {address}") == b"+OK\r\n"
        assert two.gone()
        assert one.ask(f"CLIENT KILL {address}") == b"-ERR No such client\r\n"
        assert one.ask(f"CLIENT KILL ID {number_of(other)}") == b":1\r\n"
        assert other.gone()
        assert list(lines(one)) == [1]
        mine = fields(body(one.ask("CLIENT INFO")))["addr"]
        one.send(f"CLIENT KILL {mine}", "PING")
        assert one.reply() == b"+OK\r\n" and one.gone()
        assert engine.connect().ask("PING") == b"+PONG\r\n"

    def test_kill_self_in_a_transaction(self, engine):
        """What is queued runs, and the reply is whole."""
        one = engine.connect()
        one.send("MULTI", "SET x 1", "CLIENT KILL ID 1 SKIPME NO", "SET x 2", "EXEC", "SET x 3")
        assert [one.reply() for _ in range(5)] == [b"+OK\r\n"] + [b"+QUEUED\r\n"] * 3 + [
            b"*3\r\n+OK\r\n:1\r\n+OK\r\n"]
        assert one.gone()
        assert engine.connect().ask("GET x") == b"$1\r\n2\r\n"

    def test_kill_another_within_its_transaction(self, engine):
        one, two = engine.connect(), engine.connect()
        two.send("WATCH a b", "MULTI", "SET x 5")
        assert [two.reply() for _ in range(3)] == [b"+OK\r\n", b"+OK\r\n", b"+QUEUED\r\n"]
        row = lines(one)[2]
        assert (row["flags"], row["multi"], row["watch"]) == ("x", "1", "2")
        assert int(row["multi-mem"]) > 0
        assert one.ask("CLIENT KILL ID 2") == b":1\r\n"
        assert two.gone() and one.ask("GET x") == b"$-1\r\n"

    def test_kill_a_monitor(self, engine):
        one, two = engine.connect(), engine.connect()
        assert two.ask("MONITOR") == b"+OK\r\n"
        assert lines(one)[2]["flags"] == "O"
        assert one.ask("CLIENT KILL FLAGS O") == b":1\r\n"
        assert two.gone() and one.ask("PING") == b"+PONG\r\n"

    def test_reset_ends_monitor_and_transaction(self, engine):
        one, two = engine.connect(), engine.connect()
        one.ask("MONITOR")
        assert one.ask("RESET") == b"+RESET\r\n"
        two.ask("SET x 1")
        assert one.ask("PING") == b"+PONG\r\n"
        one.send("WATCH x", "MULTI", "SET x 2", "RESET", "EXEC", "GET x")
        assert [one.reply() for _ in range(6)] == [
            b"+OK\r\n", b"+OK\r\n", b"+QUEUED\r\n", b"+RESET\r\n", b"-ERR EXEC without MULTI\r\n",
            b"$1\r\n1\r\n"]

    def test_half_closed_peer_reads_to_the_end(self, engine):
        one = engine.connect(receive_buffer=4096)
        engine.connect().ask(encode("SET", "big", b"x" * 8 * MIB))
        one.send("GET big")
        one.socket.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        assert len(one.reply()) == 8 * MIB + 12 and one.gone()

    def test_browsers_are_sent_away(self, engine):
        one, two = engine.connect(), engine.connect()
        one.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n")
        assert one.reply() == b"" and one.gone()
        two.send(b"host: x\r\nSET a b\r\n")
        assert two.reply() == b"" and two.gone()
        assert engine.connect().ask("GET a") == b"$-1\r\n"

    def test_storm_of_kills(self, engine):
        """Clients that kill each other in any order, while others come and go."""
        peers = [engine.connect() for _ in range(60)]
        for i, peer in enumerate(peers):
            victims = " ".join(str((i * 7 + k) % 60 + 1) for k in range(5))
            with contextlib.suppress(ConnectionError):
                peer.send("MULTI" if i % 3 == 0 else "PING", f"CLIENT KILL ID {victims} SKIPME no",
                          "EXEC" if i % 3 == 0 else "PING")
            if i % 4 == 0:
                peers.append(engine.connect())
        last = engine.connect()
        assert last.ask("PING") == b"+PONG\r\n"
        assert last.ask("CLIENT KILL TYPE normal SKIPME yes").startswith(b":")
        assert list(lines(last)) == [number_of(last)]


class TestPause:
    def test_writes_wait_and_reads_do_not(self, engine):
        one, two = engine.connect(), engine.connect()
        one.ask("SET x 1")
        assert one.ask("CLIENT PAUSE 100000 WRITE") == b"+OK\r\n"
        two.send("GET x", "SET x 2", "GET x")
        assert two.reply() == b"$1\r\n1\r\n"
        assert two.silent(0.1)
        assert one.ask("GET x") == b"$1\r\n1\r\n"
        assert lines(one)[2]["flags"] == "b"
        assert one.ask("CLIENT UNPAUSE") == b"+OK\r\n"
        assert [two.reply(), two.reply()] == [b"+OK\r\n", b"$1\r\n2\r\n"]
        assert lines(one)[2]["flags"] == "N"

    def test_refusals_do_not_wait(self, engine):
        one = engine.connect()
        one.ask("CLIENT PAUSE 100000 WRITE")
        assert one.ask("SET x").startswith(b"-ERR wrong number")
        assert one.ask("NOSUCH").startswith(b"-ERR unknown command")

    @pytest.mark.parametrize("queued, waits", [("SET x 1", True), ("GET x", False)])
    def test_exec_waits_for_what_it_would_write(self, engine, queued, waits):
        one, two = engine.connect(), engine.connect()
        two.send("MULTI", queued)
        assert [two.reply(), two.reply()] == [b"+OK\r\n", b"+QUEUED\r\n"]
        one.ask("CLIENT PAUSE 100000 WRITE")
        two.send("EXEC")
        assert two.silent(0.1) == waits
        one.ask("CLIENT UNPAUSE")
        assert two.reply().startswith(b"*1")

    @pytest.mark.parametrize("request_, waits", [
        (("EVAL", "#!lua flags=no-writes\nreturn 1", "0"), False),
        (("EVAL", "#!lua flags=no-writes\nbad bad", "0"), False),
        (("EVAL", "#!lua\nreturn 1", "0"), True), (("EVAL", "return 1", "0"), True),
        (("EVAL", "#!lua flags=nonsense\nreturn 1", "0"), True),
        (("EVALSHA", "{sha}", "0"), False), (("EVALSHA", "0" * 40, "0"), True),
        (("FCALL", "still", "0"), False), (("FCALL", "free", "0"), True),
        (("FCALL", "none", "0"), True)])
    def test_scripts_wait_unless_they_promise_not_to_write(self, engine, request_, waits):
        one, two, three = (engine.connect() for _ in range(3))
        one.send(encode("FUNCTION", "LOAD", "#!lua name=l\nserver.register_function{"
                        "function_name='still', callback=function() return 1 end, "
                        "flags={'no-writes'}} server.register_function('free', function() end)"))
        assert one.reply() == b"$1\r\nl\r\n"
        one.send(encode("SCRIPT", "LOAD", "#!lua flags=no-writes\nreturn 2"))
        sha = one.reply().split()[1].decode()
        one.ask("CLIENT PAUSE 100000 WRITE")
        request = encode(*(sha if word == "{sha}" else word for word in request_))
        two.send(request)
        assert two.silent(0.1) == waits
        three.send("MULTI")
        assert three.reply() == b"+OK\r\n"
        three.send(request)
        assert three.silent(0.1) == waits
        if not waits:
            assert two.reply()[:1] in b":-" and three.reply() == b"+QUEUED\r\n"
            three.send("EXEC")
            assert not three.silent(0.1) and three.reply().startswith(b"*1\r\n")
        assert b"blocked_clients:2\r\n" in one.ask("INFO clients") or not waits
        one.ask("CLIENT UNPAUSE")

    def test_the_end_wakes_at_once(self, engine):
        one, two = engine.connect(), engine.connect()
        took = []
        for _ in range(5):
            one.ask("CLIENT PAUSE 100000 WRITE")
            two.send("SET x 1")
            assert two.silent(0.02)
            began = time.monotonic()
            one.ask("CLIENT UNPAUSE")
            assert two.reply() == b"+OK\r\n"
            took.append(time.monotonic() - began)
        assert min(took) < 0.005, "it waited for the clock"

    def test_all_wait_and_time_ends_it(self, engine):
        one, two, owner = engine.connect(), engine.connect(), engine.connect("control")
        began = time.monotonic()
        one.ask("CLIENT PAUSE 300 ALL")
        two.send("PING")
        one.send("PING")
        assert owner.ask("PING") == b"+PONG\r\n"        # the owner is never held back
        assert one.reply() == two.reply() == b"+PONG\r\n"
        assert 0.25 < time.monotonic() - began < 2

    def test_the_owner_ends_it(self, engine):
        one, owner = engine.connect(), engine.connect("control")
        one.ask("CLIENT PAUSE 100000 ALL")
        one.send("PING")
        assert one.silent(0.1)
        owner.ask("CLIENT UNPAUSE")
        assert one.reply() == b"+PONG\r\n"

    def test_never_made_shorter_or_milder(self, engine):
        one, two = engine.connect(), engine.connect()
        one.send("MULTI", "CLIENT PAUSE 400 ALL", "CLIENT PAUSE 50 WRITE", "EXEC")
        assert one.reply() == b"+OK\r\n"
        began = time.monotonic()
        two.send("GET x")
        assert two.reply() == b"$-1\r\n" and time.monotonic() - began > 0.3

    def test_in_the_order_they_came(self, engine):
        one = engine.connect()
        one.ask("CLIENT PAUSE 100000 WRITE")
        for i in range(20):
            peer = engine.connect()
            peer.send(f"APPEND x {i},")
            assert eventually(lambda i=i: lines(one).get(i + 2, {}).get("flags") == "b")
        one.ask("CLIENT UNPAUSE")
        assert eventually(lambda: int(one.ask("STRLEN x")[1:]) == 50)
        assert one.ask("GET x") == b"$50\r\n" + b"".join(b"%d," % i for i in range(20)) + b"\r\n"

    def test_nothing_expires(self, engine):
        one = engine.connect()
        one.send("SET x 1 PX 50", "CLIENT PAUSE 100000 WRITE")
        assert [one.reply(), one.reply()] == [b"+OK\r\n"] * 2
        time.sleep(0.15)
        assert one.ask("DBSIZE") == b":1\r\n"
        assert one.ask("GET x") == b"$-1\r\n"           # dead all the same
        assert one.ask("DBSIZE") == b":1\r\n"
        one.ask("CLIENT UNPAUSE")
        assert one.ask("GET x") == b"$-1\r\n"
        assert one.ask("DBSIZE") == b":0\r\n"

    def test_killed_or_left_while_it_waits(self, engine):
        one = engine.connect()
        one.ask("CLIENT PAUSE 100000 WRITE")
        waiting = [engine.connect() for _ in range(4)]
        for i, peer in enumerate(waiting):
            peer.send(f"SET k{i} 1")
        assert eventually(lambda: sum(row["flags"] == "b" for row in lines(one).values()) == 4)
        assert one.ask("CLIENT KILL ID 3") == b":1\r\n"
        assert waiting[1].gone()
        waiting[2].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        waiting[2].close()
        assert eventually(lambda: len(lines(one)) == 3)
        one.ask("CLIENT UNPAUSE")
        assert waiting[0].reply() == waiting[3].reply() == b"+OK\r\n"
        assert one.ask("EXISTS k0 k1 k2 k3") == b":2\r\n"


class TestDoor:
    def test_maxclients(self):
        with serving(maxclients=3) as engine:
            peers = [engine.connect() for _ in range(3)]
            assert all(peer.ask("PING") == b"+PONG\r\n" for peer in peers)
            extra = engine.connect("unix")
            assert extra.reply() == b"-ERR max number of clients reached\r\n" and extra.gone()
            assert engine.connect("control").ask("PING") == b"+PONG\r\n"    # the owner gets in
            peers[0].close()
            assert eventually(lambda: len(lines(peers[1])) == 3)
            assert engine.connect().ask("PING") == b"+PONG\r\n"
            assert b"rejected_connections:1\r\n" in peers[1].ask("INFO stats")

    def test_keepalive_of_an_accepted_socket(self, engine):
        """Seen from outside: the kernel's own table of timers has one for our side."""
        engine.connect().ask("PING")
        local, remote = engine.address[1], engine.peers[0].socket.getsockname()[1]
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        timers = [row[5] for row in rows
                  if row[1].endswith(":%04X" % local) and row[2].endswith(":%04X" % remote)]
        assert timers[0].startswith("02:")      # keepalive

    def test_idle_clients_are_closed(self):
        with serving(timeout=1) as engine:
            idle, busy, watcher, owner = (
                engine.connect(kind) for kind in ("tcp", "tcp", "tcp", "control"))
            idle.ask("PING")
            watcher.ask("MONITOR")
            until = time.monotonic() + 2.5
            while time.monotonic() < until:
                assert busy.ask("PING") == b"+PONG\r\n"
                time.sleep(0.05)
            assert idle.gone()
            # Who watches, waits, or owns us is not idle.
            assert {row["flags"] for row in lines(busy).values()} == {"N", "O", "U"}
            assert owner.ask("PING") == b"+PONG\r\n"


class TestBeforeAuth:
    """Section 2.A of the list of bad input."""

    @pytest.fixture
    def locked(self):
        with serving(requirepass="secret") as engine:
            yield engine

    @pytest.mark.parametrize("sent, error", [
        (b"*100\r\n", b"unauthenticated multibulk length"),
        (b"*11\r\n", b"unauthenticated multibulk length"),
        (b"*2\r\n$4\r\nPING\r\n$16385\r\n", b"unauthenticated bulk length"),
        (b"A" * 70000, b"too big inline request"),
        (b"\0" + b"A" * 70000, b"too big inline request"),
        (b"*\0" + b"1" * 70000, b"too big mbulk count string"),
    ])
    def test_sizes(self, locked, sent, error):
        one = locked.connect()
        with contextlib.suppress(ConnectionError):
            one.send(sent)
            assert one.reply() == b"-ERR Protocol error: %s\r\n" % error
        assert one.gone()

    def test_the_largest_request_that_is_allowed(self, locked):
        one = locked.connect()
        assert one.ask(b"*10\r\n" + b"$16384\r\n%s\r\n" % (b"a" * 16384) * 10) == NOAUTH

    def test_wrong_passwords(self, locked):
        one = locked.connect()
        one.send(*["AUTH default wrong"] * 1000)
        wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        assert [one.reply() for _ in range(1000)] == [wrong] * 1000
        assert one.ask("AUTH secret") == b"+OK\r\n"

    def test_hello_with_a_wrong_password_changes_nothing(self, locked):
        one = locked.connect()
        assert one.ask("HELLO 3 AUTH default wrong SETNAME x").startswith(b"-WRONGPASS ")
        assert one.ask("AUTH secret") == b"+OK\r\n"
        row = fields(body(one.ask("CLIENT INFO")))
        assert (row["resp"], row["name"]) == ("2", "")

    def test_replies_that_nobody_reads_close(self, locked):
        one, owner = locked.connect(receive_buffer=4096), locked.connect("control")
        memory = locked.server.used_memory
        one.socket.setblocking(False)
        request, until = encode("GET", "x") * 1000, time.monotonic() + 5
        with pytest.raises(ConnectionError):
            while time.monotonic() < until:
                with contextlib.suppress(BlockingIOError):
                    one.socket.send(request)
        assert eventually(lambda: locked.server.used_memory < memory + MIB)
        assert owner.ask("PING") == b"+PONG\r\n"

    def test_unfinished_requests_stay_small_and_are_cut(self):
        """What a thousand such sockets hold is what they have sent."""
        with serving(requirepass="secret", **{"login-timeout": 1}) as engine:
            good = engine.connect()
            good.ask("AUTH secret")
            before = engine.server.used_memory
            part = b"*10\r\n" + b"$16384\r\n%s\r\n" % (b"a" * 16384) * 9
            peers = [engine.connect() for _ in range(50)]
            began = time.monotonic()
            for peer in peers:
                peer.send(part)
            assert eventually(lambda: engine.server.used_memory - before > 50 * len(part))
            assert engine.server.used_memory - before < 50 * 2 * len(part)
            assert all(peer.gone() for peer in peers)
            assert 0.9 < time.monotonic() - began < 4
            assert eventually(lambda: engine.server.used_memory < before + MIB)
            assert good.ask("PING") == b"+PONG\r\n"

    def test_a_byte_at_a_time_is_cut_too(self):
        with serving(requirepass="secret", **{"login-timeout": 1}) as engine:
            one, silent = engine.connect(), engine.connect()
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                for i in range(100):
                    one.send(b"AUTH x"[i:i + 1] or b"y")
                    time.sleep(0.1)
            assert one.gone() and silent.gone()
            assert 0.9 < time.monotonic() - began < 4

    def test_who_is_not_in_gains_no_time_by_resetting(self):
        with serving(requirepass="secret", **{"login-timeout": 1}) as engine:
            one = engine.connect()
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while one.ask("RESET") == b"+RESET\r\n":
                    assert time.monotonic() - began < 4
                    time.sleep(0.05)
            assert time.monotonic() - began > 0.9

    def test_a_deadline_only_for_those_who_are_not_in(self):
        with serving(requirepass="secret", **{"login-timeout": 1}) as engine:
            good, again = engine.connect(), engine.connect()
            good.ask("AUTH secret")
            again.ask("AUTH secret")
            time.sleep(1.5)
            # RESET begins a new deadline.
            assert again.ask("RESET") == b"+RESET\r\n"
            time.sleep(0.3)
            assert again.ask("AUTH secret") == b"+OK\r\n"
            assert good.ask("PING") == b"+PONG\r\n"

    def test_the_control_socket_is_in(self, locked):
        owner = locked.connect("control")
        assert owner.ask("PING") == b"+PONG\r\n"
        assert owner.ask("RESET") == b"+RESET\r\n"
        assert owner.ask("PING") == b"+PONG\r\n"
        assert locked.connect("unix").ask("PING") == NOAUTH


class TestOutput:
    def test_a_pipeline_of_large_replies_waits_for_its_reader(self, engine):
        """B23: what a client does not read it does not get made, and others do not notice."""
        other, slow = engine.connect(), engine.connect(receive_buffer=4096)
        other.ask(encode("SET", "big", b"x" * 4 * MIB))
        before = engine.server.used_memory
        requests = 30
        slow.send(*["GET big"] * requests)
        time.sleep(0.3)
        assert other.ask("PING") == b"+PONG\r\n"
        assert engine.server.used_memory - before < 6 * MIB
        row = lines(other)[2]
        assert row["events"] == "w" and int(row["omem"]) > MIB
        assert int(row["oll"]) == 1 and int(row["obl"]) == 16384
        assert int(row["tot-mem"]) > int(row["omem"])
        for _ in range(requests):
            assert len(slow.reply()) == 4 * MIB + 12
        row = eventually(lambda: (r := lines(other)[2])["events"] == "r" and r)
        assert (row["omem"], row["obl"], row["rbs"]) == ("0", "0", "0")
        assert slow.ask("PING") == b"+PONG\r\n"

    def test_hard_limit(self, engine):
        other, slow = engine.connect(), engine.connect(receive_buffer=4096)
        assert other.ask(encode("CONFIG", "SET", "client-output-buffer-limit",
                                "normal 8mb 0 0")) == b"+OK\r\n"
        other.ask(encode("SET", "big", b"x" * 16 * MIB))
        slow.send("GET big")
        assert eventually(lambda: len(lines(other)) == 1)

    def test_soft_limit(self, engine):
        other, slow = engine.connect(), engine.connect(receive_buffer=4096)
        other.ask(encode("CONFIG", "SET", "client-output-buffer-limit", "normal 0 8mb 1"))
        other.ask(encode("SET", "big", b"x" * 16 * MIB))
        began = time.monotonic()
        slow.send("GET big")
        time.sleep(0.5)
        assert len(lines(other)) == 2
        assert eventually(lambda: len(lines(other)) == 1)
        assert time.monotonic() - began > 0.9

    def test_a_reader_in_time_is_spared(self, engine):
        other, slow = engine.connect(), engine.connect(receive_buffer=4096)
        other.ask(encode("CONFIG", "SET", "client-output-buffer-limit", "normal 0 8mb 1"))
        other.ask(encode("SET", "big", b"x" * 16 * MIB))
        slow.send("GET big")
        time.sleep(0.5)
        assert len(slow.reply()) == 16 * MIB + 13
        time.sleep(1.5)
        assert slow.ask("PING") == b"+PONG\r\n"

    def test_a_monitor_that_does_not_read(self, engine):
        other, slow = engine.connect(), engine.connect(receive_buffer=4096)
        other.ask(encode("CONFIG", "SET", "client-output-buffer-limit", "normal 4mb 0 0"))
        slow.ask("MONITOR")
        before = engine.server.used_memory
        for _ in range(200):
            other.ask(encode("SET", "x", b"x" * 100000))
        assert eventually(lambda: len(lines(other)) == 1)
        assert engine.server.used_memory - before < 12 * MIB


class TestQuery:
    def test_limit(self, engine):
        one, two = engine.connect(), engine.connect()
        one.ask("CONFIG SET client-query-buffer-limit 1mb")
        with contextlib.suppress(ConnectionError):
            two.send(b"*100\r\n" + b"$100000\r\n%s\r\n" % (b"a" * 100000) * 20)
        assert two.gone()
        # One argument may be larger.
        assert one.ask(encode("SET", "x", b"x" * 3 * MIB)) == b"+OK\r\n"
        assert one.ask("STRLEN x") == b":%d\r\n" % (3 * MIB)

    def test_the_queue_of_a_transaction_counts(self, engine):
        one = engine.connect()
        one.ask("CONFIG SET client-query-buffer-limit 1mb")
        one.ask("MULTI")
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                one.send(encode("SET", "x", b"x" * 100000))
        assert one.gone()

    def test_buffers_are_given_back(self, engine):
        one, two = engine.connect(), engine.connect()
        two.send(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$%d\r\n" % (4 * MIB) + b"x" * 3 * MIB)
        row = eventually(lambda: (r := lines(one)[2])["qbuf"] > "3" and int(r["qbuf"]) > 3 * MIB
                         and r)
        assert int(row["tot-mem"]) > 3 * MIB and int(row["argv-mem"]) > 0
        two.send(b"x" * MIB + b"\r\n")
        assert two.reply() == b"+OK\r\n"
        row = lines(one)[2]
        assert (row["qbuf"], row["qbuf-free"], row["argv-mem"]) == ("0", "0", "0")
        assert int(row["tot-mem"]) < 2048

    def test_an_announced_argument_takes_no_room(self, engine):
        one = engine.connect()
        before = engine.server.used_memory
        for _ in range(50):
            engine.connect().send(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$500000000\r\nabc")
        assert eventually(lambda: len(lines(one)) == 51)
        assert engine.server.used_memory - before < 50 * 4096

    def test_idle_clients_cost_little(self, engine):
        one = engine.connect()
        peers = [engine.connect() for _ in range(200)]
        assert eventually(lambda: len(lines(one)) == 201)
        before = engine.server.used_memory
        for peer in peers:
            assert peer.ask("PING") == b"+PONG\r\n"
        assert engine.server.used_memory - before < 200 * 100
        rows = lines(one)
        assert all(int(rows[id]["tot-mem"]) < 1024 for id in rows if id != 1)


class TestMaxmemoryClients:
    def test_the_largest_go_first(self, engine):
        one = engine.connect()
        sizes = [1, 4, 2, 3]                    # MiB of unfinished arguments
        peers = [engine.connect() for _ in sizes]
        for peer, size in zip(peers, sizes, strict=True):
            peer.send(b"*2\r\n$3\r\nGET\r\n$%d\r\n" % (8 * MIB) + b"x" * size * MIB)
        assert eventually(lambda: all(
            int(lines(one)[i + 2]["qbuf"]) >= size * MIB for i, size in enumerate(sizes)))
        total = sum(int(row["tot-mem"]) for row in lines(one).values())
        assert one.ask(f"CONFIG SET maxmemory-clients {total - 2 * MIB}") == b"+OK\r\n"
        assert peers[1].gone()
        assert eventually(lambda: sorted(lines(one)) == [1, 2, 4, 5])
        assert b"evicted_clients:1\r\n" in one.ask("INFO stats")

    def test_who_is_exempt(self, engine):
        one, two, owner = (engine.connect(kind) for kind in ("tcp", "tcp", "control"))
        assert two.ask("CLIENT NO-EVICT on") == b"+OK\r\n"
        part = b"*2\r\n$3\r\nGET\r\n$%d\r\n" % (8 * MIB) + b"x" * 2 * MIB
        two.send(part)
        owner.send(part)
        assert eventually(lambda: sum(int(row["qbuf"]) > MIB for row in lines(one).values()) == 2)
        one.send("CONFIG SET maxmemory-clients 1mb")
        assert one.gone()                       # it was the largest that could be evicted
        watcher = engine.connect("control")
        assert {2, 3} <= set(lines(watcher))

    def test_a_percentage(self):
        with serving(maxmemory="100mb", **{"maxmemory-clients": "5%"}) as engine:
            one, two = engine.connect(), engine.connect()
            part = b"*2\r\n$3\r\nGET\r\n$%d\r\n" % (16 * MIB) + b"x" * 3 * MIB
            two.send(part)
            assert eventually(lambda: int(lines(one)[2]["qbuf"]) >= 3 * MIB)
            with contextlib.suppress(ConnectionError):
                two.send(b"x" * 5 * MIB)
            assert two.gone() and list(lines(one)) == [1]
