"""Searches among places: GEOSEARCH, GEOSEARCHSTORE, and GEORADIUS with its three relatives.

A shape is covered by at most nine cells (core/geohash), each a range of scores; what lies in a
range is decoded and measured. Without an order the reply is in the order of the cells, and of
scores within them.

With COUNT only the best are kept, in a heap whose root is the worst of them: a search of a million
places for the ten nearest holds ten. Places of equal distance stay in the order in which they were
found.
"""
from libc.limits cimport INT_MAX, INT_MIN
from libc.stddef cimport size_t
from libc.stdint cimport UINT64_MAX, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from ..core.buf cimport buf_append, buf_free, buf_init, buf_reserve, buf_t
from ..core.geohash cimport (
    GEO_BOX, GEO_CIRCLE, GEO_NONE, GEO_POLYGON, geo_cells, geo_cells_t, geo_centre, geo_kind_t,
    geo_point_t, geo_shape_t, geo_within, geohash_decode,
)
from ..core.number cimport equal_nocase, parse_double, parse_int64
from ..core.ordered cimport BOUND_SCORE
from ..core.types cimport slice_t
from ..store.entry cimport ENC_LISTPACK
from ..store.zset cimport (
    zset_append, zset_count, zset_create, zset_find, zset_item_t, zset_next, zset_settle, zset_t,
    zset_walk_t,
)
from ..wire.command cimport (
    ACL_GEO, CMD_DENYOOM, CMD_MOVABLEKEYS, CMD_READONLY, CMD_WRITE, GROUP_GEO, KEY_ACCESS, KEY_OW,
    KEY_RO, KEY_UPDATE, client_t, command_register, command_t, keys_at, row,
)
from ..wire.errors cimport (
    ERR_GEO_ANY, ERR_GEO_BOX_NEGATIVE, ERR_GEO_COUNT, ERR_GEO_FROM, ERR_GEO_HEIGHT,
    ERR_GEO_MEMBER, ERR_GEO_RADIUS, ERR_GEO_RADIUS_NEGATIVE, ERR_GEO_SHAPE, ERR_GEO_STORE,
    ERR_GEO_VERTICES, ERR_GEO_VERTICES_FEW, ERR_GEO_WIDTH, ERR_NOT_INTEGER,
)
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_error, reply_error_about, reply_error_syntax, reply_int,
)
from .geo_args cimport geo_point_or_reply, geo_unit_or_reply, reply_distance, reply_point
from .legacy cimport client_is_legacy
from .zset_args cimport (
    zset_in_range, zset_prepare, zset_range_t, zset_read_or_reply, zset_store_take,
    zset_walk_range,
)

cdef enum:                              # which command, and what was said
    GEO_SEARCH = 1                      # GEOSEARCH's words, not GEORADIUS's
    GEO_MEMBER = 2                      # GEORADIUSBYMEMBER: the centre is argument 2
    GEO_STORES = 4                      # GEOSEARCHSTORE: to argument 1
    GEO_READS = 8                       # no STORE: the _RO forms
    SAID_DISTANCE = 16
    SAID_HASH = 32
    SAID_POINT = 64
    SAID_ANY = 128
    SAID_ASC = 256
    SAID_DESC = 512
    SAID_STORE = 1024
    SAID_STORE_DISTANCE = 2048
    SAID_MEMBER = 4096                  # FROMMEMBER
    SAID_PLACE = 8192                   # FROMLONLAT

    SAID_WITH = SAID_DISTANCE | SAID_HASH | SAID_POINT

cdef struct found_t:
    geo_point_t point
    double metres
    double score
    slice_t member
    uint64_t turn                       # when it was found

cdef struct search_t:
    uint32_t said
    int key_at
    geo_shape_t shape
    int64_t count                       # 0: all
    slice_t target                      # of STORE
    zset_t zset
    buf_t vertices                      # of a polygon: geo_point_t
    buf_t found                         # found_t; a heap once `count` of them are kept
    buf_t names                         # members that a listpack has as numbers
    uint64_t turn


# -- words ----------------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef bint centre_or_reply(client_t* c, int at, search_t* search) noexcept nogil:
    """The centre is a member's place. Where there is no key, nobody asks which."""
    cdef double score
    if search.zset.body is NULL:
        return True
    if not zset_find(&search.zset, c.argv[at], &score):
        reply_error_about(c, ERR_GEO_MEMBER, c.argv[at], b" does not exist")
        return False
    search.shape.centre = geohash_decode(score)
    return True


