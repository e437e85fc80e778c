"""Machines and runs: what the families of scripts and functions share."""
from libc.stdint cimport uint32_t

from ..core.lua cimport lua_fn, lua_State
from ..core.lua_vm cimport vm_t
from ..core.types cimport slice_t
from ..wire.command cimport client_t
from .script_state cimport machine_t, scripting_t
from .state cimport server_t

# Of this server; made on first use.
cdef scripting_t* scripting_of(server_t* srv) noexcept nogil
# Everything, when the server ends.
cdef void scripting_free(server_t* srv) noexcept nogil
# The machine, made on first use, when `surface` adds to it what only it has; with the tables of
# real globals and of redis.* on the stack. NULL, with the reply, where there can be none.
cdef vm_t* machine_or_reply(client_t* c, machine_t machine, lua_fn surface) noexcept nogil
# Its memory is given back; what was compiled on it is gone.
cdef void machine_drop(scripting_t* s, machine_t machine) noexcept nogil

# numkeys, at c.argv[2]; `not_integer` is the reply where it is none.
cdef bint script_keys_or_reply(client_t* c, const char* not_integer, int* keys) noexcept nogil
# Fill s.run from the command. False, with the reply, when it may not run.
cdef bint script_prepare_or_reply(client_t* c, scripting_t* s, uint32_t flags, bint read_only,
                                  int keys) noexcept nogil
# Run what s.run says, from the caller's command; replies.
cdef void script_run(scripting_t* s, vm_t* vm) noexcept nogil
# Compile: a reference, or 0 with the reason in s.run.error.
cdef int script_compile(scripting_t* s, vm_t* vm, slice_t body, const char* name) noexcept nogil
# The machine forgets a reference.
cdef void script_forget(vm_t* vm, int reference) noexcept nogil
# Call a C function in protection, `argument` at index 1; True when it did not raise, else the
# reason is in s.run.error.
cdef bint script_protect(scripting_t* s, vm_t* vm, lua_fn fn,
                         void* argument) noexcept nogil
# Ask the run to end; replies.
cdef void script_kill(client_t* c, machine_t machine) noexcept nogil

# "BUSY ..."
cdef void script_reply_busy(client_t* c) noexcept nogil
