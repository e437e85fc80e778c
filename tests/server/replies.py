"""What tests of Python-served commands share: an engine's reply as values, as the oracle's are."""
import io

from tests.oracle import Oracle, OracleError


def read(reply: bytes):
    """One RESP2 reply; an error is raised.

    Raises:
        OracleError: it is one.
    """
    reader = Oracle.__new__(Oracle)
    reader.file = io.BytesIO(reply)
    value = reader.read()
    assert not reader.file.read(), "more than one reply"
    if isinstance(value, OracleError):
        raise value
    return value


def ask(target, *words):
    """A request to an engine or a client of one; words are bytes, text or numbers."""
    return read(target.execute(*(
        word if isinstance(word, bytes) else str(word).encode() for word in words)))


def pairs(flat: list) -> dict:
    """A RESP2 map."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
