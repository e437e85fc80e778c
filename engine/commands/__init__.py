"""The command families, in the order they register: the table of contents."""
from . import (
    connection, t_string, bitops, lcs, generic, expire_keys, scan, multi, config, admin,
    journal,
)

__all__ = [
    "connection", "t_string", "bitops", "lcs", "generic", "expire_keys", "scan", "multi", "config",
    "admin", "journal",
]
