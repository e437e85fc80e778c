"""LCS: the longest common subsequence of two strings.

The classic table says in cell (i, j) how long it is for the first i bytes of `a` and the first j
of `b`. Along a row the length grows by one or not at all, so that a bit a cell is enough, and a
word of 64 cells takes a handful of instructions: V is the row, a bit is clear where the length
grows, and the row for one more byte c of `a` is

    U = V & places of c in b;  V = (V + U) | (V & ~U)

with the carry going on from word to word. LEN keeps one row. The text and the matches are read
off all rows, walking back from the last cell: diagonally over a match, else up where the length
grows into this cell, else left. That is the way back that Valkey takes, where several are good.

The size is bounded as if each cell took four bytes, as in Valkey: strings that it refuses are
refused here, whatever is asked about them.
Cost: O(n * m / 64) time, n * m / 8 bytes.

Source: H. Hyyro, "Bit-parallel LCS-length computation revisited" (2004).
"""
from libc.stddef cimport size_t
from libc.stdint cimport UINT32_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from ..core.bits cimport bits_count
from ..core.heap cimport heap_alloc_try, heap_free
from ..core.intrinsics cimport mul_overflows
from ..core.number cimport equal_nocase, parse_int64
from ..core.types cimport slice_t
from ..store.entry cimport INT_TEXT_MAX, TYPE_STRING, entry_string, entry_t, entry_type
from ..store.keyspace cimport keyspace_read
from ..wire.command cimport (
    ACL_STRING, CMD_READONLY, GROUP_STRING, KEY_ACCESS, KEY_RO, client_t, command_register,
    command_t, key_hash, keys_at, row,
)
from ..wire.errors cimport (
    ERR_LCS_BOTH, ERR_LCS_LIMIT, ERR_LCS_MEMORY, ERR_LCS_TOO_LONG, ERR_LCS_TYPE, ERR_NOT_INTEGER,
)
from ..wire.reply cimport (
    reply_array, reply_array_close, reply_array_open, reply_bulk, reply_bulk_text, reply_error,
    reply_error_syntax, reply_int, reply_map,
)
from .state cimport server_of

cdef enum:
    CELL_BYTES = 4                      # of Valkey's table, which bounds the sizes
    ABSENT = 0xFFFF                     # in slots: this byte is not in `a`

cdef struct lcs_t:
    slice_t a
    slice_t b
    size_t words                        # of a row: b.size bits, and then ones
    size_t rows                         # a.size + 1, the first of no byte; 1 for LEN
    size_t slot_count                   # different bytes in `a`
    uint16_t slots[256]                 # by byte: its places are places[slot * words]
    uint64_t* places                    # owned: slot_count * words; a bit for each place in b
    uint64_t* row                       # rows * words, behind the places
    bint len_only
    bint idx
    bint with_match_len
    int64_t match_len_min


cdef bint options_or_reply(client_t* c, lcs_t* lcs) noexcept nogil:
    cdef slice_t word
    cdef int at = 3
    while at < c.argc:
        word = c.argv[at]
        if equal_nocase(word.data, word.size, b"idx", 3):
            lcs.idx = True
        elif equal_nocase(word.data, word.size, b"len", 3):
            lcs.len_only = True
        elif equal_nocase(word.data, word.size, b"withmatchlen", 12):
            lcs.with_match_len = True
        elif equal_nocase(word.data, word.size, b"minmatchlen", 11) and at + 1 < c.argc:
            at += 1
            if not parse_int64(c.argv[at].data, c.argv[at].size, &lcs.match_len_min):
                reply_error(c, ERR_NOT_INTEGER)
                return False
        else:
            reply_error_syntax(c)
            return False
        at += 1
    if lcs.idx and lcs.len_only:
        reply_error(c, ERR_LCS_BOTH)
        return False
    return True


cdef bint size_or_reply(client_t* c, const lcs_t* lcs) noexcept nogil:
    cdef int64_t bytes
    if lcs.a.size >= UINT32_MAX - 1 or lcs.b.size >= UINT32_MAX - 1:
        reply_error(c, ERR_LCS_TOO_LONG)
        return False
    if mul_overflows(<int64_t>lcs.a.size + 1, <int64_t>lcs.b.size + 1, &bytes) \
            or mul_overflows(bytes, CELL_BYTES, &bytes) \
            or bytes > server_of(c).config.proto_max_bulk_len:
        reply_error(c, ERR_LCS_LIMIT)
        return False
    return True


cdef bint open_or_reply(client_t* c, lcs_t* lcs) noexcept nogil:
    """Number the bytes of `a`, make room, and note their places in `b`."""
    cdef size_t i
    cdef uint16_t slot
    memset(lcs.slots, 0xFF, sizeof(lcs.slots))
    for i in range(lcs.a.size):
        if lcs.slots[<uint8_t>lcs.a.data[i]] == ABSENT:
            lcs.slots[<uint8_t>lcs.a.data[i]] = <uint16_t>lcs.slot_count
            lcs.slot_count += 1
    lcs.words = (lcs.b.size + 63) >> 6
    lcs.rows = 1 if lcs.len_only else lcs.a.size + 1
    lcs.places = <uint64_t*>heap_alloc_try(c.store.heap, table_bytes(lcs))
    if lcs.places is NULL:
        reply_error(c, ERR_LCS_MEMORY)
        return False
    lcs.row = lcs.places + lcs.slot_count * lcs.words
    memset(lcs.places, 0, 8 * lcs.slot_count * lcs.words)
    for i in range(lcs.b.size):
        slot = lcs.slots[<uint8_t>lcs.b.data[i]]
        if slot != ABSENT:
            lcs.places[slot * lcs.words + (i >> 6)] |= <uint64_t>1 << (i & 63)
    return True


