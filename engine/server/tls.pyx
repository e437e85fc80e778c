"""TLS on a socket.

The functions come by address: `use_library` is given a way to find them, once in a process. That
table is constant after it, as the command registry is.

The socket is reached by a BIO of our own: recv(2) and send(2) as without TLS, rather than OpenSSL's
read(2) and write(2), which pass the file layer first.

A read takes what the socket has in one recv(2) (read-ahead), decrypts record after record into the
caller's buffer, and goes back to the socket only when nothing is left of what came: a pipeline of
many records costs one system call, as it does without TLS. A write of one turn's replies is one
record up to 16 KiB.

Keys are P-256 or RSA, as the certificate says; a handshake takes 0.1 to 1 ms of the loop, which is
why the loop bounds how many it works on in a turn.

Invariants
    T1  OpenSSL's error queue of this thread is empty between two calls
    T2  a session holds its context, whoever replaces the server's
Source: OpenSSL 1.1.1 and 3.x, SSL_read(3), SSL_CTX_set_read_ahead(3), SSL_CTX_set_mode(3),
BIO_meth_new(3), bio.h for the numbers.
"""
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport intptr_t, uint64_t, uintptr_t
from libc.string cimport memcpy, strlen

from ..core.intrinsics cimport unlikely

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* at, size_t size, int flags)
    ssize_t send(int fd, const void* at, size_t size, int flags)
    int MSG_NOSIGNAL

cdef enum:
    WANT_READ = 2                       # SSL_get_error
    WANT_WRITE = 3
    ZERO_RETURN = 6

    CTRL_MODE = 33                      # SSL_CTX_ctrl
    CTRL_READ_AHEAD = 41
    CTRL_CACHE_SIZE = 42
    CTRL_CACHE_MODE = 44
    CTRL_MIN_PROTO = 123
    CTRL_MAX_PROTO = 124

    # Replies move as their buffer grows. Not RELEASE_BUFFERS, which frees and allocates around each
    # record, 0.25 us a request; and not SSL_free_buffers for those who are idle, which in many an
    # OpenSSL uses what it has freed when half a record has come (CVE-2024-4741).
    MODE = 1 | 2 | 4                    # PARTIAL_WRITE, MOVING_BUFFER, AUTO_RETRY
    CACHE_OFF = 0
    CACHE_SERVER = 2
    VERIFY_PEER = 1
    VERIFY_FAIL_IF_NO_CERT = 2
    FILE_PEM = 1
    PROTO_1_2 = 0x0303
    PROTO_1_3 = 0x0304
    OP_NO_COMPRESSION = 0x00020000
    OP_NO_RENEGOTIATION = 0x40000000
    OP_SERVER_PREFERENCE = 0x00400000
    READ_BUFFER = 32768                 # bytes that one recv(2) may take; each session holds them
    CHUNK_MAX = 1073741824              # OpenSSL's sizes are ints

    BIO_SOURCE_SINK = 0x0400            # BIO_TYPE_SOURCE_SINK
    BIO_READ = 0x01                     # flags: what to wait for
    BIO_WRITE = 0x02
    BIO_RETRY = 0x08
    BIO_ENDED = 0x800                   # BIO_FLAGS_IN_EOF
    BIO_CTRL_EOF = 2
    BIO_CTRL_FLUSH = 11

