"""HyperLogLog.

    string:  "HYLL" | encoding 1 | unused 3 | estimate 8, its highest bit: not valid | registers
    dense:   register i in the 6 bits from bit 6 * i, lowest first
    sparse:  00nnnnnn            n + 1 registers that are 0
             01nnnnnn nnnnnnnn   n + 1 registers that are 0
             1vvvvvnn            n + 1 registers that are v + 1

Adding to a sparse string finds the opcode over the register, and writes up to three in its place;
then it joins neighbours of the same value, in the order in which Valkey does: of the many spellings
of the same registers ours is the one that Valkey would have arrived at, so that the bytes of two
servers with the same history are equal.

Opcodes are walked by a table of how many registers each covers, one load an opcode.

The estimate is Ertl's, which needs no table of corrections: "New cardinality estimation algorithms
for HyperLogLog sketches" (O. Ertl, 2017), algorithm 6. The registers of a dense string are counted
in four histograms by turns, since the same counter cannot be raised twice a cycle.

Cost: O(opcodes) to add to a sparse string, O(1) to a dense one; an estimate about 8 us.
"""
from libc.math cimport INFINITY, llroundl, sqrt
from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy, memmove, memset

from .intrinsics cimport count_trailing_zeros, load64, load_part, store64
from .number cimport format_uint64

cdef enum:
    INDEX_BITS = 14
    RUN_BITS = 50                       # of the hash, behind the index
    DENSE_BYTES = 12288
    ZERO_MAX = 64                       # registers of a one-byte run of zeros
    VALUE_MAX = 32                      # of a register in an opcode
    VALUE_RUN_MAX = 4
    JOIN_OPCODES = 5                    # looked at after a change, from the opcode before it on
    SEED = 0xadc83b19

cdef extern from *:
    """
    #define KVD_MURMUR_MULTIPLIER UINT64_C(0xc6a4a7935bd1e995)
    #define KVD_SPREAD_LOW  UINT64_C(0x00000FFF00000FFF)
    #define KVD_SPREAD_PAIR UINT64_C(0x003F003F003F003F)
    """
    const uint64_t MULTIPLIER "KVD_MURMUR_MULTIPLIER"
    const uint64_t SPREAD_LOW "KVD_SPREAD_LOW"
    const uint64_t SPREAD_PAIR "KVD_SPREAD_PAIR"

cdef struct walk_t:                     # over the opcodes of a sparse string
    const uint8_t* at
    const uint8_t* end
    uint64_t index                      # of the first register that *at covers


# -- hashing --------------------------------------------------------------------------------------

cdef uint64_t murmur(slice_t bytes) noexcept nogil:
    """MurmurHash64A (A. Appleby), which decides the registers and with them the format."""
    cdef const char* at = bytes.data
    cdef size_t left = bytes.size
    cdef uint64_t h = <uint64_t>SEED ^ (<uint64_t>bytes.size * MULTIPLIER)
    cdef uint64_t k
    while left >= 8:
        k = load64(at) * MULTIPLIER
        k ^= k >> 47
        h = (h ^ (k * MULTIPLIER)) * MULTIPLIER
        at += 8
        left -= 8
    if left:
        h = (h ^ load_part(at, left)) * MULTIPLIER
    h = (h ^ (h >> 47)) * MULTIPLIER
    return h ^ (h >> 47)


# -- header ---------------------------------------------------------------------------------------

cdef bint hll_is(slice_t bytes) noexcept nogil:
    return (bytes.size >= HLL_HEADER_SIZE and memcmp(bytes.data, b"HYLL", 4) == 0
            and <uint8_t>bytes.data[4] <= HLL_SPARSE
            and (bytes.data[4] != HLL_DENSE or bytes.size == HLL_DENSE_SIZE))


cdef void hll_init(char* data) noexcept nogil:
    memset(data, 0, HLL_HEADER_SIZE)
    memcpy(data, b"HYLL", 4)
    data[4] = HLL_SPARSE
    write_zeros(<uint8_t*>data + HLL_HEADER_SIZE, HLL_REGISTERS)


cdef bint hll_cached(const char* data, uint64_t* count) noexcept nogil:
    count[0] = load64(data + 8)
    return count[0] >> 63 == 0


cdef void hll_set_cached(char* data, uint64_t count) noexcept nogil:
    store64(data + 8, count)


cdef void hll_forget_cached(char* data) noexcept nogil:
    data[15] |= <char>0x80


# -- dense ----------------------------------------------------------------------------------------

cdef inline int dense_get(const uint8_t* registers, uint64_t index) noexcept nogil:
    cdef uint64_t bit = index * 6
    cdef const uint8_t* at = registers + (bit >> 3)
    cdef uint32_t pair = at[0]
    if bit & 7 > 2:                     # it reaches into the next byte, which is there
        pair |= <uint32_t>at[1] << 8
    return <int>(pair >> (bit & 7) & 63)


