"""Places in sorted sets: GEOADD, GEODIST, GEOHASH, GEOPOS. Searches are in geo_search.

A place is a member whose score is its geohash (core/geohash); everything else about the key is a
sorted set's, and GEOADD is a ZADD that computes the scores.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t

from ..core.geohash cimport (
    GEOHASH_TEXT_SIZE, geo_distance, geo_point_t, geohash_decode, geohash_encode, geohash_text,
)
from ..core.heap cimport heap_alloc, heap_free
from ..core.number cimport equal_nocase
from ..core.types cimport slice_t
from ..store.zset cimport ZSET_NX, ZSET_XX, zset_find, zset_t
from ..wire.command cimport (
    ACL_GEO, CMD_DENYOOM, CMD_READONLY, CMD_WRITE, GROUP_GEO, KEY_ACCESS, KEY_RO, KEY_RW,
    KEY_UPDATE, client_t, command_register, command_t, keys_at, row,
)
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_error_syntax, reply_null, reply_null_array,
)
from .geo_args cimport geo_point_or_reply, geo_unit_or_reply, reply_distance, reply_point
from .t_zset cimport ZADD_CH, zset_add_all
from .zset_args cimport zset_read_or_reply

cdef enum:
    SCORES_HERE = 32


cdef uint32_t condition_of(slice_t arg) noexcept nogil:
    if equal_nocase(arg.data, arg.size, b"nx", 2):
        return ZSET_NX
    if equal_nocase(arg.data, arg.size, b"xx", 2):
        return ZSET_XX
    return <uint32_t>ZADD_CH if equal_nocase(arg.data, arg.size, b"ch", 2) else 0


cdef bint scores_or_reply(client_t* c, int at, int64_t places, double* scores,
                          size_t* size_max) noexcept nogil:
    cdef geo_point_t point
    cdef int64_t i
    size_max[0] = 0
    for i in range(places):
        if not geo_point_or_reply(c, at + 3 * <int>i, &point):
            return False
        scores[i] = <double>geohash_encode(point)
        if c.argv[at + 3 * i + 2].size > size_max[0]:
            size_max[0] = c.argv[at + 3 * i + 2].size
    return True


cdef void geoadd_command(client_t* c) noexcept nogil:
    cdef double here[SCORES_HERE]
    cdef double* scores = here
    cdef size_t size_max
    cdef uint32_t conditions = 0
    cdef uint32_t condition
    cdef int64_t places
    cdef int at = 2
    while at < c.argc:
        condition = condition_of(c.argv[at])
        if condition == 0:
            break
        conditions |= condition
        at += 1
    places = (c.argc - at) // 3
    if (c.argc - at) % 3 or places == 0 or (conditions & ZSET_NX and conditions & ZSET_XX):
        reply_error_syntax(c)
        return
    if places > <int64_t>SCORES_HERE:
        scores = <double*>heap_alloc(c.store.heap, <size_t>places * sizeof(double))
    if scores_or_reply(c, at, places, scores, &size_max):
        zset_add_all(c, at + 2, 3, places, scores, size_max, conditions)
    if places > <int64_t>SCORES_HERE:
        heap_free(c.store.heap, scores, <size_t>places * sizeof(double))


cdef void geodist_command(client_t* c) noexcept nogil:
    cdef zset_t zset
    cdef double unit = 1
    cdef double a, b
    if c.argc > 5:
        reply_error_syntax(c)
        return
    if c.argc == 5 and not geo_unit_or_reply(c, c.argv[4], &unit):
        return
    if not zset_read_or_reply(c, 1, &zset):
        return
    if zset.body is NULL or not (zset_find(&zset, c.argv[2], &a)
                                 and zset_find(&zset, c.argv[3], &b)):
        reply_null(c)
        return
    reply_distance(c, geo_distance(geohash_decode(a), geohash_decode(b)) / unit)


cdef void geohash_command(client_t* c) noexcept nogil:
    cdef char text[GEOHASH_TEXT_SIZE]
    cdef zset_t zset
    cdef double score
    cdef int i
    if not zset_read_or_reply(c, 1, &zset):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        if zset.body is not NULL and zset_find(&zset, c.argv[i], &score):
            geohash_text(geohash_decode(score), text)
            reply_bulk(c, slice_t(&text[0], GEOHASH_TEXT_SIZE))
        else:
            reply_null(c)


cdef void geopos_command(client_t* c) noexcept nogil:
    cdef zset_t zset
    cdef double score
    cdef int i
    if not zset_read_or_reply(c, 1, &zset):
        return
    reply_array(c, c.argc - 2)
    for i in range(2, c.argc):
        if zset.body is not NULL and zset_find(&zset, c.argv[i], &score):
            reply_point(c, geohash_decode(score))
        else:
            reply_null_array(c)


cdef command_t TABLE[4]
TABLE[:] = [
    row(b"geoadd", geoadd_command, -5, CMD_WRITE | CMD_DENYOOM, ACL_GEO, GROUP_GEO,
        keys_at(1, 1, 1, KEY_RW | KEY_UPDATE), b"3.2.0",
        b"O(log(N)) for each place, N being the number of members in the sorted set.",
        b"GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
        b"Adds places to a sorted set, or moves them."),
    row(b"geodist", geodist_command, -4, CMD_READONLY, ACL_GEO, GROUP_GEO,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"3.2.0", b"O(1)",
        b"GEODIST key member1 member2 [M | KM | FT | MI]",
        b"Tells how far two places are from each other."),
    row(b"geohash", geohash_command, -2, CMD_READONLY, ACL_GEO, GROUP_GEO,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"3.2.0",
        b"O(1) for each member.",
        b"GEOHASH key [member [member ...]]",
        b"Returns places as geohashes of eleven letters."),
    row(b"geopos", geopos_command, -2, CMD_READONLY, ACL_GEO, GROUP_GEO,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"3.2.0",
        b"O(1) for each member.",
        b"GEOPOS key [member [member ...]]",
        b"Returns longitude and latitude of places."),
]
command_register(TABLE, 4)