cdef inline size_t table_bytes(const lcs_t* lcs) noexcept nogil:
    return 8 * lcs.words * (lcs.slot_count + lcs.rows)


cdef inline void next_row(const uint64_t* row, const uint64_t* places, uint64_t* out,
                          size_t words) noexcept nogil:
    """`out` may be the row itself."""
    cdef uint64_t v, u, total, carried
    cdef uint64_t carry = 0
    cdef size_t i
    for i in range(words):
        v = row[i]
        u = v & places[i]
        total = v + u
        carried = total + carry
        carry = (total < v) | (carried < total)
        out[i] = carried | (v & ~u)


cdef uint32_t fill(lcs_t* lcs) noexcept nogil:
    """Make the rows. Returns the length of the longest common subsequence."""
    cdef uint64_t* row = lcs.row
    cdef uint64_t* out
    cdef size_t i
    memset(row, 0xFF, 8 * lcs.words)
    for i in range(lcs.a.size):
        out = row if lcs.len_only else row + lcs.words
        next_row(row, lcs.places + lcs.slots[<uint8_t>lcs.a.data[i]] * lcs.words, out, lcs.words)
        row = out
    return <uint32_t>(64 * lcs.words - bits_count(<const char*>row, 8 * lcs.words))


cdef inline bint step_back(const lcs_t* lcs, size_t* i, size_t* j) noexcept nogil:
    """One step from (i, j) towards (0, 0). True when it passed a byte of the result."""
    cdef size_t at = j[0] - 1
    if lcs.a.data[i[0] - 1] == lcs.b.data[at]:
        i[0] -= 1
        j[0] -= 1
        return True
    if lcs.row[i[0] * lcs.words + (at >> 6)] >> (at & 63) & 1:
        j[0] -= 1
    else:
        i[0] -= 1
    return False


cdef void reply_text(client_t* c, const lcs_t* lcs, uint32_t length) noexcept nogil:
    cdef size_t i = lcs.a.size
    cdef size_t j = lcs.b.size
    cdef size_t left = length
    cdef char* text = <char*>heap_alloc_try(c.store.heap, length)
    if text is NULL:
        reply_error(c, ERR_LCS_MEMORY)
        return
    while left:
        if step_back(lcs, &i, &j):
            left -= 1
            text[left] = lcs.a.data[i]
    reply_bulk(c, slice_t(text, length))
    heap_free(c.store.heap, text, length)


cdef void reply_match(client_t* c, const lcs_t* lcs, size_t i, size_t j,
                      size_t size) noexcept nogil:
    """`size` bytes, at i in one string and at j in the other."""
    reply_array(c, 3 if lcs.with_match_len else 2)
    reply_array(c, 2)
    reply_int(c, <int64_t>i)
    reply_int(c, <int64_t>(i + size - 1))
    reply_array(c, 2)
    reply_int(c, <int64_t>j)
    reply_int(c, <int64_t>(j + size - 1))
    if lcs.with_match_len:
        reply_int(c, <int64_t>size)


cdef void reply_matches(client_t* c, const lcs_t* lcs, uint32_t length) noexcept nogil:
    """Runs of matching bytes, the last one first, and the length."""
    cdef size_t i = lcs.a.size
    cdef size_t j = lcs.b.size
    cdef size_t size = 0                # of the run that starts at (i, j)
    cdef int64_t count = 0
    cdef bint matched = True
    cdef size_t run_i = 0
    cdef size_t run_j = 0
    cdef size_t mark
    reply_map(c, 2)
    reply_bulk_text(c, b"matches")
    mark = reply_array_open(c)
    while matched or (i and j):
        matched = i and j and step_back(lcs, &i, &j)
        if matched:
            run_i = i
            run_j = j
            size += 1
        elif size:
            if <int64_t>size >= lcs.match_len_min:
                reply_match(c, lcs, run_i, run_j, size)
                count += 1
            size = 0
    reply_array_close(c, mark, count)
    reply_bulk_text(c, b"len")
    reply_int(c, length)


cdef bint find_or_reply(client_t* c, int at, char* scratch, slice_t* value) noexcept nogil:
    """The string at the key argv[at]; an absent one is empty."""
    cdef entry_t* entry = keyspace_read(c.ks, key_hash(c, c.argv[at]), c.argv[at])
    value[0] = slice_t(NULL, 0)
    if entry is not NULL:
        if entry_type(entry) != TYPE_STRING:
            reply_error(c, ERR_LCS_TYPE)
            return False
        value[0] = entry_string(entry, scratch)
    return True


cdef void lcs_command(client_t* c) noexcept nogil:
    cdef char scratch[2][INT_TEXT_MAX]
    cdef lcs_t lcs
    cdef uint32_t length
    memset(&lcs, 0, sizeof(lcs))
    # The second look-up frees no other key: the first string stays where it is.
    if not find_or_reply(c, 1, scratch[0], &lcs.a) or not find_or_reply(c, 2, scratch[1], &lcs.b):
        return
    if not (options_or_reply(c, &lcs) and size_or_reply(c, &lcs) and open_or_reply(c, &lcs)):
        return
    length = fill(&lcs)
    if lcs.len_only:
        reply_int(c, length)
    elif lcs.idx:
        reply_matches(c, &lcs, length)
    else:
        reply_text(c, &lcs, length)
    heap_free(c.store.heap, lcs.places, table_bytes(&lcs))


cdef command_t TABLE[1]
TABLE[:] = [
    row(b"lcs", lcs_command, -3, CMD_READONLY, ACL_STRING, GROUP_STRING,
        keys_at(1, 2, 1, KEY_RO | KEY_ACCESS), b"7.0.0", b"O(N*M), N and M bytes",
        b"LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
        b"Finds the longest common subsequence of two strings."),
]
command_register(TABLE, 1)
