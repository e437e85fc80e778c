"""The outer door.

An allowlist becomes ranges of 128-bit addresses, sorted and merged, so that the question at accept
is one binary search whatever was written: 14 steps for 10,000 networks. An IPv4 address is the IPv6
address that is mapped to it, so a dual-stack socket and an IPv4 socket ask the same question.

    10.0.0.0/8 10.1.2.3/32 11.0.0.0/8 2001:db8::/32
        ->  [::ffff:10.0.0.0 .. ::ffff:11.255.255.255] [2001:db8:: .. 2001:db8:ffff:...:ffff]

A network of IPv6 that covers the mapped block is written without it: `::/0` says nothing of IPv4.

Networks are parsed here and not by Python's ipaddress, which takes the loop a tenth of a second for
10,000 of them; it explains what is wrong with one when it is wrong.

Invariants
    O1  ranges are ascending, and between two of them lies at least one address
    O2  nothing that a barred client sends is looked up, counted as a command, or kept beyond
        BARRED_QUERY_MAX bytes
    O3  barred clients do not count as clients: they cannot take the places of others
"""
from libc.stdint cimport UINT64_MAX, uint8_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memchr, memcpy, memset, strlen

from ..commands.connection cimport connection_greet, connection_is_outer_user
from ..commands.state cimport client_close
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_free, heap_realloc
from ..core.intrinsics cimport byte_swap64, load64
from ..core.number cimport equal_nocase
from ..core.types cimport slice_t
from ..wire.acl cimport user_of
from ..wire.command cimport (
    CLIENT_AUTHENTICATED, CLIENT_BARRED, CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_OUTER,
)
from ..wire.errors cimport ERR_NOT_IN_ALLOWLIST, ERR_NO_AUTH
from ..wire.reply cimport reply_error
from ..wire.resp cimport PARSE_EMPTY, PARSE_ERROR, PARSE_MORE, argv_clear, parse_t, resp_parse
from .peer cimport peer_address
from .stats cimport stats_rejected

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char* text, void* out)

cdef extern from "<sys/socket.h>" nogil:
    int AF_INET, AF_INET6

cdef enum:
    WORD_MAX = 64                       # bytes: the longest network has 49
    LOG_VERBOSE = 1
    TOLD_US = 1000000                   # for who has been told to hang up by itself

cdef enum network_t:
    NETWORK_GOOD = 0
    NETWORK_NONE = 1                    # it is no network
    NETWORK_HOST = 2                    # bits are set behind its length

cdef uint64_t MAPPED_FIRST = <uint64_t>0xffff << 32         # low words of ::ffff:0:0/96
cdef uint64_t MAPPED_LAST = (<uint64_t>0xffff << 32) + 0xffffffff


# -- networks -------------------------------------------------------------------------------------

cdef inline bint before(const address_t* a, const address_t* b) noexcept nogil:
    return a.high < b.high or (a.high == b.high and a.low < b.low)


cdef int read_bits(const char* text, size_t size, int most) noexcept nogil:
    """A length in decimal, without sign and leading zeros; -1 when it is none."""
    cdef int value = 0
    cdef size_t i
    if size == 0 or size > 3 or (text[0] == c'0' and size > 1):
        return -1
    for i in range(size):
        if not c'0' <= text[i] <= c'9':
            return -1
        value = value * 10 + (text[i] - c'0')
    return value if value <= most else -1


