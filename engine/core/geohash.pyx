"""Places on the earth as numbers that sort.

The bits of longitude and latitude alternate, so that places which share their first bits lie in
one rectangle, and a search near a place is a few ranges of numbers: the cell it lies in, as large
as the search is wide, and the eight about it. What is found there is measured one by one.

Latitudes end where Web maps do, at 85.05 degrees. The letters of a geohash count to 90, so they
are spelt from the decoded place.

Every formula is in Valkey's order of operations: distances are compared with radii, and printed to
a tenth of a millimetre.

Source: G. M. Morton, 1966, for the order; R. W. Sinnott, "Virtues of the Haversine", 1984; the
steps of a search after Redis's geohash_helper.c (M. Bedredin, S. Sanfilippo).
"""
from libc.math cimport M_PI, asin, atan2, cos, fabs, fmax, fmin, sin, sqrt
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    STEP_MAX = 26

cdef double LONGITUDE_MAX = 180.0
cdef double LATITUDE_MAX = 85.05112878
cdef double EARTH_RADIUS = 6372797.560856       # metres
cdef double MERCATOR_MAX = 20037726.37          # metres: half of what a map is wide
cdef double DEGREE = M_PI / 180.0

cdef const char* LETTERS = b"0123456789bcdefghjkmnpqrstuvwxyz"

# The eight neighbours of a cell, and itself: columns and rows, in the order of search.
cdef int[9] COLUMN = [0, 0, 0, 1, -1, 1, -1, 1, -1]
cdef int[9] ROW = [0, 1, -1, 0, 0, 1, 1, -1, -1]

cdef struct cell_t:
    uint64_t column                     # of 2^step, from the west
    uint64_t row                        # from the south

cdef struct bounds_t:
    double west
    double south
    double east
    double north


# -- bits -----------------------------------------------------------------------------------------

cdef uint64_t spread(uint64_t word) noexcept nogil:
    """32 bits, a zero above each."""
    word &= 0xFFFFFFFFU
    word = (word | word << 16) & <uint64_t>0x0000FFFF0000FFFF
    word = (word | word << 8) & <uint64_t>0x00FF00FF00FF00FF
    word = (word | word << 4) & <uint64_t>0x0F0F0F0F0F0F0F0F
    word = (word | word << 2) & <uint64_t>0x3333333333333333
    return (word | word << 1) & <uint64_t>0x5555555555555555


cdef uint64_t gather(uint64_t word) noexcept nogil:
    """Every second bit, from the lowest."""
    word &= <uint64_t>0x5555555555555555
    word = (word | word >> 1) & <uint64_t>0x3333333333333333
    word = (word | word >> 2) & <uint64_t>0x0F0F0F0F0F0F0F0F
    word = (word | word >> 4) & <uint64_t>0x00FF00FF00FF00FF
    word = (word | word >> 8) & <uint64_t>0x0000FFFF0000FFFF
    return (word | word >> 16) & 0xFFFFFFFFU


cdef inline uint64_t bits_of(cell_t cell) noexcept nogil:
    return spread(cell.row) | spread(cell.column) << 1


cdef cell_t cell_at(geo_point_t point, double latitude_max, int step) noexcept nogil:
    cdef double scale = <double>(<uint64_t>1 << step)
    cdef cell_t cell
    cell.row = <uint64_t>((point.latitude + latitude_max) / (latitude_max + latitude_max) * scale)
    cell.column = <uint64_t>((point.longitude + LONGITUDE_MAX)
                             / (LONGITUDE_MAX + LONGITUDE_MAX) * scale)
    return cell


cdef bint geo_point_valid(geo_point_t point) noexcept nogil:
    return (-LONGITUDE_MAX <= point.longitude <= LONGITUDE_MAX
            and -LATITUDE_MAX <= point.latitude <= LATITUDE_MAX)


cdef uint64_t geohash_encode(geo_point_t point) noexcept nogil:
    return bits_of(cell_at(point, LATITUDE_MAX, STEP_MAX))


cdef uint64_t bits_of_score(double score) noexcept nogil:
    """The score as an integer; what the language leaves open as x86 does it, and so Valkey."""
    if score < 9223372036854775808.0:
        if score < -9223372036854775808.0:
            return <uint64_t>1 << 63
        return <uint64_t><int64_t>score
    score -= 9223372036854775808.0
    return <uint64_t><int64_t>score ^ <uint64_t>1 << 63 if score < 9223372036854775808.0 else 0


