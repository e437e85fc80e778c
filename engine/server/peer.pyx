"""The socket of a connection.

A silent peer is probed after tcp-keepalive seconds, then twice more at a third of that: one that
is gone is known after less than twice tcp-keepalive.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

from ..core.intrinsics cimport byte_swap64, load64
from ..wire.errors cimport ERR_MAX_CLIENTS, ERR_PROTECTED

cdef extern from "<sys/socket.h>" nogil:
    cdef struct sockaddr:
        pass
    cdef struct sockaddr_storage:
        unsigned short ss_family
    int getsockname(int fd, sockaddr* address, unsigned* size)
    int getpeername(int fd, sockaddr* address, unsigned* size)
    int setsockopt(int fd, int level, int name, const void* value, unsigned size)
    ssize_t send(int fd, const void* at, size_t size, int flags)
    int MSG_NOSIGNAL, MSG_DONTWAIT, SOL_SOCKET, SO_KEEPALIVE, AF_INET, AF_INET6, AF_UNIX

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP

cdef extern from "<netinet/tcp.h>" nogil:
    int TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT

cdef extern from "<arpa/inet.h>" nogil:
    const char* inet_ntop(int family, const void* address, char* out, unsigned size)
    unsigned short ntohs(unsigned short value)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "<stdio.h>" nogil:
    int snprintf(char* out, size_t size, const char* format, ...)

cdef extern from *:
    """
    #include <netinet/in.h>
    #include <sys/un.h>
    /* By field, since Cython knows no anonymous unions. */
    static const void* kvd_host_of(const struct sockaddr_storage* s) {
        return s->ss_family == AF_INET ? (const void*)&((const struct sockaddr_in*)s)->sin_addr
                                       : (const void*)&((const struct sockaddr_in6*)s)->sin6_addr;
    }
    static unsigned short kvd_port_of(const struct sockaddr_storage* s) {
        return s->ss_family == AF_INET ? ((const struct sockaddr_in*)s)->sin_port
                                       : ((const struct sockaddr_in6*)s)->sin6_port;
    }
    static const char* kvd_path_of(const struct sockaddr_storage* s) {
        return ((const struct sockaddr_un*)s)->sun_path;
    }
    static int kvd_is_loopback(const struct sockaddr_storage* s) {
        const unsigned char* host = kvd_host_of(s);
        if (s->ss_family == AF_INET)
            return host[0] == 127;
        const struct in6_addr* six = (const struct in6_addr*)host;
        return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && host[12] == 127);
    }
    """
    const void* kvd_host_of(const sockaddr_storage* s) nogil
    unsigned short kvd_port_of(const sockaddr_storage* s) nogil
    const char* kvd_path_of(const sockaddr_storage* s) nogil
    bint kvd_is_loopback(const sockaddr_storage* s) nogil

cdef enum:
    KEEPALIVE_PROBES = 3


cdef bint is_ip(const sockaddr_storage* address) noexcept nogil:
    return address.ss_family == AF_INET or address.ss_family == AF_INET6


cdef bint of_this_machine(int fd) noexcept nogil:
    cdef sockaddr_storage address
    cdef unsigned size = sizeof(address)
    memset(&address, 0, sizeof(address))
    if getpeername(fd, <sockaddr*>&address, &size):
        return False
    return not is_ip(&address) or kvd_is_loopback(&address)


cdef const char* peer_refusal(const server_t* srv, int fd, bint outside) noexcept nogil:
    if <int64_t>srv.socket_count >= srv.config.maxclients:
        return ERR_MAX_CLIENTS
    if (outside and srv.config.protected_mode and not srv.auth_required
            and not of_this_machine(fd)):
        return ERR_PROTECTED
    return NULL


cdef bint peer_address(int fd, address_t* out) noexcept nogil:
    cdef sockaddr_storage address
    cdef unsigned size = sizeof(address)
    cdef uint8_t octets[16]
    memset(octets, 0, 10)
    octets[10] = octets[11] = 0xff
    if getpeername(fd, <sockaddr*>&address, &size) or not is_ip(&address):
        return False
    if address.ss_family == AF_INET:
        memcpy(&octets[12], kvd_host_of(&address), 4)
    else:
        memcpy(octets, kvd_host_of(&address), 16)
    out.high = byte_swap64(load64(&octets[0]))
    out.low = byte_swap64(load64(&octets[8]))
    return True


cdef void peer_turn_away(int fd, const char* error) noexcept nogil:
    cdef char text[512]
    cdef int size = snprintf(text, sizeof(text), b"-%s\r\n", error)
    send(fd, text, <size_t>size, MSG_NOSIGNAL | MSG_DONTWAIT)
    close(fd)


cdef void peer_set_options(int fd, int seconds) noexcept nogil:
    cdef int on = 1
    cdef int probes = KEEPALIVE_PROBES
    cdef int between = seconds // KEEPALIVE_PROBES if seconds >= KEEPALIVE_PROBES else 1
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
    if seconds:
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on))
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds))
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof(between))
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes))


# -- addresses ------------------------------------------------------------------------------------

cdef void describe(char* out, size_t out_max, const sockaddr_storage* address) noexcept nogil:
    cdef char host[48]
    if not is_ip(address):
        return
    inet_ntop(address.ss_family, kvd_host_of(address), host, sizeof(host))
    snprintf(out, out_max, b"[%s]:%d" if address.ss_family == AF_INET6 else b"%s:%d", &host[0],
             <int>ntohs(kvd_port_of(address)))


cdef void peer_describe(client_t* c) noexcept nogil:
    cdef sockaddr_storage address
    cdef unsigned size = sizeof(address)
    memset(&address, 0, sizeof(address))
    if getsockname(c.fd, <sockaddr*>&address, &size):
        return
    if address.ss_family == AF_UNIX:
        # Only our end has a name; it stands for both.
        snprintf(c.local, sizeof(c.local), b"%.60s:0", kvd_path_of(&address))
        snprintf(c.address, sizeof(c.address), b"%.60s:0", kvd_path_of(&address))
        return
    describe(c.local, sizeof(c.local), &address)
    size = sizeof(address)
    if getpeername(c.fd, <sockaddr*>&address, &size) == 0:
        describe(c.address, sizeof(c.address), &address)
