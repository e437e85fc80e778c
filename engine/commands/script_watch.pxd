"""The watchdog: a thread that sees a script run for too long, and arms the machine's hook.

Terms
    beat      how often the watchdog looks while scripts run
    armed     the machine calls script_hook every so many instructions
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.lua cimport lua_hook_fn, lua_State

cdef struct watchdog_t

cdef watchdog_t* watch_start() noexcept nogil
cdef void watch_stop(watchdog_t* w) noexcept nogil
# A run begins: call `hook` when it has lasted after_us. after_us 0: never.
cdef void watch_begin(watchdog_t* w, lua_State* L, lua_hook_fn hook,
                      int64_t after_us) noexcept nogil
cdef void watch_end(watchdog_t* w) noexcept nogil
# From the hook: every instruction from now on, or every `count` of them; 0 ends it.
cdef void watch_arm(watchdog_t* w, lua_State* L, lua_hook_fn hook, int count) noexcept nogil
