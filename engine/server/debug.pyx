"""DEBUG's reach into an engine: single keys, digests, tables, test data.

Like inspect.pyx this takes the capsule of the Server face and copies what it returns. It may also
change things, which is why it is a room of its own.

The digest is Redis's: the SHA-1 of each key with its value, xor-ed, so that the order of keys does
not matter. Two servers that hold the same data say the same, whichever of the family they are.
Source: debug.c, computeDatasetDigest (S. Sanfilippo).
"""
from libc.stdint cimport int64_t, uint8_t, uint64_t

from ..commands.state cimport server_t
from ..core.buf cimport buf_free, buf_init, buf_t
from ..core.glob cimport glob_match
from ..core.heap cimport heap_alloc, heap_block_size, heap_free
from ..core.idlist cimport id_t
from ..core.listpack cimport (
    listpack_first, listpack_next, listpack_size, listpack_value, listpack_value_t,
)
from ..core.number cimport FORMAT_DOUBLE_MAX, format_double
from ..core.table cimport (
    NO_DEADLINE, SEGMENT_ITEMS_MAX, table_due_ms, table_overhead, table_scan,
)
from ..core.types cimport slice_t
from ..journal.rdb cimport RDB_VERSION_VALKEY, rdb_write_value
from ..store.access cimport lfu_decayed, lru_idle_seconds
from ..store.entry cimport (
    ENC_INT, ENC_LISTPACK, ENC_QUICKLIST, ENTRY_BODY, INT_TEXT_MAX, TYPE_HASH, TYPE_LIST, TYPE_SET,
    TYPE_STREAM, TYPE_STRING, TYPE_ZSET, encoding_name, entry_access, entry_body, entry_deadline,
    entry_encoding, entry_key, entry_memory, entry_size, entry_string, entry_t, entry_type, raw_t,
)
from ..store.hash cimport hash_next, hash_t, hash_view, hash_walk, hash_walk_t
from ..store.keyspace cimport keyspace_count, keyspace_peek, keyspace_set, keyspace_t, store_hash
from ..store.list cimport (
    list_at_t, list_get, list_next, list_node_t, list_seek, list_t, list_value_t, list_view,
)
from ..store.set cimport set_next, set_t, set_view, set_walk, set_walk_t
from ..store.stream cimport STREAM_SCRATCH, id_max, stream_t
from ..store.stream_cursor cimport cursor_field, cursor_next, cursor_open, cursor_t
from ..store.zset cimport zset_item_t, zset_next, zset_t, zset_view, zset_walk_rank, zset_walk_t
from .capsule cimport server_from

import struct


cdef slice_t slice_of(bytes data) noexcept:
    """Borrows: `data` must outlive it."""
    return slice_t(<const char*>data, <size_t>len(data))


cdef entry_t* find(server_t* srv, int db, bytes key) noexcept:
    cdef slice_t name = slice_of(key)
    return keyspace_peek(&srv.databases[db], store_hash(&srv.store, name), name)


cdef bytes string_of(const entry_t* entry):
    cdef char scratch[INT_TEXT_MAX]
    cdef slice_t value = entry_string(entry, scratch)
    return value.data[:value.size] if value.size else b""


cdef list list_elements(const entry_t* entry):
    cdef list_value_t values
    cdef list_at_t at
    cdef slice_t text
    cdef char scratch[INT_TEXT_MAX]
    list_view(&values, entry_encoding(entry), entry_body(entry))
    elements = []
    more = list_seek(&values, 0, &at)
    while more:
        text = list_get(&at, scratch)
        elements.append(text.data[:text.size])
        more = list_next(&values, &at)
    return elements


cdef list zset_members(const entry_t* entry):
    """Members and the texts of their scores, in order."""
    cdef zset_t zset
    cdef zset_walk_t walk
    cdef zset_item_t item
    cdef char text[FORMAT_DOUBLE_MAX]
    zset_view(&zset, entry_encoding(entry), entry_body(entry))
    members = []
    zset_walk_rank(&zset, &walk, 0, False)
    while zset_next(&walk, &item):
        members.append((item.member.data[:item.member.size],
                        text[:format_double(text, item.score)]))
    return members


cdef bytes shortest(bytes score):
    """What a digest takes for a score: 1e+17, where replies say 100000000000000000."""
    whole = score.lstrip(b"-")
    digits = whole.rstrip(b"0")
    if not whole.isdigit() or len(whole) - 1 < len(digits) + 7 or not digits:
        return score
    part = b"." + digits[1:] if digits[1:] else b""
    return b"%b%b%be+%d" % (score[:-len(whole)], digits[:1], part, len(whole) - 1)


cdef bytes bytes_of(const listpack_value_t* value):
    if value.text.data is NULL:
        return b"%d" % value.number
    return value.text.data[:value.text.size]


