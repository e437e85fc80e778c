"""The registry of Python-served commands. Goal: every value a handler may return reaches the
client as Valkey would have written it, in both protocol versions, and no handler can break the
framing. Method: encode values and compare bytes; serve with handlers of our own."""
import types

import pytest

from kvd.engine.server import cold
from kvd.engine.server.cold import Error, Raw, Set, Simple, Verbatim


@pytest.mark.parametrize("value, resp2, resp3", [
    (None, b"$-1\r\n", b"_\r\n"),
    (True, b":1\r\n", b"#t\r\n"),
    (False, b":0\r\n", b"#f\r\n"),
    (-7, b":-7\r\n", b":-7\r\n"),
    (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
    (3.0, b"$1\r\n3\r\n", b",3\r\n"),
    (float("inf"), b"$3\r\ninf\r\n", b",inf\r\n"),
    (float("-inf"), b"$4\r\n-inf\r\n", b",-inf\r\n"),
    (float("nan"), b"$3\r\nnan\r\n", b",nan\r\n"),
    ("é", b"$2\r\n\xc3\xa9\r\n", b"$2\r\n\xc3\xa9\r\n"),
    (b"\0\r\n", b"$3\r\n\0\r\n\r\n", b"$3\r\n\0\r\n\r\n"),
    (Simple("OK"), b"+OK\r\n", b"+OK\r\n"),
    (Verbatim("a\n"), b"$2\r\na\n\r\n", b"=6\r\ntxt:a\n\r\n"),
    (Raw(b"%0\r\n"), b"%0\r\n", b"%0\r\n"),
    (Error("ERR no"), b"-ERR no\r\n", b"-ERR no\r\n"),
    ([], b"*0\r\n", b"*0\r\n"),
    ((1, [None]), b"*2\r\n:1\r\n*1\r\n$-1\r\n", b"*2\r\n:1\r\n*1\r\n_\r\n"),
    ({"b": 1, "a": 2}, b"*4\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n:2\r\n",
     b"%2\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n:2\r\n"),
    ({1}, b"*1\r\n:1\r\n", b"~1\r\n:1\r\n"),
    (Set([2, 1]), b"*2\r\n:2\r\n:1\r\n", b"~2\r\n:2\r\n:1\r\n"),
])
def test_encoding(value, resp2, resp3):
    assert cold.encode(value, 2) == resp2
    assert cold.encode(value, 3) == resp3


def test_one_line_values_cannot_break_the_framing():
    assert cold.encode(Simple("a\r\n+b\0c"), 2) == b"+a  +b c\r\n"
    assert cold.encode(Error("ERR a\r\n-b"), 2) == b"-ERR a  -b\r\n"


def test_a_value_without_resp_form_is_our_mistake():
    with pytest.raises(TypeError, match="object"):
        cold.encode([object()], 2)


def test_serve(monkeypatch):
    monkeypatch.setattr(cold, "HANDLERS", {})
    client = types.SimpleNamespace(resp=3)

    @cold.register("t|echo")
    def echo(server, client, argv):
        if len(argv) > 2:
            raise Error("ERR too many")
        return {server: argv}

    assert cold.serve("srv", client, "t|echo", [b"T", b"ECHO"]) == (
        b"%1\r\n$3\r\nsrv\r\n*2\r\n$1\r\nT\r\n$4\r\nECHO\r\n")
    assert cold.serve("srv", client, "t|echo", [b"T", b"ECHO", b"x"]) == b"-ERR too many\r\n"
    with pytest.raises(KeyError, match="nobody"):
        cold.serve("srv", client, "t|other", [b"T", b"OTHER"])
    with pytest.raises(ValueError, match="two handlers"):
        cold.register("t|echo")(echo)