cdef bounds_t bounds_of(cell_t cell, int step) noexcept nogil:
    cdef double scale = <double>(<uint64_t>1 << step)
    cdef bounds_t bounds
    bounds.south = -LATITUDE_MAX + <double>cell.row / scale * (LATITUDE_MAX + LATITUDE_MAX)
    bounds.north = -LATITUDE_MAX + <double>(cell.row + 1) / scale * (LATITUDE_MAX + LATITUDE_MAX)
    bounds.west = -LONGITUDE_MAX + <double>cell.column / scale * (LONGITUDE_MAX + LONGITUDE_MAX)
    bounds.east = (-LONGITUDE_MAX
                   + <double>(cell.column + 1) / scale * (LONGITUDE_MAX + LONGITUDE_MAX))
    return bounds


cdef geo_point_t geohash_decode(double score) noexcept nogil:
    cdef uint64_t bits = bits_of_score(score)
    cdef bounds_t bounds = bounds_of(cell_t(gather(bits >> 1), gather(bits)), STEP_MAX)
    cdef geo_point_t point
    point.longitude = fmax(-LONGITUDE_MAX, fmin(LONGITUDE_MAX, (bounds.west + bounds.east) / 2))
    point.latitude = fmax(-LATITUDE_MAX, fmin(LATITUDE_MAX, (bounds.south + bounds.north) / 2))
    return point


cdef void geohash_text(geo_point_t point, char* out) noexcept nogil:
    cdef uint64_t bits = bits_of(cell_at(point, 90.0, STEP_MAX))
    cdef int i
    for i in range(10):
        out[i] = LETTERS[bits >> (47 - 5 * i) & 31]
    out[10] = LETTERS[0]                # two bits are left, and say nothing


# -- distance -------------------------------------------------------------------------------------

cdef double latitude_distance(double a, double b) noexcept nogil:
    return EARTH_RADIUS * fabs(b * DEGREE - a * DEGREE)


cdef double geo_distance(geo_point_t a, geo_point_t b) noexcept nogil:
    cdef double u
    cdef double v = sin((b.longitude * DEGREE - a.longitude * DEGREE) / 2)
    if v == 0:
        return latitude_distance(a.latitude, b.latitude)
    u = sin((b.latitude * DEGREE - a.latitude * DEGREE) / 2)
    u = u * u + cos(a.latitude * DEGREE) * cos(b.latitude * DEGREE) * v * v
    return 2.0 * EARTH_RADIUS * asin(sqrt(u))


cdef geo_point_t geo_centre(const geo_point_t* vertices, int count) noexcept nogil:
    cdef double x = 0
    cdef double y = 0
    cdef double z = 0
    cdef double latitude, longitude
    cdef geo_point_t centre
    cdef int i
    for i in range(count):
        latitude = vertices[i].latitude * DEGREE
        longitude = vertices[i].longitude * DEGREE
        x += cos(latitude) * cos(longitude)
        y += cos(latitude) * sin(longitude)
        z += sin(latitude)
    x /= count
    y /= count
    z /= count
    centre.longitude = atan2(y, x) / DEGREE
    centre.latitude = atan2(z, sqrt(x * x + y * y)) / DEGREE
    return centre


# -- shapes ---------------------------------------------------------------------------------------

cdef bint in_polygon(const geo_shape_t* shape, geo_point_t point) noexcept nogil:
    """Does a ray to the east cross an odd number of sides? On the flat map."""
    cdef bint inside = False
    cdef geo_point_t a
    cdef geo_point_t b = shape.vertices[shape.vertex_count - 1]
    cdef int i
    for i in range(shape.vertex_count):
        a = shape.vertices[i]
        if (a.latitude > point.latitude) != (b.latitude > point.latitude) and point.longitude < (
                (b.longitude - a.longitude) * (point.latitude - a.latitude)
                / (b.latitude - a.latitude) + a.longitude):
            inside = not inside
        b = a
    return inside


cdef bint geo_within(const geo_shape_t* shape, geo_point_t point, double* metres) noexcept nogil:
    cdef geo_point_t beside
    if shape.kind == GEO_CIRCLE:
        metres[0] = geo_distance(shape.centre, point)
        return metres[0] <= shape.radius * shape.unit
    if shape.kind == GEO_POLYGON:
        if not in_polygon(shape, point):
            return False
    else:
        if latitude_distance(point.latitude, shape.centre.latitude) \
                > shape.height * shape.unit / 2:
            return False
        beside.longitude = shape.centre.longitude
        beside.latitude = point.latitude
        if geo_distance(point, beside) > shape.width * shape.unit / 2:
            return False
    metres[0] = geo_distance(shape.centre, point)
    return True


cdef bounds_t box_of_polygon(const geo_shape_t* shape) noexcept nogil:
    cdef bounds_t box
    cdef int i
    box.west = box.east = shape.vertices[0].longitude
    box.south = box.north = shape.vertices[0].latitude
    for i in range(1, shape.vertex_count):
        box.west = fmin(box.west, shape.vertices[i].longitude)
        box.east = fmax(box.east, shape.vertices[i].longitude)
        box.south = fmin(box.south, shape.vertices[i].latitude)
        box.north = fmax(box.north, shape.vertices[i].latitude)
    return box