cdef network_t read_network(const char* text, size_t size, range_t* out) noexcept nogil:
    """`203.0.113.0/24`, `2001:db8::/32`, or an address alone."""
    cdef char word[WORD_MAX]
    cdef uint8_t octets[16]
    cdef const char* slash
    cdef size_t length
    cdef uint64_t high, low
    cdef int bits = 128
    cdef bint four
    if size >= WORD_MAX or memchr(text, 0, size) is not NULL:
        return NETWORK_NONE
    slash = <const char*>memchr(text, c'/', size)
    length = size if slash is NULL else <size_t>(slash - text)
    memcpy(word, text, length)
    word[length] = 0
    memset(octets, 0, 10)
    octets[10] = octets[11] = 0xff
    four = inet_pton(AF_INET, word, &octets[12]) == 1
    if not four and inet_pton(AF_INET6, word, octets) != 1:
        return NETWORK_NONE
    if slash is not NULL:
        bits = read_bits(slash + 1, size - length - 1, 32 if four else 128)
        if bits < 0:
            return NETWORK_NONE
        bits += 96 if four else 0
    out.first.high = byte_swap64(load64(&octets[0]))
    out.first.low = byte_swap64(load64(&octets[8]))
    high = 0 if bits >= 64 else UINT64_MAX >> bits
    low = 0 if bits >= 128 else UINT64_MAX >> (bits - 64) if bits > 64 else UINT64_MAX
    if out.first.high & high or out.first.low & low:
        return NETWORK_HOST
    out.last.high = out.first.high | high
    out.last.low = out.first.low | low
    return NETWORK_GOOD


cdef size_t without_mapped(range_t* ranges) noexcept nogil:
    """The network at `ranges`, which covers the block of IPv4 and more, as what lies around that:
    none, one or two ranges. Returns how many."""
    cdef range_t whole = ranges[0]
    cdef size_t count = 0
    if whole.first.high or whole.first.low < MAPPED_FIRST:
        ranges[count].first = whole.first
        ranges[count].last = address_t(0, MAPPED_FIRST - 1)
        count += 1
    if whole.last.high or whole.last.low > MAPPED_LAST:
        ranges[count].first = address_t(0, MAPPED_LAST + 1)
        ranges[count].last = whole.last
        count += 1
    return count


cdef inline bint covers_mapped(const range_t* network) noexcept nogil:
    """Networks lie within each other or apart, so its ends tell."""
    return (network.first.high == 0 and network.first.low <= MAPPED_FIRST
            and (network.last.high != 0 or network.last.low > MAPPED_LAST
                 or (network.first.low < MAPPED_FIRST and network.last.low == MAPPED_LAST)))


cdef slice_t next_word(slice_t* left) noexcept nogil:
    """Take a word off the front of a text; size 0 at its end."""
    cdef slice_t word
    while left.size and left.data[0] == c' ':
        left.data += 1
        left.size -= 1
    word = slice_t(left.data, 0)
    while left.size and left.data[0] != c' ':
        left.data += 1
        left.size -= 1
        word.size += 1
    return word


cdef int compare(const void* a, const void* b) noexcept nogil:
    if before(&(<const range_t*>a).first, &(<const range_t*>b).first):
        return -1
    return before(&(<const range_t*>b).first, &(<const range_t*>a).first)


cdef size_t merge(range_t* ranges, size_t count) noexcept nogil:
    """Sort, and join what overlaps or touches (O1). Returns how many are left."""
    cdef size_t kept = 0
    cdef size_t i
    cdef address_t next
    if count == 0:
        return 0
    qsort(ranges, count, sizeof(range_t), compare)
    for i in range(1, count):
        next = ranges[kept].last
        next.low += 1
        next.high += 1 if next.low == 0 else 0
        # Past the last address of all comes the first, and then everything is covered.
        if before(&next, &ranges[i].first) and not (next.high == 0 and next.low == 0):
            kept += 1
            ranges[kept] = ranges[i]
        elif before(&ranges[kept].last, &ranges[i].last):
            ranges[kept].last = ranges[i].last
    return kept + 1


# -- directives -----------------------------------------------------------------------------------

def check_networks(text: bytes) -> bytes:
    """The allowlist, words separated by one space, if every word is a network.

    Raises:
        ValueError: which word is none, and what it should be.
    """
    cdef slice_t left = slice_t(<const char*>text, <size_t>len(text))
    cdef slice_t word = next_word(&left)
    cdef range_t network
    cdef network_t found
    cdef size_t count = 0
    while word.size:
        found = read_network(word.data, word.size, &network)
        if found != NETWORK_GOOD:
            raise ValueError(explain(word.data[:word.size], found == NETWORK_HOST))
        count += 1
        word = next_word(&left)
    if count > NETWORKS_MAX:
        raise ValueError(f"at most {NETWORKS_MAX} networks can be listed, and these are {count}: "
                         "a wider network covers many addresses")
    return text


