"""A mapping made ready ahead of need, and mappings unmapped after it, on a thread of its own.

Terms
    ready     mapped, aligned to its size, every page present and zero
    given     nobody's any more; mapped until the thread has come round to it

The first touch of memory is the kernel's work, and may be the hypervisor's: in a virtual machine
whose free pages go back to the host, we measured 5 to 15 ms for a page of 2 MiB. To give 4 MiB back
takes 0.1 ms there as a rule, and up to 2.3. The loop would serve nobody for so long. A table frees
its items in the order of their hashes, so that the chunks of a large one are emptied all at once,
at the end.
"""
from libc.stddef cimport size_t

cdef struct reserve_t

# For mappings of `size` bytes, a power of two. NULL when there is no thread to be had.
cdef reserve_t* reserve_create(size_t size) noexcept nogil
# Waits for the thread, which unmaps what was given, and unmaps what it has ready.
cdef void reserve_release(reserve_t* reserve) noexcept nogil
# There should be one ready soon. Returns at once.
cdef void reserve_ask(reserve_t* reserve) noexcept nogil
# One that is ready, which is the caller's from here on; NULL when there is none. Does not wait.
cdef void* reserve_take(reserve_t* reserve) noexcept nogil
# Unmap this soon: `size` bytes of whole pages, whose content is lost at once. Returns at once.
cdef void reserve_give(reserve_t* reserve, void* mapping, size_t size) noexcept nogil
# A fresh mapping of `size` bytes at a multiple of that, its pages not yet touched; NULL when the
# system refuses.
cdef void* map_aligned(size_t size) noexcept nogil
