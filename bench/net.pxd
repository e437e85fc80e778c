"""The system calls of the generators. No .pyx: every name is the C library's."""
from libc.stdint cimport uint32_t

cdef enum:
    INPUT_BYTES = 256 * 1024            # of one read
    EVENTS_MAX = 128                    # of one epoll_wait
    SILENCE_MS = 20000                  # no reply for so long: the run has failed

cdef extern from "sys/socket.h" nogil:
    enum: MSG_NOSIGNAL
    ssize_t send(int fd, const void* data, size_t size, int flags)
    ssize_t recv(int fd, void* data, size_t size, int flags)

cdef extern from "unistd.h" nogil:
    int close(int fd)
    ssize_t pread(int fd, void* data, size_t size, ssize_t offset)

cdef extern from "sys/epoll.h" nogil:
    enum: EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_MOD
    ctypedef union epoll_data_t:
        void* ptr
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int op, int fd, epoll_event* event)
    int epoll_wait(int epoll, epoll_event* events, int count, int timeout_ms)
