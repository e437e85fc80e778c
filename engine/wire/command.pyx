"""Command registry: name to row, any letter case.

Filled at import by engine.commands, read-only afterwards: the only module state of the engine.
Open addressing over a table at most half full, keyed by (container, name); a lookup is one hash
and, nearly always, one compare.
"""
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, strlen

from .keyspec cimport KEYS_BY_SPECS, keyspec_find

cdef enum:
    SLOTS = 2048                        # power of two, at least twice the number of rows
    ROWS_MAX = 1000
    NAME_MAX = 32                       # bytes; longer names are unknown

cdef const command_t* SLOT[SLOTS]
cdef const command_t* ROW[ROWS_MAX]
cdef int ROW_COUNT = 0


cdef inline unsigned char lower(char ch) noexcept nogil:
    return <unsigned char>(ch + 32) if c'A' <= ch <= c'Z' else <unsigned char>ch


cdef size_t probe(slice_t name, const char* parent) noexcept nogil:
    """The slot of this row, or the free slot where it belongs. Rows share their parent's text
    only by content, so parents are compared as text."""
    cdef uint32_t h = 2166136261U                   # FNV-1a, 32 bit
    cdef size_t i, at
    cdef const command_t* there
    for i in range(name.size):
        h = (h ^ lower(name.data[i])) * 16777619U
    if parent is not NULL:
        i = 0
        while parent[i]:
            h = (h ^ <unsigned char>parent[i]) * 16777619U
            i += 1
    at = (h ^ h >> 15) & (SLOTS - 1)
    while SLOT[at] is not NULL:
        there = SLOT[at]
        if there.name_size == name.size and same_parent(there.parent, parent):
            for i in range(name.size):
                if lower(name.data[i]) != <unsigned char>there.name[i]:
                    break
            else:
                return at
        at = (at + 1) & (SLOTS - 1)
    return at


cdef inline bint same_parent(const char* a, const char* b) noexcept nogil:
    cdef size_t i = 0
    if a is NULL or b is NULL:
        return a is b
    while a[i] == b[i]:
        if a[i] == 0:
            return True
        i += 1
    return False


cdef const command_t* command_lookup(slice_t name) noexcept nogil:
    if name.size > NAME_MAX:
        return NULL
    return SLOT[probe(name, NULL)]


cdef const command_t* command_lookup_sub(const command_t* container,
                                         slice_t name) noexcept nogil:
    if name.size > NAME_MAX:
        return NULL
    return SLOT[probe(name, container.name)]


cdef const command_t* command_resolve(int argc, const slice_t* argv,
                                      const command_t** container) noexcept nogil:
    cdef const command_t* cmd = command_lookup(argv[0])
    cdef const command_t* sub
    container[0] = NULL
    if cmd is NULL or not cmd.flags & (CMD_CONTAINER | CMD_CONTAINER_RUNS):
        return cmd
    if argc < 2:
        return cmd                      # a bare container fails its arity, or runs
    sub = command_lookup_sub(cmd, argv[1])
    if sub is NULL:
        container[0] = cmd
    return sub


cdef int command_count() noexcept nogil:
    return ROW_COUNT


cdef const command_t* command_at(int id) noexcept nogil:
    return ROW[id]


cdef size_t command_full_name(const command_t* cmd, char* out) noexcept nogil:
    cdef size_t size = 0
    if cmd.parent is not NULL:
        size = strlen(cmd.parent)
        memcpy(out, cmd.parent, size)
        out[size] = c'|'
        size += 1
    memcpy(out + size, cmd.name, cmd.name_size)
    return size + cmd.name_size


# -- registration ---------------------------------------------------------------------------------

cdef uint32_t implied_acl(const command_t* cmd) noexcept nogil:
    """The categories that follow from flags and from what was declared. The only place."""
    cdef uint32_t acl = cmd.acl
    if cmd.flags & CMD_WRITE:
        acl |= ACL_WRITE
    if cmd.flags & CMD_READONLY and not acl & ACL_SCRIPTING:
        acl |= ACL_READ
    if cmd.flags & CMD_ADMIN:
        acl |= ACL_ADMIN | ACL_DANGEROUS
    if cmd.flags & CMD_PUBSUB:
        acl |= ACL_PUBSUB
    if cmd.flags & CMD_FAST:
        acl |= ACL_FAST
    if cmd.flags & CMD_BLOCKING:
        acl |= ACL_BLOCKING
    if not acl & ACL_FAST:
        acl |= ACL_SLOW
    return acl


cdef void join_specs(command_t* row) noexcept nogil:
    """Its keys, as keyspec's table has them, or else as the row says."""
    cdef char name[64]
    row.keys_by = KEYS_BY_SPECS
    row.spec_count = keyspec_find(name, command_full_name(row, name), &row.specs, &row.keys_by)
    if row.spec_count == 0 and row.keys.kind != KEYS_NONE:
        row.specs = &row.keys
        row.spec_count = 1


