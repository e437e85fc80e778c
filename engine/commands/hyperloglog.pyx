"""HyperLogLog: PFADD, PFCOUNT, PFMERGE, and PFDEBUG to look inside.

The value is a string, so GET, DUMP, APPEND and the journal know it already; what is in the string
is core/hll's business. One that is written to is a body of its own, encoded raw, with a little
room at its end: a sparse one grows by a byte or two an element.

PFCOUNT of one key writes the estimate it has made into the string, where the next one finds it.
That is a change of the key's bytes, so it goes to the journal like any other.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from ..core.heap cimport heap_alloc, heap_free
from ..core.hll cimport (
    HLL_BROKEN, HLL_CHANGED, HLL_DENSE, HLL_DENSE_SIZE, HLL_EMPTY_SIZE, HLL_GROWTH_MAX,
    HLL_MUST_BE_DENSE, HLL_REGISTERS, HLL_SAME, HLL_SPARSE, HLL_WORD_MAX, hll_add,
    hll_added_t, hll_cached, hll_count, hll_count_spread, hll_describe, hll_encoding,
    hll_forget_cached, hll_init, hll_is, hll_merge, hll_pack, hll_raise_sparse, hll_set_cached,
    hll_to_dense,
)
from ..core.intrinsics cimport unlikely
from ..core.number cimport equal_nocase
from ..core.table cimport NO_DEADLINE
from ..core.types cimport slice_t
from ..store.access cimport access_new
from ..store.entry cimport (
    ENC_RAW, ENTRY_BODY, INT_TEXT_MAX, TYPE_STRING, entry_body, entry_create_body_take,
    entry_set_body, entry_set_encoding, entry_string, entry_t, entry_type, raw_create, raw_release,
    raw_resize, raw_t,
)
from ..store.keyspace cimport (
    EVENT_STRING, keyspace_make_raw, keyspace_put_take, keyspace_read, keyspace_signal,
    keyspace_write,
)
from ..wire.command cimport (
    ACL_HYPERLOGLOG, CMD_ADMIN, CMD_DENYOOM, CMD_FAST, CMD_MAY_REPLICATE, CMD_READONLY, CMD_WRITE,
    GROUP_HYPERLOGLOG, KEY_ACCESS, KEY_INSERT, KEY_RW, client_t, command_register, command_t,
    key_hash, keys_at, keys_none, row,
)
from ..wire.errors cimport ERR_HLL_BROKEN, ERR_HLL_KEY, ERR_HLL_NOT_SPARSE, ERR_HLL_TYPE
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_error, reply_error_about, reply_error_type, reply_int, reply_ok,
    reply_simple,
)
from .state cimport server_of

cdef enum:
    SLACK_MAX = 300                     # bytes: a sparse string that grows is given its own size
    NO_EVENT = 0                        # a class that nobody listens to


# -- finding and opening --------------------------------------------------------------------------

cdef bint is_hll_or_reply(client_t* c, entry_t* entry) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    if entry_type(entry) != TYPE_STRING:
        reply_error_type(c)
        return False
    if not hll_is(entry_string(entry, scratch)):
        reply_error(c, ERR_HLL_TYPE)
        return False
    return True


cdef raw_t* with_room(client_t* c, entry_t* entry) noexcept nogil:
    """The body of a raw string, with room for one more element."""
    cdef raw_t* raw = <raw_t*>entry_body(entry)
    cdef size_t size = raw.size + HLL_GROWTH_MAX
    if unlikely(raw.size_max < size) and hll_encoding(raw.data) == HLL_SPARSE:
        raw = raw_resize(c.store.heap, raw, size + (size if size < SLACK_MAX else SLACK_MAX))
        entry_set_body(entry, raw)
    return raw


cdef raw_t* open_to_write(client_t* c, uint64_t hash, slice_t key,
                          entry_t** entry) noexcept nogil:
    """The string as a body to be changed; an empty HyperLogLog where *entry is NULL."""
    cdef raw_t* raw
    if entry[0] is NULL:
        raw = raw_create(c.store.heap, slice_t(NULL, 0), HLL_EMPTY_SIZE + HLL_GROWTH_MAX)
        hll_init(raw.data)
        raw.size = HLL_EMPTY_SIZE
        entry[0] = entry_create_body_take(c.store.heap, key, TYPE_STRING, ENC_RAW, raw,
                                          NO_DEADLINE, access_new(&c.store.access))
        keyspace_put_take(c.ks, hash, entry[0])
        return raw
    if not entry[0].flags & ENTRY_BODY:
        entry[0] = keyspace_make_raw(c.ks, hash, entry[0], 0)
    return with_room(c, entry[0])


cdef raw_t* make_dense(client_t* c, entry_t* entry) noexcept nogil:
    """The body, dense from now on; NULL when it is broken, and as it was."""
    cdef raw_t* raw = <raw_t*>entry_body(entry)
    cdef raw_t* dense = raw_create(c.store.heap, slice_t(NULL, 0), HLL_DENSE_SIZE)
    if not hll_to_dense(raw.data, raw.size, dense.data):
        raw_release(c.store.heap, dense)
        return NULL
    dense.size = HLL_DENSE_SIZE
    raw_release(c.store.heap, raw)
    entry_set_body(entry, dense)
    return dense


# -- PFADD ----------------------------------------------------------------------------------------

cdef hll_added_t add(client_t* c, entry_t* entry, slice_t element) noexcept nogil:
    cdef size_t sparse_max = <size_t>server_of(c).config.hll_sparse_max_bytes
    cdef raw_t* raw = with_room(c, entry)
    cdef hll_added_t added = hll_add(raw.data, &raw.size, sparse_max, element)
    if unlikely(added == HLL_MUST_BE_DENSE):
        raw = make_dense(c, entry)
        added = hll_add(raw.data, &raw.size, sparse_max, element) if raw is not NULL \
            else HLL_BROKEN
    return added


cdef void pfadd_command(client_t* c) noexcept nogil:
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry = keyspace_write(c.ks, hash, c.argv[1])
    cdef hll_added_t added = HLL_SAME
    cdef uint64_t changes = 0
    cdef int i
    if entry is not NULL and not is_hll_or_reply(c, entry):
        return
    if entry is NULL:
        changes = 1
    open_to_write(c, hash, c.argv[1], &entry)
    for i in range(2, c.argc):
        added = add(c, entry, c.argv[i])
        if unlikely(added == HLL_BROKEN):
            break
        changes += 1 if added == HLL_CHANGED else 0
    if changes:
        hll_forget_cached((<raw_t*>entry_body(entry)).data)
        c.store.dirty += changes - 1
        keyspace_signal(c.ks, EVENT_STRING, b"pfadd", c.argv[1])
    if unlikely(added == HLL_BROKEN):
        reply_error(c, ERR_HLL_BROKEN)
    else:
        reply_int(c, 1 if changes else 0)


# -- PFCOUNT and PFMERGE --------------------------------------------------------------------------

cdef bint merge_or_reply(client_t* c, int first, uint8_t* spread, bint* dense) noexcept nogil:
    """The registers of all keys from argv[first] on; `dense`: one of them is."""
    cdef char scratch[INT_TEXT_MAX]
    cdef entry_t* entry
    cdef slice_t bytes
    cdef int i
    memset(spread, 0, HLL_REGISTERS)
    dense[0] = False
    for i in range(first, c.argc):
        entry = keyspace_read(c.ks, key_hash(c, c.argv[i]), c.argv[i])
        if entry is NULL:
            continue
        if not is_hll_or_reply(c, entry):
            return False
        bytes = entry_string(entry, scratch)
        if hll_encoding(bytes.data) == HLL_DENSE:
            dense[0] = True
        if not hll_merge(spread, bytes):
            reply_error(c, ERR_HLL_BROKEN)
            return False
    return True


cdef void pfcount_many(client_t* c) noexcept nogil:
    cdef uint8_t spread[HLL_REGISTERS]
    cdef bint dense
    if merge_or_reply(c, 1, spread, &dense):
        reply_int(c, <int64_t>hll_count_spread(spread))


cdef void pfcount_command(client_t* c) noexcept nogil:
    cdef char scratch[INT_TEXT_MAX]
    cdef uint64_t hash, count
    cdef entry_t* entry
    cdef slice_t bytes
    if c.argc > 2:
        pfcount_many(c)
        return
    hash = key_hash(c, c.argv[1])
    entry = keyspace_read(c.ks, hash, c.argv[1])
    if entry is NULL:
        reply_int(c, 0)
        return
    if not is_hll_or_reply(c, entry):
        return
    bytes = entry_string(entry, scratch)
    if not hll_cached(bytes.data, &count):
        if not hll_count(bytes, &count):
            reply_error(c, ERR_HLL_BROKEN)
            return
        entry = keyspace_write(c.ks, hash, c.argv[1])
        bytes = entry_string(entry, scratch)
        hll_set_cached(<char*>bytes.data, count)
        keyspace_signal(c.ks, NO_EVENT, b"pfcount", c.argv[1])
    entry_set_encoding(entry, ENC_RAW)
    reply_int(c, <int64_t>count)


cdef void raise_all(client_t* c, entry_t* entry, const uint8_t* spread) noexcept nogil:
    """Raise the registers of a sparse string; where one does not fit, it becomes dense."""
    cdef size_t sparse_max = <size_t>server_of(c).config.hll_sparse_max_bytes
    cdef raw_t* raw
    cdef uint64_t i
    for i in range(<size_t>HLL_REGISTERS):
        if not spread[i]:
            continue
        raw = with_room(c, entry)
        if hll_raise_sparse(raw.data, &raw.size, sparse_max, i, spread[i]) == HLL_MUST_BE_DENSE:
            raw = make_dense(c, entry)
            hll_pack(spread, raw.data)  # it held nothing that is not in `spread`
            return


cdef void pfmerge_command(client_t* c) noexcept nogil:
    cdef uint8_t spread[HLL_REGISTERS]
    cdef uint64_t hash = key_hash(c, c.argv[1])
    cdef entry_t* entry
    cdef raw_t* raw
    cdef bint dense
    if not merge_or_reply(c, 1, spread, &dense):
        return
    entry = keyspace_write(c.ks, hash, c.argv[1])
    raw = open_to_write(c, hash, c.argv[1], &entry)
    if dense and hll_encoding(raw.data) == HLL_SPARSE:
        raw = make_dense(c, entry)      # it is not broken: it was merged
    if hll_encoding(raw.data) == HLL_DENSE:
        hll_pack(spread, raw.data)
    else:
        raise_all(c, entry, spread)
    hll_forget_cached((<raw_t*>entry_body(entry)).data)
    keyspace_signal(c.ks, EVENT_STRING, b"pfadd", c.argv[1])
    reply_ok(c)


# -- PFDEBUG --------------------------------------------------------------------------------------

cdef bint dense_or_reply(client_t* c, entry_t* entry, bint* converted) noexcept nogil:
    cdef raw_t* raw = <raw_t*>entry_body(entry)
    converted[0] = hll_encoding(raw.data) == HLL_SPARSE
    if converted[0]:
        if make_dense(c, entry) is NULL:
            reply_error(c, ERR_HLL_BROKEN)
            return False
        keyspace_signal(c.ks, NO_EVENT, b"pfdebug", c.argv[2])
    return True


cdef void reply_registers(client_t* c, entry_t* entry) noexcept nogil:
    cdef uint8_t spread[HLL_REGISTERS]
    cdef raw_t* raw = <raw_t*>entry_body(entry)
    cdef size_t i
    memset(spread, 0, HLL_REGISTERS)
    hll_merge(spread, slice_t(&raw.data[0], raw.size))
    reply_array(c, HLL_REGISTERS)
    for i in range(<size_t>HLL_REGISTERS):
        reply_int(c, spread[i])


cdef void reply_opcodes(client_t* c, entry_t* entry) noexcept nogil:
    cdef raw_t* raw = <raw_t*>entry_body(entry)
    cdef size_t size_max = raw.size * HLL_WORD_MAX
    cdef char* text
    cdef ssize_t size
    if hll_encoding(raw.data) != HLL_SPARSE:
        reply_error(c, ERR_HLL_NOT_SPARSE)
        return
    text = <char*>heap_alloc(c.store.heap, size_max)
    size = hll_describe(raw.data, raw.size, text)
    if size < 0:
        reply_error(c, ERR_HLL_BROKEN)
    else:
        reply_bulk(c, slice_t(text, <size_t>size))
    heap_free(c.store.heap, text, size_max)


cdef inline bint is_word(slice_t arg, const char* word, size_t size) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, size)


cdef void pfdebug_command(client_t* c) noexcept nogil:
    cdef uint64_t hash = key_hash(c, c.argv[2])
    cdef entry_t* entry = keyspace_write(c.ks, hash, c.argv[2])
    cdef slice_t what = c.argv[1]
    cdef bint converted
    if entry is NULL:
        reply_error(c, ERR_HLL_KEY)
        return
    if not is_hll_or_reply(c, entry):
        return
    open_to_write(c, hash, c.argv[2], &entry)
    if is_word(what, b"getreg", 6):
        if dense_or_reply(c, entry, &converted):
            reply_registers(c, entry)
    elif is_word(what, b"todense", 7):
        if dense_or_reply(c, entry, &converted):
            reply_int(c, 1 if converted else 0)
    elif is_word(what, b"encoding", 8):
        reply_simple(c, b"sparse" if hll_encoding((<raw_t*>entry_body(entry)).data) == HLL_SPARSE
                     else b"dense")
    elif is_word(what, b"decode", 6):
        reply_opcodes(c, entry)
    else:
        reply_error_about(c, b"ERR Unknown PFDEBUG subcommand '", what, b"'")


cdef bint sees_few(client_t* c) noexcept nogil:
    """Elements added twice to a sparse and to a dense string: both count them alike, and once."""
    cdef char sparse[1024]
    cdef char dense[HLL_DENSE_SIZE]
    cdef size_t size = HLL_EMPTY_SIZE
    cdef size_t dense_size = HLL_DENSE_SIZE
    cdef uint64_t i, sparse_count, dense_count
    hll_init(sparse)
    if not hll_to_dense(sparse, size, dense):
        return False
    for i in range(200):
        hll_add(sparse, &size, sizeof(sparse) - HLL_GROWTH_MAX,
                slice_t(<const char*>&i, sizeof(i) - (i & 1)))
        hll_add(dense, &dense_size, 0, slice_t(<const char*>&i, sizeof(i) - (i & 1)))
    return (hll_count(slice_t(&sparse[0], size), &sparse_count)
            and hll_count(slice_t(&dense[0], dense_size), &dense_count)
            and sparse_count == dense_count and 190 <= dense_count <= 210)


cdef bint packs_all(client_t* c) noexcept nogil:
    """Registers come back from their six bits as they went in."""
    cdef char dense[HLL_DENSE_SIZE]
    cdef uint8_t spread[HLL_REGISTERS]
    cdef uint8_t again[HLL_REGISTERS]
    cdef size_t i
    hll_init(dense)
    dense[4] = HLL_DENSE
    for i in range(<size_t>HLL_REGISTERS):
        spread[i] = <uint8_t>(i * 7 & 63)
    hll_pack(spread, dense)
    memset(again, 0, HLL_REGISTERS)
    hll_merge(again, slice_t(&dense[0], HLL_DENSE_SIZE))
    for i in range(<size_t>HLL_REGISTERS):
        if spread[i] != again[i]:
            return False
    return True


cdef void pfselftest_command(client_t* c) noexcept nogil:
    if sees_few(c) and packs_all(c):
        reply_ok(c)
    else:
        reply_error(c, b"TESTFAILED HyperLogLog does not count what it is given")


cdef command_t TABLE[5]
TABLE[:] = [
    row(b"pfadd", pfadd_command, -2, CMD_WRITE | CMD_DENYOOM | CMD_FAST, ACL_HYPERLOGLOG,
        GROUP_HYPERLOGLOG, keys_at(1, 1, 1, KEY_RW | KEY_INSERT), b"2.8.9",
        b"O(1) to add every element.",
        b"PFADD key [element [element ...]]",
        b"Adds elements to a HyperLogLog, which is made when it is absent."),
    row(b"pfcount", pfcount_command, -2, CMD_READONLY | CMD_MAY_REPLICATE, ACL_HYPERLOGLOG,
        GROUP_HYPERLOGLOG, keys_at(1, -1, 1, KEY_RW | KEY_ACCESS), b"2.8.9",
        b"O(1) for one key, and for N of them O(N) with a much larger constant.",
        b"PFCOUNT key [key ...]",
        b"Estimates how many different elements HyperLogLogs have seen together."),
    row(b"pfdebug", pfdebug_command, 3, CMD_WRITE | CMD_DENYOOM | CMD_ADMIN, ACL_HYPERLOGLOG,
        GROUP_HYPERLOGLOG, keys_at(2, 2, 1, KEY_RW | KEY_ACCESS), b"2.8.9", b"N/A",
        b"PFDEBUG subcommand key",
        b"Shows the registers or the encoding of a HyperLogLog."),
    row(b"pfmerge", pfmerge_command, -2, CMD_WRITE | CMD_DENYOOM, ACL_HYPERLOGLOG,
        GROUP_HYPERLOGLOG, keys_at(1, -1, 1, KEY_RW | KEY_ACCESS | KEY_INSERT), b"2.8.9",
        b"O(N) to merge N HyperLogLogs, with a high constant.",
        b"PFMERGE destkey [sourcekey [sourcekey ...]]",
        b"Makes one HyperLogLog of several."),
    row(b"pfselftest", pfselftest_command, 1, CMD_ADMIN, ACL_HYPERLOGLOG, GROUP_HYPERLOGLOG,
        keys_none(), b"2.8.9", b"N/A",
        b"PFSELFTEST",
        b"Checks that HyperLogLogs count."),
]
command_register(TABLE, 5)