cdef bint circle_or_reply(client_t* c, int at, search_t* search) noexcept nogil:
    """Arguments `at` and at + 1: radius and unit."""
    cdef slice_t text = c.argv[at]
    search.shape.kind = GEO_CIRCLE
    if not parse_double(text.data, text.size, &search.shape.radius):
        reply_error(c, ERR_GEO_RADIUS)
    elif search.shape.radius < 0:
        reply_error(c, ERR_GEO_RADIUS_NEGATIVE)
    else:
        return geo_unit_or_reply(c, c.argv[at + 1], &search.shape.unit)
    return False


cdef bint box_or_reply(client_t* c, int at, search_t* search) noexcept nogil:
    """Arguments `at` to at + 2: width, height and unit."""
    cdef slice_t width = c.argv[at]
    cdef slice_t height = c.argv[at + 1]
    search.shape.kind = GEO_BOX
    if not parse_double(width.data, width.size, &search.shape.width):
        reply_error(c, ERR_GEO_WIDTH)
    elif not parse_double(height.data, height.size, &search.shape.height):
        reply_error(c, ERR_GEO_HEIGHT)
    elif search.shape.width < 0 or search.shape.height < 0:
        reply_error(c, ERR_GEO_BOX_NEGATIVE)
    else:
        return geo_unit_or_reply(c, c.argv[at + 2], &search.shape.unit)
    return False


cdef int polygon_or_reply(client_t* c, int at, search_t* search) noexcept nogil:
    """Argument `at` and those it counts: vertices. Returns how many arguments they are; 0: the
    client has its error."""
    cdef geo_point_t point
    cdef int64_t count
    cdef int i
    if not parse_int64(c.argv[at].data, c.argv[at].size, &count) \
            or not INT_MIN <= count <= INT_MAX:
        reply_error(c, ERR_GEO_VERTICES)
        return 0
    if count < 3 or 2 * count > c.argc - at - 1:
        reply_error(c, ERR_GEO_VERTICES_FEW)
        return 0
    search.vertices.size = 0
    for i in range(<int>count):
        if not geo_point_or_reply(c, at + 1 + 2 * i, &point):
            return 0
        buf_append(&search.vertices, <char*>&point, sizeof(point))
    search.shape.kind = GEO_POLYGON
    search.shape.unit = 1
    search.shape.vertices = <geo_point_t*>search.vertices.data
    search.shape.vertex_count = <int>count
    return 1 + 2 * <int>count


cdef uint32_t flag_of(const search_t* search, slice_t word) noexcept nogil:
    """A word that stands alone."""
    if is_word(word, b"withdist", 8):
        return SAID_DISTANCE
    if is_word(word, b"withhash", 8):
        return SAID_HASH
    if is_word(word, b"withcoord", 9):
        return SAID_POINT
    if is_word(word, b"any", 3):
        return SAID_ANY
    if is_word(word, b"asc", 3):
        return SAID_ASC
    if is_word(word, b"desc", 4):
        return SAID_DESC
    if search.said & GEO_STORES and is_word(word, b"storedist", 9):
        return SAID_STORE_DISTANCE
    return 0


cdef int count_or_reply(client_t* c, int at, search_t* search) noexcept nogil:
    cdef slice_t text = c.argv[at]
    if not parse_int64(text.data, text.size, &search.count):
        reply_error(c, ERR_NOT_INTEGER)
        return 0
    if search.count <= 0:
        reply_error(c, ERR_GEO_COUNT)
        return 0
    return 1


cdef int store_words(client_t* c, int at, search_t* search) noexcept nogil:
    search.target = c.argv[at + 1]
    search.said |= SAID_STORE
    if is_word(c.argv[at], b"storedist", 9):
        search.said |= SAID_STORE_DISTANCE
    else:
        search.said &= ~<uint32_t>SAID_STORE_DISTANCE
    return 1


cdef int search_words_or_reply(client_t* c, int at, int left, search_t* search) noexcept nogil:
    """GEOSEARCH's words that take others along: how many those are; 0: the client has its error.
    `left` arguments follow."""
    cdef slice_t word = c.argv[at]
    cdef geo_kind_t kind = search.shape.kind
    cdef uint32_t said = search.said
    if is_word(word, b"frommember", 10) and left >= 1 and not said & SAID_PLACE \
            and kind != GEO_POLYGON:
        search.said |= SAID_MEMBER
        return centre_or_reply(c, at + 1, search)
    if is_word(word, b"fromlonlat", 10) and left >= 2 and not said & SAID_MEMBER \
            and kind != GEO_POLYGON:
        search.said |= SAID_PLACE
        return 2 if geo_point_or_reply(c, at + 1, &search.shape.centre) else 0
    if is_word(word, b"byradius", 8) and left >= 2 and (kind == GEO_NONE or kind == GEO_CIRCLE):
        return 2 if circle_or_reply(c, at + 1, search) else 0
    if is_word(word, b"bybox", 5) and left >= 3 and (kind == GEO_NONE or kind == GEO_BOX):
        return 3 if box_or_reply(c, at + 1, search) else 0
    if is_word(word, b"bypolygon", 9) and left >= 2 and (kind == GEO_NONE or kind == GEO_POLYGON) \
            and not said & (SAID_MEMBER | SAID_PLACE) and not client_is_legacy(c):
        return polygon_or_reply(c, at + 1, search)
    reply_error_syntax(c)
    return 0


