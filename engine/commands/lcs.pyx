"""LCS: the longest common subsequence of two strings.

The classic table: cell (i, j) is the length for the first i bytes of one and the first j of the
other. LEN needs the last row only, so two rows are kept; the text and the matches are read off
the whole table, walking back from its last cell.

            m  y  n  e  w
      . [0][0][0][0][0][0]
      o [0][0][0][0][0][0]
      m [0][1][1][1][1][1]      a match: one more than the cell up left
      y [0][1][2][2][2][2]      else the larger of the cells above and to the left

Where two paths back are equally good the one that Valkey takes is taken: left, unless the cell
above is larger.

Memory is bounded before it is asked for: a table above proto-max-bulk-len is refused, for LEN
too, so that an answer does not depend on how it is asked for.
Cost: O(n * m) time.
"""
from libc.stddef cimport size_t
from libc.stdint cimport UINT32_MAX, int64_t, uint32_t
from libc.string cimport memset

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

cdef struct lcs_t:
    slice_t a
    slice_t b
    uint32_t* table                     # owned: a.size + 1 rows (2 for LEN) of b.size + 1 cells
    size_t table_bytes
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


cdef bint table_or_reply(client_t* c, lcs_t* lcs) noexcept nogil:
    """Room for the table; the first row and column are zero."""
    cdef int64_t bytes
    cdef size_t width = lcs.b.size + 1
    cdef size_t i
    if lcs.a.size >= UINT32_MAX - 1 or lcs.b.size >= UINT32_MAX - 1:
        reply_error(c, ERR_LCS_TOO_LONG)
        return False
    if mul_overflows(<int64_t>lcs.a.size + 1, <int64_t>width, &bytes) \
            or mul_overflows(bytes, sizeof(uint32_t), &bytes) \
            or bytes > server_of(c).config.proto_max_bulk_len:
        reply_error(c, ERR_LCS_LIMIT)
        return False
    lcs.table_bytes = 2 * width * sizeof(uint32_t) if lcs.len_only else <size_t>bytes
    lcs.table = <uint32_t*>heap_alloc_try(c.store.heap, lcs.table_bytes)
    if lcs.table is NULL:
        reply_error(c, ERR_LCS_MEMORY)
        return False
    memset(lcs.table, 0, width * sizeof(uint32_t))
    for i in range(1, 2 if lcs.len_only else lcs.a.size + 1):
        lcs.table[i * width] = 0
    return True


cdef void fill_row(const uint32_t* above, uint32_t* cells, char byte, slice_t b) noexcept nogil:
    """cells[1:] for one more byte of the first string. cells[0] is zero."""
    cdef uint32_t left = 0
    cdef uint32_t best
    cdef size_t j
    for j in range(b.size):
        best = above[j] + <uint32_t>(b.data[j] == byte)
        best = best if best > above[j + 1] else above[j + 1]
        left = left if left > best else best
        cells[j + 1] = left


cdef uint32_t fill_table(lcs_t* lcs) noexcept nogil:
    """Returns the last cell: the length of the longest common subsequence."""
    cdef size_t width = lcs.b.size + 1
    cdef size_t i
    cdef uint32_t* above = lcs.table
    cdef uint32_t* cells
    for i in range(lcs.a.size):
        if lcs.len_only:                # the two rows take turns
            cells = lcs.table + (0 if i & 1 else width)
            cells[0] = 0
        else:
            cells = above + width
        fill_row(above, cells, lcs.a.data[i], lcs.b)
        above = cells
    return above[lcs.b.size]


cdef inline bint step_back(const lcs_t* lcs, size_t* i, size_t* j) noexcept nogil:
    """One step from (i, j) towards (0, 0). True when it passed a byte of the result."""
    cdef size_t width = lcs.b.size + 1
    if lcs.a.data[i[0] - 1] == lcs.b.data[j[0] - 1]:
        i[0] -= 1
        j[0] -= 1
        return True
    if lcs.table[(i[0] - 1) * width + j[0]] > lcs.table[i[0] * width + j[0] - 1]:
        i[0] -= 1
    else:
        j[0] -= 1
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
    if not options_or_reply(c, &lcs) or not table_or_reply(c, &lcs):
        return
    length = fill_table(&lcs)
    if lcs.len_only:
        reply_int(c, length)
    elif lcs.idx:
        reply_matches(c, &lcs, length)
    else:
        reply_text(c, &lcs, length)
    heap_free(c.store.heap, lcs.table, lcs.table_bytes)


cdef command_t TABLE[1]
TABLE[:] = [
    row(b"lcs", lcs_command, -3, CMD_READONLY, ACL_STRING, GROUP_STRING,
        keys_at(1, 2, 1, KEY_RO | KEY_ACCESS), b"7.0.0", b"O(N*M), N and M bytes",
        b"LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
        b"Finds the longest common subsequence of two strings."),
]
command_register(TABLE, 1)