cdef int command_register(command_t* table, size_t count) except -1:
    global ROW_COUNT
    cdef command_t* row
    cdef size_t i, at
    for i in range(count):
        row = &table[i]
        row.name_size = strlen(row.name)
        name = row.name.decode()
        at = probe(slice_t(row.name, row.name_size), row.parent)
        if SLOT[at] is not NULL:
            raise ValueError(f"{name!r} is declared twice")
        if row.name_size > NAME_MAX or name != name.lower():
            raise ValueError(f"{name!r}: names are lower case, {NAME_MAX} bytes at most")
        if row.arity == 0:
            raise ValueError(f"{name!r}: arity is never 0")
        if row.flags & CMD_WRITE and row.flags & CMD_READONLY:
            raise ValueError(f"{name!r}: WRITE and READONLY exclude each other")
        if (row.proc is NULL) != bool(row.flags & (CMD_PYTHON | CMD_CONTAINER)):
            raise ValueError(f"{name!r}: a row has a proc, or CMD_PYTHON, or CMD_CONTAINER")
        if row.keys.kind == KEYS_AT and (row.keys.first < 1 or row.keys.step < 1):
            raise ValueError(f"{name!r}: keys start behind the name and go forward")
        if ROW_COUNT == ROWS_MAX:
            raise ValueError("more commands than the registry has room for")
        row.id = ROW_COUNT
        row.acl_all = implied_acl(row)
        join_specs(row)
        ROW[ROW_COUNT] = row
        ROW_COUNT += 1
        SLOT[at] = row
    return 0


FLAG_NAMES = (
    (CMD_WRITE, "write"), (CMD_READONLY, "readonly"), (CMD_DENYOOM, "denyoom"),
    (CMD_ADMIN, "admin"), (CMD_PUBSUB, "pubsub"), (CMD_NOSCRIPT, "noscript"),
    (CMD_BLOCKING, "blocking"), (CMD_LOADING, "loading"), (CMD_STALE, "stale"),
    (CMD_SKIP_MONITOR, "skip_monitor"), (CMD_SKIP_COMMANDLOG, "skip_commandlog"),
    (CMD_FAST, "fast"), (CMD_NO_AUTH, "no_auth"), (CMD_MAY_REPLICATE, "may_replicate"),
    (CMD_NO_MULTI, "no_multi"), (CMD_MOVABLEKEYS, "movablekeys"),
    (CMD_ALLOW_BUSY, "allow_busy"), (CMD_NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (CMD_PROTECTED, "protected"), (CMD_NO_ASYNC_LOADING, "no_async_loading"),
    (CMD_TOUCHES_ARBITRARY_KEYS, "touches_arbitrary_keys"), (CMD_ASKING, "asking"),
)
ACL_NAMES = (
    (ACL_KEYSPACE, "keyspace"), (ACL_READ, "read"), (ACL_WRITE, "write"), (ACL_SET, "set"),
    (ACL_SORTEDSET, "sortedset"), (ACL_LIST, "list"), (ACL_HASH, "hash"),
    (ACL_STRING, "string"), (ACL_BITMAP, "bitmap"), (ACL_HYPERLOGLOG, "hyperloglog"),
    (ACL_GEO, "geo"), (ACL_STREAM, "stream"), (ACL_PUBSUB, "pubsub"), (ACL_ADMIN, "admin"),
    (ACL_FAST, "fast"), (ACL_SLOW, "slow"), (ACL_BLOCKING, "blocking"),
    (ACL_DANGEROUS, "dangerous"), (ACL_CONNECTION, "connection"),
    (ACL_TRANSACTION, "transaction"), (ACL_SCRIPTING, "scripting"),
)
GROUP_NAMES = (
    "generic", "string", "list", "set", "sorted-set", "hash", "pubsub", "transactions",
    "connection", "server", "scripting", "hyperloglog", "cluster", "geo", "stream", "bitmap",
)
KEY_FLAG_NAMES = (
    (KEY_RO, "RO"), (KEY_RW, "RW"), (KEY_OW, "OW"), (KEY_RM, "RM"), (KEY_ACCESS, "access"),
    (KEY_UPDATE, "update"), (KEY_INSERT, "insert"), (KEY_DELETE, "delete"),
    (KEY_NOT, "not_key"), (KEY_INCOMPLETE, "incomplete"), (KEY_VARIABLE, "variable_flags"),
)


def names_of(bits: int, names) -> list:
    """The names of the bits that are set, in the table's order."""
    return [name for bit, name in names if bits & bit]


SPEC_KINDS = ("none", "range", "counted", "after", "word", "tail", "unknown")


cdef dict describe_spec(const keys_t* spec):
    return dict(
        kind=SPEC_KINDS[<int>spec.kind],
        first=spec.first, last=spec.last, step=spec.step,
        flags=names_of(spec.flags, KEY_FLAG_NAMES),
        token=spec.token.decode() if spec.token is not NULL else None)


cdef describe(const command_t* row):
    cdef int i
    parent = row.parent.decode() if row.parent is not NULL else None
    name = row.name.decode()
    return dict(
        id=row.id, name=f"{parent}|{name}" if parent else name, parent=parent, arity=row.arity,
        flags=names_of(row.flags, FLAG_NAMES), acl=names_of(row.acl_all, ACL_NAMES),
        group=GROUP_NAMES[<int>row.group], container=bool(
            row.flags & (CMD_CONTAINER | CMD_CONTAINER_RUNS)),
        served_by="python" if row.flags & CMD_PYTHON else "floor",
        keys=describe_spec(&row.keys),
        specs=[describe_spec(&row.specs[i]) for i in range(row.spec_count)],
        since=row.since.decode(), complexity=row.complexity.decode(),
        syntax=row.syntax.decode(), summary=row.summary.decode(),
    )


def command_table() -> dict:
    """The declared rows as dicts, by full name ("client|kill"): for COMMAND and the docs."""
    return {entry["name"]: entry for entry in (describe(ROW[i]) for i in range(ROW_COUNT))}