cdef bint words_or_reply(client_t* c, int at, search_t* search) noexcept nogil:
    """The options, from argument `at` on."""
    cdef uint32_t flag
    cdef int left, taken
    while at < c.argc:
        left = c.argc - at - 1
        flag = flag_of(search, c.argv[at])
        taken = 0
        if flag:
            if flag & (SAID_ASC | SAID_DESC):
                search.said &= ~<uint32_t>(SAID_ASC | SAID_DESC)
            search.said |= flag
        else:
            if left and is_word(c.argv[at], b"count", 5):
                taken = count_or_reply(c, at + 1, search)
            elif search.said & GEO_SEARCH:
                taken = search_words_or_reply(c, at, left, search)
            elif left and not search.said & GEO_READS and (
                    is_word(c.argv[at], b"store", 5) or is_word(c.argv[at], b"storedist", 9)):
                taken = store_words(c, at, search)
            else:
                reply_error_syntax(c)
            if taken == 0:
                return False
        at += 1 + taken
    return True


cdef bint words_agree_or_reply(client_t* c, const search_t* search) noexcept nogil:
    cdef uint32_t said = search.said
    cdef slice_t name = slice_t(c.cmd.name, c.cmd.name_size)
    if said & (GEO_STORES | SAID_STORE) and said & SAID_WITH:
        name.data = (b"GEOSEARCHSTORE" if said & GEO_STORES else b"STORE option in GEORADIUS")
        name.size = 14 if said & GEO_STORES else 25
        reply_error_about(c, b"ERR ", name, ERR_GEO_STORE)
    elif said & GEO_SEARCH and search.shape.kind != GEO_POLYGON \
            and not said & (SAID_MEMBER | SAID_PLACE):
        reply_error_about(c, ERR_GEO_FROM, name, b"")
    elif said & GEO_SEARCH and search.shape.kind == GEO_NONE:
        reply_error_about(c, ERR_GEO_SHAPE, name, b"")
    elif said & SAID_ANY and search.count == 0:
        reply_error(c, ERR_GEO_ANY)
    else:
        return True
    return False


cdef bint search_or_reply(client_t* c, search_t* search) noexcept nogil:
    """What comes before the options, and they."""
    cdef int at = search.key_at + 1
    if not zset_read_or_reply(c, search.key_at, &search.zset):
        return False
    if search.said & GEO_MEMBER:
        if not centre_or_reply(c, 2, search):
            return False
        if search.zset.body is not NULL and not circle_or_reply(c, 3, search):
            return False
        at = 5
    elif not search.said & GEO_SEARCH:
        if not geo_point_or_reply(c, 2, &search.shape.centre) \
                or not circle_or_reply(c, 4, search):
            return False
        at = 6
    if search.said & GEO_STORES:
        search.target = c.argv[1]
    return words_or_reply(c, at, search) and words_agree_or_reply(c, search)


# -- what is found --------------------------------------------------------------------------------

cdef inline found_t* found_at(const search_t* search, uint64_t i) noexcept nogil:
    return &(<found_t*>search.found.data)[i]


cdef inline uint64_t found_count(const search_t* search) noexcept nogil:
    return search.found.size // sizeof(found_t)


cdef inline bint is_worse(const search_t* search, const found_t* a,
                          const found_t* b) noexcept nogil:
    """`a` comes behind `b` in the order that was asked for."""
    if a.metres != b.metres:
        return (a.metres > b.metres) != (search.said & SAID_DESC != 0)
    return a.turn > b.turn


cdef void sift_down(search_t* search, uint64_t at, uint64_t count) noexcept nogil:
    """The heap's order below `at`: whoever is worse is nearer to the root."""
    cdef found_t moved = found_at(search, at)[0]
    cdef uint64_t child = 2 * at + 1
    while child < count:
        if child + 1 < count and is_worse(search, found_at(search, child + 1),
                                          found_at(search, child)):
            child += 1
        if not is_worse(search, found_at(search, child), &moved):
            break
        found_at(search, at)[0] = found_at(search, child)[0]
        at = child
        child = 2 * at + 1
    found_at(search, at)[0] = moved


