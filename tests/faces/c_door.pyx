"""Python face of the outer door: its ranges, its verdicts and what they cost; clients on its wrong
side without a socket.

Addresses are numbers of 128 bits, those of IPv4 mapped.
"""
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from kvd.engine.commands.connection cimport connection_greet
from kvd.engine.commands.state cimport server_t
from kvd.engine.core.clock cimport clock_ticks, ticks_to_us
from kvd.engine.server.capsule cimport server_from
from kvd.engine.server.door cimport BARRED_COMMANDS_MAX, BARRED_QUERY_MAX, door_allows, door_of
from kvd.engine.server.peer cimport address_t, peer_address
from kvd.engine.wire.command cimport CLIENT_BARRED, CLIENT_OUTER, client_t

QUERY_MAX = BARRED_QUERY_MAX
COMMANDS_MAX = BARRED_COMMANDS_MAX


cdef address_t address_of(number) except *:
    return address_t(number >> 64, number & 0xffffffffffffffff)


def ranges(server) -> list[tuple[int, int]]:
    """First and last address of each."""
    door = door_of(server_from(server.capsule))
    return [(<object>door.ranges[i].first.high << 64 | door.ranges[i].first.low,
             <object>door.ranges[i].last.high << 64 | door.ranges[i].last.low)
            for i in range(door.count)]


def allows(server, number: int) -> bool:
    cdef address_t address = address_of(number)
    return door_allows(door_of(server_from(server.capsule)), &address)


def peer(int fd) -> int | None:
    """The address of a socket's other end."""
    cdef address_t address
    if not peer_address(fd, &address):
        return None
    return <object>address.high << 64 | address.low


def measure(server, numbers: list[int], int fd, int rounds) -> float:
    """Nanoseconds of a verdict, the look at the socket's peer included, over these addresses."""
    cdef server_t* srv = server_from(server.capsule)
    cdef address_t* addresses = <address_t*>malloc(len(numbers) * sizeof(address_t))
    cdef address_t peer
    cdef size_t count = <size_t>len(numbers)
    cdef size_t i
    cdef int turn
    cdef uint64_t began
    cdef uint64_t allowed = 0
    for i in range(count):
        addresses[i] = address_of(numbers[i])
    began = clock_ticks()
    with nogil:
        for turn in range(rounds):
            for i in range(count):
                peer_address(fd, &peer)
                allowed += door_allows(door_of(srv), &addresses[i])
    nanoseconds = ticks_to_us(&srv.ticks, (clock_ticks() - began) * 1000) / (rounds * count)
    free(addresses)
    return nanoseconds


def come_in(server, id: int, barred: bool) -> None:
    """Let a client without a socket be one that came by the outer door."""
    cdef server_t* srv = server_from(server.capsule)
    cdef client_t* c
    cdef uint32_t i
    for i in range(srv.client_count):
        c = srv.clients[i]
        if c.id == id:
            c.modes |= CLIENT_OUTER
            connection_greet(srv, c)
            if barred:
                c.modes |= CLIENT_BARRED
                door_of(srv).barred += 1


def memory(server, id: int) -> int:
    """Bytes of a client's unfinished command."""
    cdef server_t* srv = server_from(server.capsule)
    cdef uint32_t i
    for i in range(srv.client_count):
        if srv.clients[i].id == id:
            return srv.clients[i].query.size
    raise KeyError(id)