ctypedef void* (*new_fn)(const void*) noexcept nogil
ctypedef void (*free_fn)(void*) noexcept nogil
ctypedef const void* (*method_fn)() noexcept nogil
ctypedef long (*ctrl_fn)(void*, int, long, void*) noexcept nogil
ctypedef uint64_t (*options_fn)(void*, uint64_t) noexcept nogil
ctypedef int (*text_fn)(void*, const char*) noexcept nogil
ctypedef int (*file_fn)(void*, const char*, int) noexcept nogil
ctypedef int (*two_texts_fn)(void*, const char*, const char*) noexcept nogil
ctypedef int (*check_fn)(const void*) noexcept nogil
ctypedef void (*verify_fn)(void*, int, void*) noexcept nogil
ctypedef int (*bytes_fn)(void*, const char*, unsigned) noexcept nogil
ctypedef void (*password_fn)(void*, int (*)(char*, int, int, void*) noexcept nogil) noexcept nogil
ctypedef void (*pointer_fn)(void*, void*) noexcept nogil
ctypedef void (*size_fn)(void*, size_t) noexcept nogil
ctypedef long (*long_fn)(void*, long) noexcept nogil
ctypedef int (*read_fn)(void*, void*, int) noexcept nogil
ctypedef int (*write_fn)(void*, const void*, int) noexcept nogil
ctypedef int (*result_fn)(const void*, int) noexcept nogil
ctypedef int (*do_fn)(void*) noexcept nogil
ctypedef unsigned long (*error_fn)() noexcept nogil
ctypedef void (*clear_fn)() noexcept nogil
ctypedef void (*spell_fn)(unsigned long, char*, size_t) noexcept nogil
ctypedef int (*index_fn)() noexcept nogil
ctypedef void* (*method_new_fn)(int, const char*) noexcept nogil
ctypedef int (*method_set_fn)(void*, void*) noexcept nogil
ctypedef void* (*data_fn)(void*) noexcept nogil
ctypedef void (*flags_fn)(void*, int) noexcept nogil
ctypedef int (*test_flags_fn)(const void*, int) noexcept nogil
ctypedef void (*two_bios_fn)(void*, void*, void*) noexcept nogil

cdef struct library_t:
    method_fn TLS_server_method
    new_fn SSL_CTX_new
    free_fn SSL_CTX_free
    ctrl_fn SSL_CTX_ctrl
    options_fn SSL_CTX_set_options
    text_fn SSL_CTX_use_certificate_chain_file
    file_fn SSL_CTX_use_PrivateKey_file
    check_fn SSL_CTX_check_private_key
    two_texts_fn SSL_CTX_load_verify_locations
    verify_fn SSL_CTX_set_verify
    text_fn SSL_CTX_set_cipher_list
    text_fn SSL_CTX_set_ciphersuites
    bytes_fn SSL_CTX_set_session_id_context
    password_fn SSL_CTX_set_default_passwd_cb
    pointer_fn SSL_CTX_set_default_passwd_cb_userdata
    size_fn SSL_CTX_set_default_read_buffer_len
    long_fn SSL_CTX_set_timeout
    new_fn SSL_new
    free_fn SSL_free
    two_bios_fn SSL_set_bio
    free_fn SSL_set_accept_state
    read_fn SSL_read
    write_fn SSL_write
    result_fn SSL_get_error
    check_fn SSL_has_pending
    check_fn SSL_is_init_finished
    do_fn SSL_shutdown
    error_fn ERR_get_error
    clear_fn ERR_clear_error
    spell_fn ERR_error_string_n
    index_fn BIO_get_new_index
    method_new_fn BIO_meth_new
    method_set_fn BIO_meth_set_read
    method_set_fn BIO_meth_set_write
    method_set_fn BIO_meth_set_ctrl
    new_fn BIO_new
    pointer_fn BIO_set_data
    data_fn BIO_get_data
    flags_fn BIO_set_init
    flags_fn BIO_set_flags
    flags_fn BIO_clear_flags
    test_flags_fn BIO_test_flags

cdef library_t LIBRARY                  # all NULL until use_library
cdef void* SOCKET_METHOD = NULL         # likewise; owned, for ever

