"""The journal's life: start with what the files hold, run, rewrite, stop.

journal.pyx holds `Journal`, which decides about files in Python, and what the loop calls each
turn without it.
"""
from ..commands.state cimport server_t

# Hooks of the store: keys that expire or are evicted reach the journal as DEL, and a walk copies
# what is about to change.
cdef void journal_attach(server_t* srv) noexcept nogil
cdef void journal_detach(server_t* srv) noexcept nogil
# Ten times a second.
cdef void journal_cron(server_t* srv) noexcept nogil
# At the end of a turn, while a rewrite runs or is wanted.
cdef void journal_turn(server_t* srv) noexcept nogil