cdef list set_members(const entry_t* entry):
    cdef set_t values
    cdef set_walk_t walk
    cdef listpack_value_t member
    set_view(&values, entry_encoding(entry), entry_body(entry))
    members = []
    set_walk(&walk, &values)
    while set_next(&walk, &member):
        members.append(bytes_of(&member))
    return members


cdef list hash_fields(const entry_t* entry):
    cdef hash_t values
    cdef hash_walk_t walk
    cdef listpack_value_t field, value
    hash_view(&values, entry_encoding(entry), entry_body(entry))
    fields = []
    hash_walk(&walk, &values)
    while hash_next(&walk, &field, &value):
        fields.append((bytes_of(&field), bytes_of(&value)))
    return fields


cdef str list_nodes(const entry_t* entry):
    """What DEBUG OBJECT tells of a list in several blocks."""
    cdef const list_t* chain = <const list_t*>entry_body(entry)
    cdef const list_node_t* node = chain.head
    size = 0
    while node is not NULL:
        size += listpack_size(node.pack)
        node = node.next
    return (f" ql_nodes:{chain.node_count} ql_avg_node:{chain.count / chain.node_count:.2f}"
            f" ql_listpack_max:{chain.fill} ql_compressed:0 ql_uncompressed_size:{size}")


cdef list stream_parts(const entry_t* entry):
    """Of each entry its ID, as a stock server's digest spells it, its fields and values."""
    cdef char field_scratch[STREAM_SCRATCH]
    cdef char value_scratch[STREAM_SCRATCH]
    cdef slice_t field, value
    cdef cursor_t cursor
    parts = []
    cursor_open(&cursor, <const stream_t*>entry_body(entry), id_t(0, 0), id_max(), False)
    while cursor_next(&cursor):
        parts.append(b"%d.%d" % (cursor.id.ms, cursor.id.seq))
        while cursor.left:
            cursor_field(&cursor, &field, &value, field_scratch, value_scratch)
            parts += [field.data[:field.size], value.data[:value.size]]
    return parts


cdef size_t serialized_size(server_t* srv, const entry_t* entry) noexcept:
    cdef buf_t out
    cdef size_t size
    buf_init(&out, &srv.heap)
    rdb_write_value(&out, entry, RDB_VERSION_VALKEY)
    size = out.size
    buf_free(&out)
    return size


# -- one key --------------------------------------------------------------------------------------

def describe_key(capsule, db: int, key: bytes) -> dict | None:
    """What DEBUG OBJECT and DEBUG SDSLEN tell of a key; None when it is absent."""
    cdef server_t* srv = server_from(capsule)
    cdef entry_t* entry = find(srv, db, key)
    cdef raw_t* raw
    if entry is NULL:
        return None
    size = size_max = body = serialized = 0
    if entry_type(entry) != TYPE_STRING:
        serialized = serialized_size(srv, entry)
    if entry_type(entry) == TYPE_STRING:
        size = size_max = len(string_of(entry))
        if entry.flags & ENTRY_BODY:
            raw = <raw_t*>entry_body(entry)
            size_max = raw.size_max
            body = entry_memory(entry, 0) - heap_block_size(entry_size(entry))
    return dict(
        address=<uint64_t>entry, encoding=encoding_name(entry_encoding(entry)).decode(),
        is_string=entry_type(entry) == TYPE_STRING, is_int=entry_encoding(entry) == ENC_INT,
        key_size=entry_key(entry).size, size=size, size_max=size_max,
        block=heap_block_size(entry_size(entry)), body=body, access=entry_access(entry),
        idle=lru_idle_seconds(&srv.store.access, entry_access(entry)),
        serialized=serialized,
        more=list_nodes(entry) if entry_encoding(entry) == ENC_QUICKLIST else "",
        freq=lfu_decayed(&srv.store.access, entry_access(entry)) if srv.store.access.lfu else None,
    )


def listpack_of(capsule, db: int, key: bytes) -> tuple[int, list[bytes | int]] | None:
    """Bytes and elements of a key that is one listpack; None when it is not."""
    cdef entry_t* entry = find(server_from(capsule), db, key)
    cdef const uint8_t* pack
    cdef const uint8_t* at
    cdef listpack_value_t value
    if entry is NULL or entry_encoding(entry) != ENC_LISTPACK:
        return None
    pack = <const uint8_t*>entry_body(entry)
    elements = []
    at = listpack_first(pack)
    while at is not NULL:
        listpack_value(at, &value)
        elements.append(value.number if value.text.data is NULL
                        else value.text.data[:value.text.size])
        at = listpack_next(at)
    return listpack_size(pack), elements


# -- digests --------------------------------------------------------------------------------------

cdef bytes sha1(bytes data):
    from hashlib import sha1            # here: it brings libcrypto, 3 MB for nothing
    return sha1(data).digest()


