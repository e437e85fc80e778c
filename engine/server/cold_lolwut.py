"""LOLWUT: a picture, and who drew it."""
import os

from kvd import __version__

from .cold import Error, Verbatim, register

COLUMNS, ROWS = 64, 16
COLUMNS_MAX, ROWS_MAX = 160, 80


def number(word: bytes) -> int:
    try:
        return int(word)
    except ValueError:
        raise Error("ERR value is not an integer or out of range") from None


def maze(columns: int, rows: int) -> list[str]:
    """Every cell a diagonal, one way or the other: walls and corridors come by themselves."""
    return ["".join("/\\"[byte & 1] for byte in os.urandom(columns)) for _ in range(rows)]


@register("lolwut")
def lolwut(server, client, argv: list[bytes]) -> Verbatim:
    words = argv[1:]
    if words and words[0].lower() == b"version":
        for word in words[1:2]:
            number(word)                # there is one picture: every version draws it
        words = words[2:]
    size = [number(word) for word in words[:2]]
    columns = min(max(size[0] if size else COLUMNS, 1), COLUMNS_MAX)
    rows = min(max(size[1] if len(size) > 1 else ROWS, 1), ROWS_MAX)
    lines = [*maze(columns, rows), "", f"A maze that nobody planned. kvd ver. {__version__}"]
    return Verbatim("\n".join(lines) + "\n")
