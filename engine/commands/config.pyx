"""CONFIG: the rows. Python serves them, see server/cold_config.py."""
from ..wire.command cimport (
    ACL_ADMIN, ACL_DANGEROUS, ACL_SLOW, CMD_ADMIN, CMD_CONTAINER, CMD_LOADING, CMD_NOSCRIPT,
    CMD_PYTHON, CMD_STALE, GROUP_SERVER, command_register, command_t, keys_none, row, subrow,
)

cdef enum:
    FLAGS = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_PYTHON

cdef command_t TABLE[6]
TABLE[:] = [
    row(b"config", NULL, -2, CMD_CONTAINER, 0, GROUP_SERVER, keys_none(), b"2.0.0",
        b"Depends on subcommand.", b"CONFIG",
        b"A container for server configuration commands."),
    subrow(b"config", b"get", NULL, -3, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.0.0",
           b"O(N) when N is the number of configuration parameters provided",
           b"CONFIG GET parameter [parameter ...]",
           b"Returns the effective values of configuration parameters."),
    subrow(b"config", b"set", NULL, -4, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.0.0",
           b"O(N) when N is the number of configuration parameters provided",
           b"CONFIG SET parameter value [parameter value ...]",
           b"Sets configuration parameters in-flight."),
    subrow(b"config", b"resetstat", NULL, 2, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.0.0",
           b"O(1)", b"CONFIG RESETSTAT",
           b"Resets the server's statistics."),
    subrow(b"config", b"rewrite", NULL, 2, FLAGS, 0, GROUP_SERVER, keys_none(), b"2.8.0",
           b"O(1)", b"CONFIG REWRITE",
           b"Persists the effective configuration to file."),
    subrow(b"config", b"help", NULL, 2, CMD_LOADING | CMD_STALE | CMD_PYTHON, 0, GROUP_SERVER,
           keys_none(), b"5.0.0", b"O(1)", b"CONFIG HELP",
           b"Returns helpful text about the different subcommands."),
]
command_register(TABLE, 6)