cdef void make_heap(search_t* search) noexcept nogil:
    cdef uint64_t count = found_count(search)
    cdef uint64_t at = count // 2
    while at:
        at -= 1
        sift_down(search, at, count)


cdef void sort_heap(search_t* search) noexcept nogil:
    """From the best to the worst."""
    cdef uint64_t left = found_count(search)
    cdef found_t worst
    while left > 1:
        left -= 1
        worst = found_at(search, 0)[0]
        found_at(search, 0)[0] = found_at(search, left)[0]
        found_at(search, left)[0] = worst
        sift_down(search, 0, left)


cdef bint is_ordered(const search_t* search) noexcept nogil:
    """A count alone asks for the nearest, unless any will do."""
    return (search.said & (SAID_ASC | SAID_DESC) != 0
            or (search.count != 0 and not search.said & SAID_ANY))


cdef void keep(search_t* search, found_t* found) noexcept nogil:
    """Add it to those found; in place of the worst when they are as many as asked for."""
    cdef uint64_t count = found_count(search)
    found.turn = search.turn
    search.turn += 1
    if search.count == 0 or count < <uint64_t>search.count:
        buf_append(&search.found, <char*>found, sizeof(found_t))
        if search.count != 0 and count + 1 == <uint64_t>search.count and is_ordered(search):
            make_heap(search)
    elif is_worse(search, found_at(search, 0), found):
        found_at(search, 0)[0] = found[0]
        sift_down(search, 0, count)


cdef bint is_enough(const search_t* search) noexcept nogil:
    return (search.said & SAID_ANY != 0
            and found_count(search) >= <uint64_t>search.count)


cdef void search_range(search_t* search, uint64_t low, uint64_t high) noexcept nogil:
    cdef zset_range_t span
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef found_t found
    span.low.kind = BOUND_SCORE
    span.low.score = <double>low
    span.low.after = False
    span.high.kind = BOUND_SCORE
    span.high.score = <double>high
    span.high.after = False
    zset_walk_range(&search.zset, &walk, &span, False)
    while not is_enough(search) and zset_next(&walk, &item) \
            and zset_in_range(&walk, &span, &item):
        found.point = geohash_decode(item.score)
        if not geo_within(&search.shape, found.point, &found.metres):
            continue
        found.score = item.score
        found.member = item.member
        if item.member.data == walk.scratch:
            found.member.data = search.names.data + search.names.size
            memcpy(search.names.data + search.names.size, item.member.data, item.member.size)
            search.names.size += item.member.size
        keep(search, &found)


cdef void run(search_t* search) noexcept nogil:
    cdef geo_cells_t cells
    cdef int i
    if search.shape.kind == GEO_POLYGON:
        search.shape.centre = geo_centre(search.shape.vertices, search.shape.vertex_count)
    if search.zset.encoding == ENC_LISTPACK:            # names never move: there is room for all
        buf_reserve(&search.names, 24 * zset_count(&search.zset))
    geo_cells(&search.shape, &cells)
    for i in range(cells.count):
        search_range(search, cells.low[i], cells.high[i])
    if is_ordered(search):
        make_heap(search)
        sort_heap(search)


# -- results --------------------------------------------------------------------------------------

cdef void reply_found(client_t* c, const search_t* search) noexcept nogil:
    cdef uint32_t said = search.said
    cdef const found_t* found
    cdef uint64_t i
    cdef int parts = (1 + (said & SAID_DISTANCE != 0) + (said & SAID_HASH != 0)
                      + (said & SAID_POINT != 0))
    reply_array(c, <int64_t>found_count(search))
    for i in range(found_count(search)):
        found = found_at(search, i)
        if parts > 1:
            reply_array(c, parts)
        reply_bulk(c, found.member)
        if said & SAID_DISTANCE:
            reply_distance(c, found.metres / search.shape.unit)
        if said & SAID_HASH:
            reply_int(c, <int64_t>found.score)
        if said & SAID_POINT:
            reply_point(c, found.point)