# In the order of library_t's fields, which the layout check below holds.
NAMES = (
    "TLS_server_method", "SSL_CTX_new", "SSL_CTX_free", "SSL_CTX_ctrl", "SSL_CTX_set_options",
    "SSL_CTX_use_certificate_chain_file", "SSL_CTX_use_PrivateKey_file",
    "SSL_CTX_check_private_key", "SSL_CTX_load_verify_locations", "SSL_CTX_set_verify",
    "SSL_CTX_set_cipher_list", "SSL_CTX_set_ciphersuites", "SSL_CTX_set_session_id_context",
    "SSL_CTX_set_default_passwd_cb", "SSL_CTX_set_default_passwd_cb_userdata",
    "SSL_CTX_set_default_read_buffer_len", "SSL_CTX_set_timeout", "SSL_new", "SSL_free",
    "SSL_set_bio", "SSL_set_accept_state", "SSL_read", "SSL_write", "SSL_get_error",
    "SSL_has_pending", "SSL_is_init_finished", "SSL_shutdown", "ERR_get_error",
    "ERR_clear_error", "ERR_error_string_n", "BIO_get_new_index", "BIO_meth_new",
    "BIO_meth_set_read", "BIO_meth_set_write", "BIO_meth_set_ctrl", "BIO_new", "BIO_set_data",
    "BIO_get_data", "BIO_set_init", "BIO_set_flags", "BIO_clear_flags", "BIO_test_flags",
)


def use_library(find) -> None:
    """Take OpenSSL's functions, unless they have been taken already.

    Args:
        find: gives the address of a function by its name, or raises what the caller will see.
    """
    cdef uintptr_t* slots = <uintptr_t*>&LIBRARY
    cdef size_t i
    if LIBRARY.SSL_read is not NULL:
        return
    assert sizeof(library_t) == len(NAMES) * sizeof(uintptr_t)
    found = [find(name) for name in NAMES]
    for i in range(<size_t>len(found)):
        slots[i] = <uintptr_t>found[i]
    make_socket_method()


# -- contexts: cold -------------------------------------------------------------------------------

class TLSError(ValueError):
    """Why a context cannot be made, in OpenSSL's words."""


cdef int give_password(char* out, int size, int writing, void* password) noexcept nogil:
    cdef size_t length = strlen(<const char*>password)
    if length > <size_t>size:
        return 0
    memcpy(out, password, length)
    return <int>length


cdef object last_error(str what):
    cdef char text[256]
    cdef unsigned long code = LIBRARY.ERR_get_error()
    text[0] = 0
    if code:
        LIBRARY.ERR_error_string_n(code, text, sizeof(text))
    LIBRARY.ERR_clear_error()           # T1
    reason = (<bytes>text).decode("utf-8", "replace").rpartition(":")[2]
    return TLSError(f"{what}: {reason or 'unknown error'}")


cdef int check(bint good, str what) except -1:
    if not good:
        raise last_error(what)
    return 0


cdef int set_protocols(void* context, protocols) except -1:
    versions = {"TLSv1.2": PROTO_1_2, "TLSv1.3": PROTO_1_3}
    wanted = protocols or list(versions)
    unknown = [word for word in wanted if word not in versions]
    if unknown:
        raise TLSError(f"tls-protocols: {unknown[0]} is not one of {' '.join(versions)}")
    numbers = [versions[word] for word in wanted]
    check(LIBRARY.SSL_CTX_ctrl(context, CTRL_MIN_PROTO, min(numbers), NULL) == 1, "tls-protocols")
    check(LIBRARY.SSL_CTX_ctrl(context, CTRL_MAX_PROTO, max(numbers), NULL) == 1, "tls-protocols")
    return 0


