"""Places and measures as clients spell them, and as we spell them."""
from libc.math cimport rint
from libc.stdio cimport snprintf

from ..core.geohash cimport geo_point_valid
from ..core.number cimport (
    equal_nocase, format_int64, format_long_double_human, parse_double,
)
from ..wire.errors cimport ERR_GEO_PAIR, ERR_GEO_UNIT, ERR_NOT_FLOAT
from ..wire.reply cimport reply_array, reply_bulk, reply_error, reply_raw


cdef bint geo_point_or_reply(client_t* c, int at, geo_point_t* point) noexcept nogil:
    cdef char message[720]              # two doubles, written out
    cdef slice_t x = c.argv[at]
    cdef slice_t y = c.argv[at + 1]
    if not (parse_double(x.data, x.size, &point.longitude)
            and parse_double(y.data, y.size, &point.latitude)):
        reply_error(c, ERR_NOT_FLOAT)
        return False
    if not geo_point_valid(point[0]):
        snprintf(message, sizeof(message), ERR_GEO_PAIR, point.longitude, point.latitude)
        reply_error(c, message)
        return False
    return True


cdef bint geo_unit_or_reply(client_t* c, slice_t word, double* unit) noexcept nogil:
    if equal_nocase(word.data, word.size, b"m", 1):
        unit[0] = 1
    elif equal_nocase(word.data, word.size, b"km", 2):
        unit[0] = 1000
    elif equal_nocase(word.data, word.size, b"ft", 2):
        unit[0] = 0.3048
    elif equal_nocase(word.data, word.size, b"mi", 2):
        unit[0] = 1609.34
    else:
        reply_error(c, ERR_GEO_UNIT)
        return False
    return True


cdef void reply_distance(client_t* c, double distance) noexcept nogil:
    """No distance on earth comes near to what an integer of ten thousandths holds."""
    cdef char text[DISTANCE_TEXT_MAX]
    cdef int64_t tenths = <int64_t>rint(distance * 10000)
    cdef int64_t part = tenths % 10000
    cdef int size = format_int64(text, tenths // 10000)
    cdef int i
    text[size] = c'.'
    for i in range(4):
        text[size + 4 - i] = <char>(c'0' + part % 10)
        part //= 10
    reply_bulk(c, slice_t(&text[0], <size_t>size + 5))


cdef void reply_degrees(client_t* c, double degrees) noexcept nogil:
    """Seventeen digits after the point; a number in RESP3."""
    cdef char text[64]
    cdef size_t size = <size_t>format_long_double_human(text + 1, 48, degrees)
    if c.resp == 2:
        reply_bulk(c, slice_t(&text[1], size))
        return
    text[0] = c','
    text[size + 1] = c'\r'
    text[size + 2] = c'\n'
    reply_raw(c, slice_t(&text[0], size + 3))


cdef void reply_point(client_t* c, geo_point_t point) noexcept nogil:
    reply_array(c, 2)
    reply_degrees(c, point.longitude)
    reply_degrees(c, point.latitude)