cdef bounds_t box_of(const geo_shape_t* shape) noexcept nogil:
    cdef double height = shape.unit * (
        shape.radius if shape.kind == GEO_CIRCLE else shape.height / 2)
    cdef double width = shape.unit * (
        shape.radius if shape.kind == GEO_CIRCLE else shape.width / 2)
    cdef double up = height / EARTH_RADIUS / DEGREE
    cdef double aside, edge
    cdef bounds_t box
    if shape.kind == GEO_POLYGON:
        return box_of_polygon(shape)
    # Meridians are nearest to each other at the edge that is nearer to a pole.
    edge = shape.centre.latitude + (-up if shape.centre.latitude < 0 else up)
    aside = width / EARTH_RADIUS / cos(edge * DEGREE) / DEGREE
    box.west = shape.centre.longitude - aside
    box.east = shape.centre.longitude + aside
    box.south = shape.centre.latitude - up
    box.north = shape.centre.latitude + up
    return box


cdef double reach_of(const geo_shape_t* shape, const bounds_t* box) noexcept nogil:
    """Metres from the centre to the farthest point; of a polygon, to a corner of its box."""
    cdef geo_point_t corner
    cdef double reach = 0
    cdef int i
    if shape.kind == GEO_CIRCLE:
        return shape.radius * shape.unit
    if shape.kind == GEO_BOX:
        return sqrt((shape.width / 2) * (shape.width / 2)
                    + (shape.height / 2) * (shape.height / 2)) * shape.unit
    for i in range(4):
        corner.longitude = box.east if i & 1 else box.west
        corner.latitude = box.north if i & 2 else box.south
        reach = fmax(reach, geo_distance(shape.centre, corner))
    return reach


cdef int step_for(double reach, double latitude) noexcept nogil:
    """Cells as large as the search is wide; larger ones in the north and south, where a degree of
    longitude is short."""
    cdef int step = 1
    if reach == 0:
        return STEP_MAX
    while reach < MERCATOR_MAX:
        reach *= 2
        step += 1
    step -= 2
    if latitude > 66 or latitude < -66:
        step -= 1
        if latitude > 80 or latitude < -80:
            step -= 1
    return 1 if step < 1 else <int>STEP_MAX if step > <int>STEP_MAX else step


cdef cell_t neighbour(cell_t cell, int i, int step) noexcept nogil:
    """Beyond the date line, and beyond a pole, the map begins again at its other side."""
    cdef uint64_t mask = (<uint64_t>1 << step) - 1
    if COLUMN[i]:
        cell.column = (cell.column + <uint64_t><int64_t>COLUMN[i]) & mask
    if ROW[i]:
        cell.row = (cell.row + <uint64_t><int64_t>ROW[i]) & mask
    return cell


cdef bint covers(cell_t cell, int step, const bounds_t* box) noexcept nogil:
    """The four next cells reach as far as the box."""
    return not (bounds_of(neighbour(cell, 1, step), step).north < box.north
                or bounds_of(neighbour(cell, 2, step), step).south > box.south
                or bounds_of(neighbour(cell, 3, step), step).east < box.east
                or bounds_of(neighbour(cell, 4, step), step).west > box.west)


cdef void geo_cells(const geo_shape_t* shape, geo_cells_t* cells) noexcept nogil:
    cdef bounds_t box = box_of(shape)
    cdef int step = step_for(reach_of(shape, &box), shape.centre.latitude)
    cdef cell_t cell = cell_at(shape.centre, LATITUDE_MAX, step)
    cdef bounds_t own
    cdef uint64_t bits
    cdef uint64_t last = 0
    cdef int i, shift
    cdef bint compare = False           # the first neighbour is not compared with the cell itself
    if step > 1 and not covers(cell, step, &box):
        step -= 1
        cell = cell_at(shape.centre, LATITUDE_MAX, step)
    own = bounds_of(cell, step)
    shift = 52 - 2 * step
    cells.count = 0
    for i in range(<int>GEO_CELLS_MAX):
        if step >= 2 and ((ROW[i] < 0 and own.south < box.south)
                          or (ROW[i] > 0 and own.north > box.north)
                          or (COLUMN[i] < 0 and own.west < box.west)
                          or (COLUMN[i] > 0 and own.east > box.east)):
            continue                    # nothing of the shape lies there
        bits = bits_of(neighbour(cell, i, step))
        if compare and bits == last:
            continue                    # of few large cells two are the same
        cells.low[cells.count] = bits << shift
        cells.high[cells.count] = (bits + 1) << shift
        cells.count += 1
        last = bits
        compare = i > 0
