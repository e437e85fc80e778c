"""TLS on a socket, at C speed, by an OpenSSL that the process has loaded already.

Terms
    library    a table of OpenSSL's functions, by address; one in a process, for ever
    context    certificate, key and rules, shared by the connections made from it (SSL_CTX)
    session    one connection's TLS (SSL); owned by its client

We link against no libssl, so that one wheel serves every machine.
"""
from libc.stddef cimport size_t

cdef enum:
    TLS_WAIT = -1                       # not until the socket is ready again
    TLS_BROKEN = -2                     # the session is of no more use

# A session for a fresh socket; NULL without memory. The context may be replaced meanwhile.
cdef void* tls_accept(void* context, int fd) noexcept nogil
# Says goodbye to the peer where that makes sense, and frees the session. The socket stays open.
cdef void tls_release(void* session) noexcept nogil
# Bytes; 0 when the peer has ended; TLS_WAIT or TLS_BROKEN. The first calls shake hands.
cdef ssize_t tls_read(void* session, char* out, size_t size) noexcept nogil
cdef ssize_t tls_write(void* session, const char* data, size_t size) noexcept nogil
# Bytes have come from the socket that tls_read has not returned: the poller will not tell of them.
cdef bint tls_has_more(void* session) noexcept nogil
cdef bint tls_is_shaken(void* session) noexcept nogil
cdef void tls_free_context(void* context) noexcept nogil
