"""Words of a line and their quotes, as configuration files and the journal's manifest have them.

Words are separated by white space. A part of a word, or all of it, may stand in double quotes,
where \\n, \\r, \\t, \\b, \\a and \\xHH are what they are elsewhere and \\ before any other byte is
that byte; or in single quotes, where only \\' is not itself.
"""
import re

ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
NAMED = {byte: b"\\" + name for name, byte in ESCAPES.items()}
PLAIN = re.compile(rb"[!#-&(-\[\]-~]+")  # printable, and neither space, quote nor backslash
PART = re.compile(rb"""(?P<space>[ \t\n\v\f\r\0]+) | (?P<plain>[^ \t\n\v\f\r\0"']+)
    | "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)'""", re.X | re.S)
ESCAPED = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.S)


def split_words(line: bytes) -> list[bytes]:
    """The words of a line.

    Raises:
        ValueError: a quote is not closed.
    """
    words, word, at = [], None, 0
    while at < len(line):
        found = PART.match(line, at)
        if found is None:
            raise ValueError("unbalanced quotes")
        at = found.end()
        if found["space"] is not None:
            words += [] if word is None else [word]
            word = None
        else:
            word = (word or b"") + (found["plain"] or ESCAPED.sub(unescaped, found["double"] or b"")
                                    or (found["single"] or b"").replace(b"\\'", b"'"))
    return words if word is None else [*words, word]


def unescaped(found: re.Match) -> bytes:
    code = found[1]
    return bytes([int(code[1:], 16)]) if len(code) == 3 else ESCAPES.get(code, code)


def quote(word: bytes) -> bytes:
    """The word as split_words reads it; in quotes only where it needs them."""
    if PLAIN.fullmatch(word):
        return word
    out = bytearray(b'"')
    for byte in word:
        char = bytes([byte])
        if char in b'"\\':
            out += b"\\" + char
        else:
            out += NAMED.get(char) or (char if 32 <= byte < 127 else b"\\x%02x" % byte)
    return bytes(out + b'"')