cdef bytes stir(bytes digest, bytes data):
    """xor the hash of `data` in: what is stirred in twice is out again, in whatever order."""
    mixed = int.from_bytes(digest, "big") ^ int.from_bytes(sha1(data), "big")
    return mixed.to_bytes(20, "big")


cdef bytes mix(bytes digest, bytes data):
    """As stir, and hashed once more: order matters."""
    return sha1(stir(digest, data))


cdef bytes mix_value(bytes digest, const entry_t* entry):
    digest = mix(digest, struct.pack(">I", <int>entry_type(entry)))
    if entry_type(entry) == TYPE_LIST:
        for element in list_elements(entry):
            digest = mix(digest, element)
    elif entry_type(entry) == TYPE_ZSET:
        for member, score in zset_members(entry):
            digest = stir(digest, mix(mix(bytes(20), member), shortest(score)))
    elif entry_type(entry) == TYPE_STREAM:
        for part in stream_parts(entry):
            digest = mix(digest, part)
    elif entry_type(entry) == TYPE_SET:
        for member in set_members(entry):
            digest = stir(digest, member)
    elif entry_type(entry) == TYPE_HASH:
        for field, value in hash_fields(entry):         # deadlines of fields are left out there too
            digest = stir(digest, mix(mix(bytes(20), field), value))
    else:
        digest = mix(digest, string_of(entry))
    return stir(digest, b"!!expire!!") if entry_deadline(entry) != NO_DEADLINE else digest


def digest_key(capsule, db: int, key: bytes) -> str:
    """Of one value, its key left out; zeros when it is absent."""
    cdef entry_t* entry = find(server_from(capsule), db, key)
    return (mix_value(bytes(20), entry) if entry is not NULL else bytes(20)).hex()


def digest_all(capsule) -> str:
    """Of all databases; dead keys that still stand there do not count."""
    cdef server_t* srv = server_from(capsule)
    cdef keyspace_t* ks
    cdef entry_t* entry
    cdef slice_t key
    cdef void** found = <void**>heap_alloc(&srv.heap, SEGMENT_ITEMS_MAX * sizeof(void*))
    cdef uint64_t cursor
    cdef size_t n, k
    cdef int i
    total = bytes(20)
    for i in range(srv.store.database_count):
        ks = &srv.databases[i]
        if not keyspace_count(ks):
            continue
        mixed = False                   # a database of which all are dead is an empty one
        cursor = 0
        while True:
            n = table_scan(&ks.table, &cursor, found)
            for k in range(n):
                entry = <entry_t*>found[k]
                if entry_deadline(entry) > srv.store.now_ms:
                    if not mixed:
                        total = mix(total, struct.pack(">I", i))
                        mixed = True
                    key = entry_key(entry)
                    total = stir(total, mix_value(mix(bytes(20), key.data[:key.size]), entry))
            if cursor == 0:
                break
    heap_free(&srv.heap, found, SEGMENT_ITEMS_MAX * sizeof(void*))
    return total.hex()


# -- tables and test data -------------------------------------------------------------------------

def describe_table(capsule, db: int) -> dict:
    """The table of a database: what DEBUG HTSTATS tells."""
    cdef keyspace_t* ks = &server_from(capsule).databases[db]
    cdef int64_t due_ms = table_due_ms(&ks.table)
    return dict(
        items=ks.table.count, segments=ks.table.segments, depth=ks.table.depth,
        overhead=table_overhead(&ks.table), volatile=ks.volatile_count,
        due_ms=None if due_ms == NO_DEADLINE else due_ms)


def populate(capsule, db: int, count: int, prefix: bytes, size: int | None) -> None:
    """Make keys prefix:0 to prefix:count-1, those that are absent. Neither journal nor WATCH sees
    them.

    Args:
        size: of each value, which is cut or filled with zeros; None: as it comes.
    """
    cdef server_t* srv = server_from(capsule)
    cdef keyspace_t* ks = &srv.databases[db]
    cdef slice_t name
    cdef uint64_t hash
    for i in range(count):
        key = b"%b:%d" % (prefix, i)
        value = b"value:%d" % i
        if size is not None:
            value = value[:size].ljust(size, b"\0")
        name = slice_of(key)
        hash = store_hash(&srv.store, name)
        if keyspace_peek(ks, hash, name) is NULL:
            keyspace_set(ks, hash, name, slice_of(value), NO_DEADLINE)


def set_active_expire(capsule, on: bool) -> None:
    """Whether dead keys are removed before somebody asks for them."""
    server_from(capsule).config.active_expire = on


def string_matches(pattern: bytes, size: int) -> bool:
    """Whether a pattern matches that many times the letter a: a pattern can be made costly."""
    text = b"a" * size
    return glob_match(pattern, <size_t>len(pattern), text, <size_t>len(text), False)
