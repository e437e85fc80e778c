"""BGREWRITEAOF."""
from .cold import Error, Simple, register


@register("bgrewriteaof")
def bgrewriteaof(server, client, argv: list[bytes]) -> Simple:
    if server.journal is None:
        raise Error("ERR this engine keeps no append only file")
    if not server.journal.rewrite():
        raise Error("ERR Background append only file rewriting already in progress")
    return Simple("Background append only file rewriting started")