cdef void store_found(client_t* c, const search_t* search) noexcept nogil:
    cdef zset_t result
    cdef const found_t* found
    cdef size_t size_max = 0
    cdef size_t size_all = 0
    cdef uint64_t i
    zset_prepare(c, &result)
    zset_create(&result, UINT64_MAX, 0)
    for i in range(found_count(search)):
        found = found_at(search, i)
        zset_append(&result, found.member,
                    found.metres / search.shape.unit if search.said & SAID_STORE_DISTANCE
                    else found.score)
        size_all += found.member.size
        if found.member.size > size_max:
            size_max = found.member.size
    zset_settle(&result, size_max, size_all)
    zset_store_take(c, search.target, &result,
                    b"geosearchstore" if search.said & GEO_SEARCH else b"georadiusstore")
    if found_count(search):
        c.store.dirty += found_count(search) - 1


cdef void search_generic(client_t* c, uint32_t said) noexcept nogil:
    cdef search_t search
    search.said = said
    search.key_at = 2 if said & GEO_STORES else 1
    search.shape.kind = GEO_NONE
    search.count = 0
    search.turn = 0
    buf_init(&search.vertices, c.store.heap)
    buf_init(&search.found, c.store.heap)
    buf_init(&search.names, c.store.heap)
    if search_or_reply(c, &search):
        if search.zset.body is not NULL:
            run(&search)
        if search.said & (GEO_STORES | SAID_STORE):
            store_found(c, &search)
        else:
            reply_found(c, &search)
    buf_free(&search.names)
    buf_free(&search.found)
    buf_free(&search.vertices)


cdef void geosearch_command(client_t* c) noexcept nogil:
    search_generic(c, GEO_SEARCH)


cdef void geosearchstore_command(client_t* c) noexcept nogil:
    search_generic(c, GEO_SEARCH | GEO_STORES)


cdef void georadius_command(client_t* c) noexcept nogil:
    search_generic(c, 0)


cdef void georadius_ro_command(client_t* c) noexcept nogil:
    search_generic(c, GEO_READS)


cdef void georadiusbymember_command(client_t* c) noexcept nogil:
    search_generic(c, GEO_MEMBER)


cdef void georadiusbymember_ro_command(client_t* c) noexcept nogil:
    search_generic(c, GEO_MEMBER | GEO_READS)


cdef command_t TABLE[6]
TABLE[:] = [
    row(b"georadius", georadius_command, -6, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS, ACL_GEO,
        GROUP_GEO, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"3.2.0",
        b"O(N+log(M)) for N places in the cells about the circle and M in the index.",
        b"GEORADIUS key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST]"
        b" [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
        b"Returns the places in a circle about a point, or stores them. GEOSEARCH does so too."),
    row(b"georadius_ro", georadius_ro_command, -6, CMD_READONLY, ACL_GEO, GROUP_GEO,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"3.2.10",
        b"O(N+log(M)) for N places in the cells about the circle and M in the index.",
        b"GEORADIUS_RO key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST]"
        b" [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
        b"Returns the places in a circle about a point."),
    row(b"georadiusbymember", georadiusbymember_command, -5,
        CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS, ACL_GEO, GROUP_GEO,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"3.2.0",
        b"O(N+log(M)) for N places in the cells about the circle and M in the index.",
        b"GEORADIUSBYMEMBER key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST]"
        b" [WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
        b"Returns the places in a circle about another place, or stores them."),
    row(b"georadiusbymember_ro", georadiusbymember_ro_command, -5, CMD_READONLY, ACL_GEO,
        GROUP_GEO, keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"3.2.10",
        b"O(N+log(M)) for N places in the cells about the circle and M in the index.",
        b"GEORADIUSBYMEMBER_RO key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST]"
        b" [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
        b"Returns the places in a circle about another place."),
    row(b"geosearch", geosearch_command, -7, CMD_READONLY, ACL_GEO, GROUP_GEO,
        keys_at(1, 1, 1, KEY_RO | KEY_ACCESS), b"6.2.0",
        b"O(N+log(M)) for N places in the cells about the shape and M in the shape.",
        b"GEOSEARCH key [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius"
        b" <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices"
        b" longitude latitude [longitude latitude ...]>"
        b" [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
        b"Returns the places in a circle, a box or a polygon."),
    row(b"geosearchstore", geosearchstore_command, -8, CMD_WRITE | CMD_DENYOOM, ACL_GEO,
        GROUP_GEO, keys_at(1, 2, 1, KEY_OW | KEY_UPDATE), b"6.2.0",
        b"O(N+log(M)) for N places in the cells about the shape and M in the shape.",
        b"GEOSEARCHSTORE destination source [FROMMEMBER member | FROMLONLAT longitude latitude]"
        b" <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>"
        b" | BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC]"
        b" [COUNT count [ANY]] [STOREDIST]",
        b"Stores at a key the places in a circle, a box or a polygon."),
]
command_register(TABLE, 6)
