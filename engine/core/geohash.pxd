"""Places on the earth as numbers that sort: 52 bits, and what lies near them.

Terms
    bits       26 of the longitude between 26 of the latitude: a geohash, exact as a double
    step       how many bits of each: a cell is all places that share them
    cell       a rectangle of degrees; its places are a range of bits
    shape      what is searched: a circle, a box or a polygon about a centre
    unit       metres in one of the client's measure
"""
from libc.stdint cimport uint64_t

cdef enum:
    GEOHASH_TEXT_SIZE = 11
    GEO_CELLS_MAX = 9

cdef struct geo_point_t:
    double longitude                    # degrees
    double latitude

cdef enum geo_kind_t:
    GEO_NONE = 0
    GEO_CIRCLE = 1
    GEO_BOX = 2
    GEO_POLYGON = 3

cdef struct geo_shape_t:
    geo_kind_t kind
    geo_point_t centre
    double unit                         # metres
    double radius                       # of a circle, in units
    double width                        # of a box
    double height
    const geo_point_t* vertices         # of a polygon, borrowed
    int vertex_count

# Ranges of bits [low, high) that together hold the shape, in the order in which Valkey looks.
cdef struct geo_cells_t:
    int count
    uint64_t low[GEO_CELLS_MAX]
    uint64_t high[GEO_CELLS_MAX]

# What can be encoded: 180 degrees to either side, and not too near to the poles.
cdef bint geo_point_valid(geo_point_t point) noexcept nogil
cdef uint64_t geohash_encode(geo_point_t point) noexcept nogil
# The middle of its cell. Scores that are no geohash decode to something, too.
cdef geo_point_t geohash_decode(double score) noexcept nogil
# The usual eleven letters, of a point that geohash_decode gave.
cdef void geohash_text(geo_point_t point, char* out) noexcept nogil
# Metres, on a sphere.
cdef double geo_distance(geo_point_t a, geo_point_t b) noexcept nogil
# The centre of a polygon: the mean of its vertices, on the sphere.
cdef geo_point_t geo_centre(const geo_point_t* vertices, int count) noexcept nogil
cdef void geo_cells(const geo_shape_t* shape, geo_cells_t* cells) noexcept nogil
# Is it in the shape? *metres from the centre.
cdef bint geo_within(const geo_shape_t* shape, geo_point_t point, double* metres) noexcept nogil
