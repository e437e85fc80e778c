"""Values of directives: read, check, change.

Terms
    pair     a directive's name and its value as text, both bytes
    load     take values before the server runs: immutable ones too; nothing is applied yet
    change   take values while it runs, all or none, and apply them
"""
from ..commands.state cimport server_t

# Every field at its default. The server's heap must stand.
cdef int settings_init(server_t* srv) except -1
cdef void settings_free(server_t* srv) noexcept
cdef int settings_load(server_t* srv, pairs) except -1
# Run every hook once: the rooms now have what the fields say.
cdef int settings_apply(server_t* srv) except -1
# The names that match any of the patterns (None: all), with their values, in order of name.
cdef dict settings_match(server_t* srv, patterns)
# Raises DirectiveError; then nothing has changed. `shell` maps the names of the shell's hooks to
# callables; with `protected_too` protected directives may be changed.
cdef int settings_change(server_t* srv, pairs, dict shell, bint protected_too) except -1
