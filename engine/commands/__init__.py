"""The command families, in the order they register: the table of contents."""
from . import (
    connection,
    t_string, string_parts, string_many, bitops, lcs, hyperloglog,
    t_list, list_move,
    t_set, set_random, set_algebra,
    generic, expire_keys, scan, multi, config, admin, journal,
)

__all__ = [
    "connection",
    "t_string", "string_parts", "string_many", "bitops", "lcs", "hyperloglog",
    "t_list", "list_move",
    "t_set", "set_random", "set_algebra",
    "generic", "expire_keys", "scan", "multi", "config", "admin", "journal",
]
