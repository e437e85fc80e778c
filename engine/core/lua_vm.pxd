"""A Lua machine for scripts of strangers: its memory is counted and capped, its globals are locked.

Terms
    vm        one machine: state, heap, and what we keep of it; embedded by value in its owner
    guard     an empty table that stands for a table of ours: reading goes through, writing raises
    globals   what scripts see: a guard over the table of real globals, at GLOBALS in the registry
    surface   the C functions that the owner adds to the globals

A vm belongs to one thread. Between vm_open and vm_close its address must not change.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from .buf cimport buf_t
from .heap cimport heap_t
from .lua cimport lua_State, lua_fn, lua

cdef struct vm_t:
    lua_State* L                        # NULL: closed
    heap_t heap                         # everything that Lua allocates
    size_t size_max                     # bytes that Lua may have; it gets an error beyond
    uint64_t refused                    # allocations that were beyond
    uint64_t rand48                     # state of math.random
    buf_t text                          # scratch of the library that runs; see vm_text
    void* owner                         # of the surface

# A machine with the libraries of scripts and nothing else. False: there is no memory for it.
# Globals are then complete but for what vm_seal brings.
cdef bint vm_open(vm_t* vm, void* owner, size_t size_max) noexcept nogil
cdef void vm_close(vm_t* vm) noexcept nogil

# The vm whose machine this is.
cdef inline vm_t* vm_of(lua_State* L) noexcept nogil:
    cdef void* owner
    lua.getallocf(L, &owner)
    return <vm_t*>owner

# Give the next numbers of math.random from this seed.
cdef void vm_seed(vm_t* vm, uint64_t seed) noexcept nogil

# In a protected call only --------------------------------------------------------------------

# A field of the table on top of the stack.
cdef void vm_set_function(lua_State* L, const char* name, lua_fn fn) noexcept nogil
cdef void vm_set_number(lua_State* L, const char* name, double value) noexcept nogil
cdef void vm_set_string(lua_State* L, const char* name, const char* value) noexcept nogil
# Replace the table on top of the stack by a guard over it.
cdef void vm_guard(lua_State* L) noexcept nogil
# Let reading what is not in the table on top raise, as it does for globals.
cdef void vm_strict(lua_State* L) noexcept nogil
# Push the table of real globals, which only we see.
cdef void vm_push_globals(lua_State* L) noexcept nogil
# "user_script:3: " and the like: raise that a table is read-only, without a place.
cdef int vm_deny(lua_State* L) noexcept nogil
# The scratch buffer, empty: whoever makes a text uses it and pushes the result before anything else
# of ours runs. Raises when `more` bytes on top of what it holds are beyond the machine's memory.
cdef buf_t* vm_text(lua_State* L) noexcept nogil
cdef void vm_text_more(lua_State* L, buf_t* text, size_t more) noexcept nogil

cdef inline void vm_text_append(lua_State* L, buf_t* text, const char* data,
                                size_t size) noexcept nogil:
    if text.size_max - text.size < size:
        vm_text_more(L, text, size)
    if size:
        memcpy(text.data + text.size, data, size)
    text.size += size

cdef inline void vm_text_byte(lua_State* L, buf_t* text, char byte) noexcept nogil:
    if text.size_max == text.size:
        vm_text_more(L, text, 1)
    text.data[text.size] = byte
    text.size += 1

# Push what was made.
cdef void vm_text_push(lua_State* L, buf_t* text) noexcept nogil
