"""Scripts that run for too long: others are answered, and the script can be ended."""
import time

import pytest

from tests.oracle import encode
from tests.serving import Serving

pytestmark = pytest.mark.timeout(60)
BUSY = (b"-BUSY Valkey is busy running a script. "
        b"You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n")


@pytest.fixture
def serving():
    serving = Serving(busy_reply_threshold=20)
    yield serving
    serving.close()


def wait_until_busy(peer) -> None:
    for _ in range(200):
        if peer.ask("GET x") == BUSY:
            return
        time.sleep(0.02)
    raise AssertionError("never busy")


@pytest.mark.parametrize("script", [
    "while true do end", "local n = 0 while true do n = n + 1 end",
    "while true do pcall(function() while true do end end) end",
    "while true do redis.call('get', 'x') end",
    "local co = coroutine.wrap(function() while true do end end) co()",
])
def test_an_endless_script_is_killed(serving, script):
    slow, other = serving.connect(), serving.connect()
    slow.send(encode("EVAL", script, "0"))
    wait_until_busy(other)
    assert other.ask("PING") == BUSY
    assert other.ask("FUNCTION KILL") == BUSY
    assert other.ask("FUNCTION STATS") == BUSY
    assert other.ask("SCRIPT KILL") == b"+OK\r\n"
    killed = slow.reply()
    assert b"Script killed by user with SCRIPT KILL. script: on @user_script:1.\r\n" in killed
    assert other.ask("PING") == b"+PONG\r\n"
    assert slow.ask(encode("EVAL", "return 1", "0")) == b":1\r\n"


def test_a_script_that_has_written_is_not_killed(serving):
    slow, other = serving.connect(), serving.connect()
    slow.send(encode("EVAL", "redis.call('set','a','b') local t = os.clock() "
                             "while os.clock() - t < 0.6 do end return 'done'", "0"))
    wait_until_busy(other)
    assert other.ask("SCRIPT KILL").startswith(b"-UNKILLABLE")
    assert other.ask("FUNCTION KILL").startswith(b"-UNKILLABLE")
    assert other.ask("SHUTDOWN") == BUSY
    assert slow.reply() == b"$4\r\ndone\r\n"
    assert other.ask("GET a") == b"$1\r\nb\r\n"


def test_a_function_is_killed_by_its_own_command(serving):
    slow, other = serving.connect(), serving.connect()
    slow.ask(encode("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', "
                                        "function() while true do end end)"))
    slow.send("FCALL f 1 k arg")
    for _ in range(200):
        if other.ask("GET x").startswith(b"-BUSY"):
            break
        time.sleep(0.02)
    assert b"running_script\r\n*6\r\n$4\r\nname\r\n$1\r\nf" in other.ask("FUNCTION STATS")
    assert other.ask("SCRIPT KILL").startswith(b"-BUSY")
    assert other.ask("FUNCTION KILL") == b"+OK\r\n"
    assert slow.reply().startswith(b"-ERR Script killed by user with FUNCTION KILL.")


def test_many_come_and_go_while_a_script_runs(serving):
    slow, other = serving.connect(), serving.connect()
    slow.send(encode("EVAL", "while true do end", "0"))
    wait_until_busy(other)
    for _ in range(30):
        passing = serving.connect()
        assert passing.ask("GET x") == BUSY
        passing.close()
    other.send("MULTI", "GET x", "EXEC", "SCRIPT KILL")
    assert other.reply() == b"+OK\r\n"
    assert other.reply() == BUSY
    assert other.reply().startswith(b"-EXECABORT")
    assert other.reply() == b"+OK\r\n"
    assert slow.reply().startswith(b"-ERR Script killed")
