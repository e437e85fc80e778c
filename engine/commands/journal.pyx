"""BGREWRITEAOF: the row. Python serves it, see server/cold_journal.py."""
from ..wire.command cimport (
    CMD_ADMIN, CMD_NOSCRIPT, CMD_NO_ASYNC_LOADING, CMD_PYTHON, GROUP_SERVER, command_register,
    command_t, keys_none, row,
)

cdef command_t TABLE[1]
TABLE[:] = [
    row(b"bgrewriteaof", NULL, 1, CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NOSCRIPT | CMD_PYTHON, 0,
        GROUP_SERVER,
        keys_none(), b"1.0.0", b"O(1)", b"BGREWRITEAOF",
        b"Writes the journal anew, beside service, as short as the data allow."),
]
command_register(TABLE, 1)