cdef inline void dense_set(uint8_t* registers, uint64_t index, int value) noexcept nogil:
    cdef uint64_t bit = index * 6
    cdef uint8_t* at = registers + (bit >> 3)
    cdef uint32_t shift = <uint32_t>(bit & 7)
    at[0] = <uint8_t>((at[0] & ~(63 << shift)) | value << shift)
    if shift > 2:
        at[1] = <uint8_t>((at[1] & ~(63 >> (8 - shift))) | value >> (8 - shift))


cdef inline uint64_t spread_eight(uint64_t packed) noexcept nogil:
    """48 bits, eight registers, to a byte each."""
    cdef uint64_t x = (packed & 0xFFFFFF) | (packed << 8 & <uint64_t>0xFFFFFF << 32)
    x = (x & SPREAD_LOW) | (x << 4 & SPREAD_LOW << 16)
    return (x & SPREAD_PAIR) | (x << 2 & SPREAD_PAIR << 8)


cdef inline uint64_t pack_eight(uint64_t spread) noexcept nogil:
    cdef uint64_t x = (spread & SPREAD_PAIR) | (spread & SPREAD_PAIR << 8) >> 2
    x = (x & SPREAD_LOW) | (x & SPREAD_LOW << 16) >> 4
    return (x & 0xFFFFFF) | (x & <uint64_t>0xFFFFFF << 32) >> 8


cdef inline uint64_t packed_at(const uint8_t* registers, size_t byte) noexcept nogil:
    """The six bytes there; the last ones are not read past."""
    return load64(registers + byte) if byte + 8 <= DENSE_BYTES else load_part(registers + byte, 6)