cdef int fill_context(void* context, options) except -1:
    cdef bytes certificate = options["certificate"], key = options["key"]
    cdef bytes password = options["password"], ca_file = options["ca_file"]
    cdef bytes ca_dir = options["ca_dir"]
    cdef bytes ciphers = options["ciphers"], suites = options["ciphersuites"]
    cdef const char* at
    LIBRARY.SSL_CTX_ctrl(context, CTRL_MODE, MODE, NULL)
    LIBRARY.SSL_CTX_ctrl(context, CTRL_READ_AHEAD, 1, NULL)
    LIBRARY.SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER)
    LIBRARY.SSL_CTX_set_options(context, OP_NO_COMPRESSION | OP_NO_RENEGOTIATION | (
        OP_SERVER_PREFERENCE if options["prefer_server_ciphers"] else 0))
    set_protocols(context, options["protocols"])
    if password:
        at = password
        LIBRARY.SSL_CTX_set_default_passwd_cb(context, give_password)
        LIBRARY.SSL_CTX_set_default_passwd_cb_userdata(context, <void*>at)
    check(LIBRARY.SSL_CTX_use_certificate_chain_file(context, certificate) == 1, "tls-cert-file")
    check(LIBRARY.SSL_CTX_use_PrivateKey_file(context, key, FILE_PEM) == 1, "tls-key-file")
    LIBRARY.SSL_CTX_set_default_passwd_cb_userdata(context, NULL)     # it was borrowed
    check(LIBRARY.SSL_CTX_check_private_key(context) == 1, "tls-key-file")
    if ca_file or ca_dir:
        check(LIBRARY.SSL_CTX_load_verify_locations(
            context, <const char*>ca_file if ca_file else NULL,
            <const char*>ca_dir if ca_dir else NULL) == 1, "tls-ca-cert-file")
    verify = {"no": 0, "optional": VERIFY_PEER, "yes": VERIFY_PEER | VERIFY_FAIL_IF_NO_CERT}
    LIBRARY.SSL_CTX_set_verify(context, <int>verify[options["auth_clients"]], NULL)
    if ciphers:
        check(LIBRARY.SSL_CTX_set_cipher_list(context, ciphers) == 1, "tls-ciphers")
    if suites:
        check(LIBRARY.SSL_CTX_set_ciphersuites(context, suites) == 1, "tls-ciphersuites")
    if options["session_caching"]:
        LIBRARY.SSL_CTX_ctrl(context, CTRL_CACHE_MODE, CACHE_SERVER, NULL)
        LIBRARY.SSL_CTX_ctrl(context, CTRL_CACHE_SIZE, <long>options["session_cache_size"], NULL)
        LIBRARY.SSL_CTX_set_timeout(context, <long>options["session_cache_timeout"])
        check(LIBRARY.SSL_CTX_set_session_id_context(context, b"kvd", 3) == 1, "tls")
    else:
        LIBRARY.SSL_CTX_ctrl(context, CTRL_CACHE_MODE, CACHE_OFF, NULL)
    return 0


def make_context(options: dict) -> int:
    """A context for `Server.set_tls`, which takes it.

    Args:
        options: certificate, key, password, ca_file, ca_dir, ciphers and ciphersuites as bytes,
            empty where unset; protocols, a list of "TLSv1.2" and "TLSv1.3"; auth_clients, "no",
            "optional" or "yes"; prefer_server_ciphers, session_caching; session_cache_size in
            sessions and session_cache_timeout in seconds.
    Returns:
        Its address.
    Raises:
        TLSError: which directive is wrong, and why.
    """
    cdef void* context
    if LIBRARY.SSL_read is NULL:
        raise TLSError("no TLS library has been found")
    LIBRARY.ERR_clear_error()
    context = LIBRARY.SSL_CTX_new(LIBRARY.TLS_server_method())
    check(context is not NULL, "tls")
    try:
        fill_context(context, options)
    except BaseException:
        LIBRARY.SSL_CTX_free(context)
        raise
    return <uintptr_t>context


cdef void tls_free_context(void* context) noexcept nogil:
    if context is not NULL:
        LIBRARY.SSL_CTX_free(context)


# -- the socket -----------------------------------------------------------------------------------

cdef inline int socket_of(void* bio) noexcept nogil:
    return <int><intptr_t>LIBRARY.BIO_get_data(bio)


cdef int moved(void* bio, ssize_t count, int direction) noexcept nogil:
    """What OpenSSL hears of a recv or send that gave `count`."""
    if unlikely(count <= 0):            # else nobody asks for the flags
        LIBRARY.BIO_clear_flags(bio, BIO_READ | BIO_WRITE | BIO_RETRY)
        if count < 0 and (errno == EAGAIN or errno == EINTR):
            LIBRARY.BIO_set_flags(bio, direction | BIO_RETRY)
        elif count == 0 and direction == BIO_READ:
            LIBRARY.BIO_set_flags(bio, BIO_ENDED)
    return <int>count


cdef int socket_read(void* bio, char* out, int size) noexcept nogil:
    return moved(bio, recv(socket_of(bio), out, <size_t>size, 0), BIO_READ)