cdef str explain(bytes word, bint host_bits):
    """What is wrong with a network. Only who made a mistake pays for the import."""
    import ipaddress
    shown = ascii(word.decode("utf-8", "replace"))
    if host_bits:
        network = ipaddress.ip_network(word.decode(), strict=False)
        address = word.decode().partition("/")[0]
        return (f"{word.decode()} has bits set behind the first {network.prefixlen}: the network "
                f"is {network}, and {address}/{network.max_prefixlen} this address alone")
    if b"%" in word:
        return f"{shown} names an interface: leave out what stands behind %"
    address, _, bits = word.decode("utf-8", "replace").partition("/")
    try:
        longest = ipaddress.ip_address(address).max_prefixlen
    except ValueError:
        return (f"{shown} is no network: write an address and how many of its bits count, such as "
                "203.0.113.0/24 or 2001:db8::/32")
    return f"{shown} is no network: behind / stands a number from 0 to {longest}"


def check_user(text: bytes) -> bytes:
    """
    Raises:
        ValueError: why nobody from outside can be this user.
    """
    if text == b"default":
        raise ValueError("'default' is who connections inside are before they log in: name a user "
                         "of its own")
    if any(byte in b" \t\n\v\f\r\0" for byte in text):
        raise ValueError("Usernames can't contain spaces or null characters")
    return text


cdef door_t* door_of(server_t* srv) noexcept nogil:
    if srv.door is NULL:
        srv.door = heap_alloc_zero(&srv.heap, sizeof(door_t))
    return <door_t*>srv.door


cdef void door_free(server_t* srv) noexcept nogil:
    cdef door_t* door = <door_t*>srv.door
    if door is NULL:
        return
    heap_free(&srv.heap, door.ranges, door.count * sizeof(range_t))
    heap_free(&srv.heap, door, sizeof(door_t))
    srv.door = NULL


cdef size_t count_words(slice_t left) noexcept nogil:
    cdef size_t count = 0
    while next_word(&left).size:
        count += 1
    return count


cdef const char* door_apply_networks(server_t* srv) noexcept nogil:
    cdef door_t* door = door_of(srv)
    cdef slice_t left = srv.config.external_allowlist
    cdef size_t words = count_words(left)
    cdef range_t* ranges = NULL
    cdef size_t count = 0
    cdef slice_t word
    if words:
        ranges = <range_t*>heap_alloc(&srv.heap, 2 * words * sizeof(range_t))
        word = next_word(&left)
        while word.size:
            read_network(word.data, word.size, &ranges[count])      # it was checked
            count += without_mapped(&ranges[count]) if covers_mapped(&ranges[count]) else 1
            word = next_word(&left)
        count = merge(ranges, count)
        ranges = <range_t*>heap_realloc(&srv.heap, ranges, 2 * words * sizeof(range_t),
                                        count * sizeof(range_t))
    heap_free(&srv.heap, door.ranges, door.count * sizeof(range_t))
    door.ranges = ranges
    door.count = count
    review(srv, door)
    return NULL


cdef const char* door_apply_user(server_t* srv) noexcept nogil:
    review(srv, door_of(srv))
    return NULL


cdef bint belongs_here(server_t* srv, const door_t* door, client_t* c) noexcept nogil:
    """May an outer client stay? Not where its address is no longer allowed, nor as anybody else
    than the external user."""
    cdef address_t address
    if not peer_address(c.fd, &address) or not door_allows(door, &address):
        return False
    return (not c.flags & CLIENT_AUTHENTICATED
            or connection_is_outer_user(srv, user_of(c)))


cdef void review(server_t* srv, const door_t* door) noexcept nogil:
    """Look again at who came by TLS. Who was barred stays it: a verdict is never taken back, and a
    new connection gets a new one."""
    cdef client_t* c
    cdef uint32_t i
    for i in range(srv.client_count):
        c = srv.clients[i]
        if c.tls is NULL or c.flags & CLIENT_CLOSE_NOW or c.modes & CLIENT_BARRED:
            continue
        if srv.config.external_user.size == 0:
            c.modes &= ~<uint32_t>CLIENT_OUTER
            continue
        c.modes |= CLIENT_OUTER
        if not belongs_here(srv, door, c):
            # Who did this to itself hears that it is done.
            client_close(srv, c, CLIENT_CLOSE_SOON if c is srv.current else CLIENT_CLOSE_NOW)


