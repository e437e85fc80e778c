"""CONFIG: the rows. Python serves them, see server/cold_config.py."""
from ..wire.command cimport (
    CMD_ADMIN, CMD_CONTAINER, CMD_LOADING, CMD_NOSCRIPT, CMD_PYTHON, CMD_STALE, GROUP_SERVER,
    command_register, command_t, keys_none, row, subrow,
)

cdef enum:
    FLAGS = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_PYTHON

cdef command_t TABLE[6]
TABLE[:] = [
    row(b"config", NULL, -2, CMD_CONTAINER, 0, GROUP_SERVER, keys_none(), b"2.0.0",
        b"Depends on the subcommand", b"CONFIG",
        b"Groups the commands about directives."),
    subrow(b"config", b"get", NULL, -3, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.0.0",
           b"O(N), N directives",
           b"CONFIG GET parameter [parameter ...]",
           b"Returns directives that match, with the values they have now."),
    subrow(b"config", b"set", NULL, -4, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.0.0",
           b"O(N), N directives",
           b"CONFIG SET parameter value [parameter value ...]",
           b"Changes directives while the server runs: all of them, or none."),
    subrow(b"config", b"resetstat", NULL, 2, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.0.0",
           b"O(1)", b"CONFIG RESETSTAT",
           b"Starts counting anew, as INFO shows it."),
    subrow(b"config", b"rewrite", NULL, 2, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.8.0",
           b"O(1)", b"CONFIG REWRITE",
           b"Writes what has changed back to the configuration file."),
    subrow(b"config", b"help", NULL, 2, CMD_LOADING | CMD_STALE | CMD_PYTHON, 0, GROUP_SERVER,
           keys_none(), b"5.0.0", b"O(1)", b"CONFIG HELP",
           b"Lists the subcommands with a line about each."),
]
command_register(TABLE, 6)