cdef void hll_pack(const uint8_t* spread, char* dense) noexcept nogil:
    cdef uint8_t* out = <uint8_t*>dense + HLL_HEADER_SIZE
    cdef uint64_t x
    cdef size_t i
    for i in range(<size_t>HLL_REGISTERS // 8):
        x = pack_eight(load64(spread + 8 * i))
        memcpy(out + 6 * i, &x, 6)


# -- sparse ---------------------------------------------------------------------------------------

cdef uint8_t ONE_BYTE_RUNS[256]         # registers that an opcode covers; 0: it has a second byte


cdef void fill_runs() noexcept nogil:
    cdef int byte
    for byte in range(256):
        ONE_BYTE_RUNS[byte] = <uint8_t>(
            (byte & 3) + 1 if byte & 0x80 else 0 if byte & 0x40 else (byte & 63) + 1)


fill_runs()


cdef inline bint is_value(const uint8_t* at) noexcept nogil:
    return at[0] & 0x80 != 0


cdef inline int value_of(const uint8_t* at) noexcept nogil:
    return (at[0] >> 2 & 31) + 1


cdef inline uint8_t value_opcode(int value, uint64_t run) noexcept nogil:
    return <uint8_t>(0x80 | (value - 1) << 2 | <int>(run - 1))


cdef inline size_t opcode_size(const uint8_t* at) noexcept nogil:
    return 1 if ONE_BYTE_RUNS[at[0]] else 2


cdef uint8_t* write_zeros(uint8_t* at, uint64_t run) noexcept nogil:
    """The shortest opcode for a run of zeros; returns where the next one goes."""
    if run > ZERO_MAX:
        at[0] = <uint8_t>(0x40 | (run - 1) >> 8)
        at[1] = <uint8_t>(run - 1)
        return at + 2
    at[0] = <uint8_t>(run - 1)
    return at + 1


cdef inline uint64_t run_at(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Registers under the opcode; 0 when it is cut off."""
    cdef uint64_t run = ONE_BYTE_RUNS[at[0]]
    if run == 0 and at + 1 < end:
        run = (<uint64_t>(at[0] & 63) << 8 | at[1]) + 1
    return run


cdef inline bint next_run(walk_t* walk, int* value, uint64_t* run) noexcept nogil:
    """Take one opcode. False at the end, and where the registers would be too many: then `index`
    is not HLL_REGISTERS."""
    if walk.at >= walk.end:
        return False
    run[0] = run_at(walk.at, walk.end)
    if run[0] == 0 or walk.index + run[0] > HLL_REGISTERS:
        walk.index = 0
        return False
    value[0] = value_of(walk.at) if is_value(walk.at) else 0
    walk.at += opcode_size(walk.at)
    walk.index += run[0]
    return True


cdef walk_t walk_from(const char* data, size_t size) noexcept nogil:
    return walk_t(<const uint8_t*>data + HLL_HEADER_SIZE, <const uint8_t*>data + size, 0)


cdef bint hll_to_dense(const char* data, size_t size, char* dense) noexcept nogil:
    cdef walk_t walk = walk_from(data, size)
    cdef uint8_t* registers = <uint8_t*>dense + HLL_HEADER_SIZE
    cdef uint64_t run
    cdef int value
    memcpy(dense, data, HLL_HEADER_SIZE)
    dense[4] = HLL_DENSE
    memset(registers, 0, DENSE_BYTES)
    while next_run(&walk, &value, &run):
        if value:
            while run:
                dense_set(registers, walk.index - run, value)
                run -= 1
    return walk.index == HLL_REGISTERS


cdef void join_values(char* data, size_t* size, uint8_t* at) noexcept nogil:
    """Join neighbouring values that are equal, from `at` on."""
    cdef uint8_t* end = <uint8_t*>data + size[0]
    cdef uint64_t run
    cdef int i
    for i in range(JOIN_OPCODES):
        if at >= end:
            return
        if is_value(at) and at + 1 < end and is_value(at + 1) \
                and value_of(at) == value_of(at + 1):
            run = <uint64_t>ONE_BYTE_RUNS[at[0]] + ONE_BYTE_RUNS[at[1]]
            if run <= VALUE_RUN_MAX:
                at[1] = value_opcode(value_of(at), run)
                memmove(at, at + 1, <size_t>(end - at) - 1)
                end -= 1
                size[0] -= 1
                continue                # the joined one may join its next neighbour
        at += opcode_size(at)


cdef size_t split(uint8_t* out, const uint8_t* at, uint64_t before, uint64_t behind,
                  int value) noexcept nogil:
    """One register of the run at `at` becomes `value`: the opcodes for all of it, to `out`."""
    cdef uint8_t* end = out
    if before:
        if is_value(at):
            end[0] = value_opcode(value_of(at), before)
            end += 1
        else:
            end = write_zeros(end, before)
    end[0] = value_opcode(value, 1)
    end += 1
    if behind:
        if is_value(at):
            end[0] = value_opcode(value_of(at), behind)
            end += 1
        else:
            end = write_zeros(end, behind)
    return <size_t>(end - out)


cdef hll_added_t hll_raise_sparse(char* data, size_t* size, size_t sparse_max, uint64_t index,
                                  int value) noexcept nogil:
    cdef uint8_t* end = <uint8_t*>data + size[0]
    cdef uint8_t* at = <uint8_t*>data + HLL_HEADER_SIZE
    cdef uint8_t* previous = at
    cdef uint8_t fresh[8]
    cdef uint64_t first = 0
    cdef uint64_t run = 0
    cdef size_t old_size, fresh_size
    if value > VALUE_MAX:
        return HLL_MUST_BE_DENSE
    while True:
        if at >= end:
            return HLL_BROKEN
        run = run_at(at, end)
        if run == 0:
            return HLL_BROKEN
        if index < first + run:
            break
        previous = at
        at += opcode_size(at)
        first += run
    if is_value(at) and value_of(at) >= value:
        return HLL_SAME
    old_size = opcode_size(at)
    fresh_size = split(fresh, at, index - first, first + run - 1 - index, value)
    if fresh_size > old_size and size[0] + (fresh_size - old_size) > sparse_max:
        return HLL_MUST_BE_DENSE
    if fresh_size != old_size:
        memmove(at + fresh_size, at + old_size, <size_t>(end - at) - old_size)
        size[0] += fresh_size - old_size
    memcpy(at, fresh, fresh_size)
    join_values(data, size, previous)
    hll_forget_cached(data)
    return HLL_CHANGED


cdef hll_added_t hll_add(char* data, size_t* size, size_t sparse_max,
                         slice_t element) noexcept nogil:
    cdef uint64_t hash = murmur(element)
    cdef uint64_t index = hash & (HLL_REGISTERS - 1)
    cdef int value = count_trailing_zeros(hash >> INDEX_BITS | <uint64_t>1 << RUN_BITS) + 1
    cdef uint8_t* registers = <uint8_t*>data + HLL_HEADER_SIZE
    if hll_encoding(data) == HLL_SPARSE:
        return hll_raise_sparse(data, size, sparse_max, index, value)
    if dense_get(registers, index) >= value:
        return HLL_SAME
    dense_set(registers, index, value)
    hll_forget_cached(data)
    return HLL_CHANGED


cdef ssize_t hll_describe(const char* data, size_t size, char* out) noexcept nogil:
    cdef walk_t walk = walk_from(data, size)
    cdef char* at = out
    cdef uint64_t run
    cdef int value
    cdef bint long_run
    while walk.at < walk.end:
        long_run = opcode_size(walk.at) == 2
        if not next_run(&walk, &value, &run):
            return -1
        at[0] = c'v' if value else c'Z' if long_run else c'z'
        at[1] = c':'
        at += 2
        if value:
            at += format_uint64(at, <uint64_t>value)
            at[0] = c','
            at += 1
        at += format_uint64(at, run)
        at[0] = c' '
        at += 1
    if walk.index != HLL_REGISTERS:
        return -1
    return at - out - 1


# -- merging and counting -------------------------------------------------------------------------

cdef void merge_dense(uint8_t* spread, const uint8_t* registers) noexcept nogil:
    cdef uint8_t block[512]
    cdef uint64_t x
    cdef size_t i, k
    for i in range(<size_t>HLL_REGISTERS // 512):
        for k in range(64):
            x = spread_eight(packed_at(registers, 384 * i + 6 * k))
            store64(block + 8 * k, x)
        for k in range(512):
            spread[512 * i + k] = block[k] if block[k] > spread[512 * i + k] \
                else spread[512 * i + k]


cdef bint hll_merge(uint8_t* spread, slice_t bytes) noexcept nogil:
    cdef walk_t walk
    cdef uint64_t run
    cdef int value
    if hll_encoding(bytes.data) == HLL_DENSE:
        merge_dense(spread, <const uint8_t*>bytes.data + HLL_HEADER_SIZE)
        return True
    walk = walk_from(bytes.data, bytes.size)
    while next_run(&walk, &value, &run):
        while value and run:
            if spread[walk.index - run] < value:
                spread[walk.index - run] = <uint8_t>value
            run -= 1
    return walk.index == HLL_REGISTERS


cdef double tau(double x) noexcept nogil:
    cdef double y = 1.0
    cdef double z = 1 - x
    cdef double before
    if x == 0 or x == 1:
        return 0
    while True:
        x = sqrt(x)
        before = z
        y *= 0.5
        z -= (1 - x) * (1 - x) * y
        if z == before:
            return z / 3


cdef double sigma(double x) noexcept nogil:
    cdef double y = 1.0
    cdef double z = x
    cdef double before
    if x == 1:
        return INFINITY
    while True:
        x *= x
        before = z
        z += x * y
        y += y
        if z == before:
            return z


cdef uint64_t estimate(const uint32_t* histogram) noexcept nogil:
    """From how many registers have each value."""
    cdef double m = HLL_REGISTERS
    cdef double z = m * tau((m - histogram[RUN_BITS + 1]) / m)
    cdef int value
    for value in range(RUN_BITS, 0, -1):
        z += histogram[value]
        z *= 0.5
    z += m * sigma(histogram[0] / m)
    return <uint64_t>llroundl(0.721347520444481703680 * m * m / z)


cdef inline void count_eight(uint32_t* histograms, uint64_t spread) noexcept nogil:
    histograms[spread & 63] += 1
    histograms[64 + (spread >> 8 & 63)] += 1
    histograms[128 + (spread >> 16 & 63)] += 1
    histograms[192 + (spread >> 24 & 63)] += 1
    histograms[spread >> 32 & 63] += 1
    histograms[64 + (spread >> 40 & 63)] += 1
    histograms[128 + (spread >> 48 & 63)] += 1
    histograms[192 + (spread >> 56 & 63)] += 1


cdef uint64_t estimate_of(uint32_t* histograms) noexcept nogil:
    cdef size_t i
    for i in range(64):
        histograms[i] += histograms[64 + i] + histograms[128 + i] + histograms[192 + i]
    return estimate(histograms)


cdef uint64_t hll_count_spread(const uint8_t* spread) noexcept nogil:
    cdef uint32_t histograms[256]
    cdef size_t i
    memset(histograms, 0, sizeof(histograms))
    for i in range(<size_t>HLL_REGISTERS // 8):
        count_eight(histograms, load64(spread + 8 * i))
    return estimate_of(histograms)


cdef bint hll_count(slice_t bytes, uint64_t* count) noexcept nogil:
    cdef uint32_t histograms[256]
    cdef const uint8_t* registers = <const uint8_t*>bytes.data + HLL_HEADER_SIZE
    cdef walk_t walk
    cdef uint64_t run
    cdef size_t i
    cdef int value
    memset(histograms, 0, sizeof(histograms))
    if hll_encoding(bytes.data) == HLL_DENSE:
        for i in range(<size_t>HLL_REGISTERS // 8):
            count_eight(histograms, spread_eight(packed_at(registers, 6 * i)))
    else:
        walk = walk_from(bytes.data, bytes.size)
        while next_run(&walk, &value, &run):
            histograms[value] += <uint32_t>run
        if walk.index != HLL_REGISTERS:
            return False
    count[0] = estimate_of(histograms)
    return True