# -- accepting ------------------------------------------------------------------------------------

cdef bint door_allows(const door_t* door, const address_t* address) noexcept nogil:
    """The last range that begins at or before the address is the only one that can hold it."""
    cdef size_t low = 0
    cdef size_t high = door.count
    cdef size_t middle
    while low < high:
        middle = low + (high - low) // 2
        if before(address, &door.ranges[middle].first):
            high = middle
        else:
            low = middle + 1
    return low > 0 and not before(&door.ranges[low - 1].last, address)


cdef bint may_be_told(server_t* srv, door_t* door) noexcept nogil:
    """A handshake costs a millisecond, and whoever is out there has more time than we have."""
    if srv.mono_us - door.second_us >= 1000000:
        door.second_us = srv.mono_us
        door.told = 0
    door.told += 1
    return door.told <= BARRED_A_SECOND and door.barred < BARRED_MAX


cdef bint door_admit(server_t* srv, client_t* c) noexcept nogil:
    cdef door_t* door
    cdef address_t address
    if srv.config.external_user.size == 0:
        return True
    door = door_of(srv)
    c.modes |= CLIENT_OUTER
    connection_greet(srv, c)            # again: it must log in, whatever those inside must
    if peer_address(c.fd, &address) and door_allows(door, &address):
        return True
    srv.stats.outer_refused += 1
    memcpy(door.refused, c.address, sizeof(door.refused))
    if not may_be_told(srv, door):
        return False
    c.modes |= CLIENT_BARRED
    door.barred += 1
    srv.socket_count -= 1               # O3
    return True


cdef void door_leave(server_t* srv) noexcept nogil:
    door_of(srv).barred -= 1


# -- who is barred --------------------------------------------------------------------------------

cdef inline bint logs_in(slice_t name) noexcept nogil:
    return (equal_nocase(name.data, name.size, b"auth", 4)
            or equal_nocase(name.data, name.size, b"hello", 5))


cdef void tell_log(server_t* srv, client_t* c) noexcept nogil:
    cdef char line[128]
    cdef size_t size = strlen(c.address)
    memcpy(line, c.address, size)
    memcpy(&line[size], b" is not in external-allowlist: refused", 38)
    if srv.hooks.log is not NULL:
        srv.hooks.log(srv, LOG_VERBOSE, slice_t(&line[0], size + 38))


cdef void refuse(server_t* srv, client_t* c, const char* error) noexcept nogil:
    cdef size_t reply_at = c.reply.size
    reply_error(c, error)
    stats_rejected(srv, c, NULL, reply_at)


cdef size_t door_answer(server_t* srv, client_t* c, const char* data, size_t size) noexcept nogil:
    """Whoever logs in hears why it cannot; the rest hears that it has to log in.

    It is not closed at once: what it sends behind its login would then meet a closed socket, whose
    reset may overtake our words. It has a second to hang up.
    """
    cdef size_t at = 0
    cdef size_t used = 0
    cdef parse_t status
    while at < size:
        argv_clear(&srv.argv)
        status = resp_parse(c, data + at, size - at, False, srv.config.proto_max_bulk_len,
                            &srv.argv, &used)
        if status == PARSE_MORE:
            if size - at <= BARRED_QUERY_MAX:
                return at
            c.flags |= CLIENT_CLOSE_NOW             # O2
            return size
        if status == PARSE_ERROR:
            break
        at += used
        if status == PARSE_EMPTY:
            continue
        c.commands += 1
        if logs_in(srv.argv.items[0]):
            tell_log(srv, c)
            refuse(srv, c, ERR_NOT_IN_ALLOWLIST)
            c.deadline_us = srv.mono_us + TOLD_US
        else:
            refuse(srv, c, ERR_NO_AUTH)
        if c.commands >= BARRED_COMMANDS_MAX:
            break
    else:
        return at
    c.flags |= CLIENT_CLOSE_SOON
    return size
