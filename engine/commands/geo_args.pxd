"""Places and measures as clients spell them."""
from libc.stdint cimport int64_t

from ..core.geohash cimport geo_point_t
from ..core.types cimport slice_t
from ..wire.command cimport client_t

cdef enum:
    DISTANCE_TEXT_MAX = 32

# Arguments `at` and at + 1: longitude and latitude.
cdef bint geo_point_or_reply(client_t* c, int at, geo_point_t* point) noexcept nogil
# M, KM, FT, MI, in metres.
cdef bint geo_unit_or_reply(client_t* c, slice_t word, double* unit) noexcept nogil
# With four digits after the point.
cdef void reply_distance(client_t* c, double distance) noexcept nogil
cdef void reply_point(client_t* c, geo_point_t point) noexcept nogil