cdef int socket_write(void* bio, const char* data, int size) noexcept nogil:
    return moved(bio, send(socket_of(bio), data, <size_t>size, MSG_NOSIGNAL), BIO_WRITE)


cdef long socket_ctrl(void* bio, int command, long number, void* pointer) noexcept nogil:
    if command == BIO_CTRL_EOF:
        return LIBRARY.BIO_test_flags(bio, BIO_ENDED) != 0
    return command == BIO_CTRL_FLUSH    # nothing is held back; what else is asked is not known here


cdef int make_socket_method() except -1:
    global SOCKET_METHOD
    SOCKET_METHOD = LIBRARY.BIO_meth_new(LIBRARY.BIO_get_new_index() | BIO_SOURCE_SINK, b"kvd")
    if SOCKET_METHOD is NULL:
        raise MemoryError("a BIO method")
    LIBRARY.BIO_meth_set_read(SOCKET_METHOD, <void*>socket_read)
    LIBRARY.BIO_meth_set_write(SOCKET_METHOD, <void*>socket_write)
    LIBRARY.BIO_meth_set_ctrl(SOCKET_METHOD, <void*>socket_ctrl)
    return 0


# -- sessions -------------------------------------------------------------------------------------

cdef void* tls_accept(void* context, int fd) noexcept nogil:
    cdef void* session = LIBRARY.SSL_new(context)       # T2: it counts its context
    cdef void* bio
    if session is NULL:
        LIBRARY.ERR_clear_error()
        return NULL
    bio = LIBRARY.BIO_new(SOCKET_METHOD)
    if bio is NULL:
        LIBRARY.SSL_free(session)
        LIBRARY.ERR_clear_error()
        return NULL
    LIBRARY.BIO_set_data(bio, <void*><intptr_t>fd)
    LIBRARY.BIO_set_init(bio, 1)
    LIBRARY.SSL_set_bio(session, bio, bio)              # the session owns it, and frees it
    LIBRARY.SSL_set_accept_state(session)
    return session


cdef void tls_release(void* session) noexcept nogil:
    if LIBRARY.SSL_is_init_finished(session):
        LIBRARY.SSL_shutdown(session)   # one way: nobody waits for the peer's own
    LIBRARY.SSL_free(session)
    LIBRARY.ERR_clear_error()           # T1


cdef ssize_t failed(void* session, int result) noexcept nogil:
    cdef int error = LIBRARY.SSL_get_error(session, result)
    LIBRARY.ERR_clear_error()           # T1
    if error == WANT_READ or error == WANT_WRITE:
        return TLS_WAIT
    return 0 if error == ZERO_RETURN else TLS_BROKEN


cdef ssize_t tls_read(void* session, char* out, size_t size) noexcept nogil:
    cdef size_t done = 0
    cdef size_t want
    cdef int got
    while done < size:
        want = size - done if size - done < CHUNK_MAX else CHUNK_MAX
        got = LIBRARY.SSL_read(session, out + done, <int>want)
        if got <= 0:
            if done == 0:
                return failed(session, got)
            LIBRARY.ERR_clear_error()   # what ended the session is found again by the next call
            break
        done += <size_t>got
        if not LIBRARY.SSL_has_pending(session):
            break
    return <ssize_t>done


cdef ssize_t tls_write(void* session, const char* data, size_t size) noexcept nogil:
    cdef size_t done = 0
    cdef size_t want
    cdef int put
    while done < size:
        want = size - done if size - done < CHUNK_MAX else CHUNK_MAX
        put = LIBRARY.SSL_write(session, data + done, <int>want)
        if put <= 0:
            if done:
                LIBRARY.ERR_clear_error()
                return <ssize_t>done
            return failed(session, put) or TLS_BROKEN
        done += <size_t>put
    return <ssize_t>done


cdef bint tls_has_more(void* session) noexcept nogil:
    return LIBRARY.SSL_has_pending(session) != 0


cdef bint tls_is_shaken(void* session) noexcept nogil:
    return LIBRARY.SSL_is_init_finished(session) != 0
