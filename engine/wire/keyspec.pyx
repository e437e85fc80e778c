"""Which arguments of a command are keys.

The table holds the commands that one spec of a row cannot describe: several specs, words that
decide what is done to a key, keys behind a word. It may name commands that nobody has registered.

A few commands read their words twice, here and when they run. Where the two could differ, this
room sees more keys than the command touches, not fewer: a right too many is asked for, and none
is forgotten.
"""
from libc.stdint cimport int64_t
from libc.string cimport memcmp, strlen

from ..core.number cimport equal_nocase, parse_int64
from .command cimport (
    KEY_ACCESS, KEY_DELETE, KEY_INCOMPLETE, KEY_INSERT, KEY_NOT, KEY_OW, KEY_RO, KEY_RW,
    KEY_UPDATE, KEY_VARIABLE, KEYS_AFTER, KEYS_AT, KEYS_COUNTED, KEYS_TAIL, KEYS_UNKNOWN,
    KEYS_WORD, keys_after, keys_at, keys_counted,
)

cdef enum:
    SPECS_MAX = 3

cdef struct keyspec_t:
    const char* name                    # in full: "xinfo|stream"
    keys_by_t by
    int count
    keys_t specs[SPECS_MAX]

cdef enum:
    READ = KEY_RO | KEY_ACCESS
    TAKE = KEY_RW | KEY_ACCESS | KEY_DELETE     # an item, or the key itself, is taken away
    PUT = KEY_OW | KEY_UPDATE
    ADD = KEY_RW | KEY_INSERT
    CHANGE = KEY_RW | KEY_ACCESS | KEY_UPDATE


# -- the table ------------------------------------------------------------------------------------

cdef inline keys_t behind(const char* word, int first, uint32_t flags) noexcept nogil:
    return keys_t(KEYS_WORD, first, 0, 1, flags, word)


cdef inline keys_t unknown(uint32_t flags) noexcept nogil:
    return keys_t(KEYS_UNKNOWN, 0, 0, 0, flags, NULL)


cdef inline keyspec_t one(const char* name, keys_t first,
                          keys_by_t by=KEYS_BY_SPECS) noexcept nogil:
    return keyspec_t(name, by, 1, [first, first, first])


cdef inline keyspec_t two(const char* name, keys_t first, keys_t second,
                          keys_by_t by=KEYS_BY_SPECS) noexcept nogil:
    return keyspec_t(name, by, 2, [first, second, second])


cdef inline keyspec_t three(const char* name, keys_t first, keys_t second, keys_t third,
                            keys_by_t by) noexcept nogil:
    return keyspec_t(name, by, 3, [first, second, third])


cdef keyspec_t TABLE[37]
TABLE[:] = [
    one(b"set", keys_at(1, 1, 1, CHANGE | KEY_VARIABLE), KEYS_BY_SET),
    one(b"bitfield", keys_at(1, 1, 1, CHANGE | KEY_VARIABLE), KEYS_BY_BITFIELD),
    two(b"bitop", keys_at(2, 2, 1, PUT), keys_at(3, -1, 1, READ)),
    two(b"copy", keys_at(1, 1, 1, READ), keys_at(2, 2, 1, PUT)),
    two(b"rename", keys_at(1, 1, 1, TAKE), keys_at(2, 2, 1, PUT)),
    two(b"renamenx", keys_at(1, 1, 1, TAKE), keys_at(2, 2, 1, KEY_OW | KEY_INSERT)),
    two(b"lmove", keys_at(1, 1, 1, TAKE), keys_at(2, 2, 1, ADD)),
    two(b"blmove", keys_at(1, 1, 1, TAKE), keys_at(2, 2, 1, ADD)),
    two(b"rpoplpush", keys_at(1, 1, 1, TAKE), keys_at(2, 2, 1, ADD)),
    two(b"brpoplpush", keys_at(1, 1, 1, TAKE), keys_at(2, 2, 1, ADD)),
    two(b"smove", keys_at(1, 1, 1, TAKE), keys_at(2, 2, 1, ADD)),
    two(b"sdiffstore", keys_at(1, 1, 1, PUT), keys_at(2, -1, 1, READ)),
    two(b"sinterstore", keys_at(1, 1, 1, PUT), keys_at(2, -1, 1, READ)),
    two(b"sunionstore", keys_at(1, 1, 1, PUT), keys_at(2, -1, 1, READ)),
    two(b"pfmerge", keys_at(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_INSERT), keys_at(2, -1, 1, READ)),
    two(b"geosearchstore", keys_at(1, 1, 1, PUT), keys_at(2, 2, 1, READ)),
    two(b"zrangestore", keys_at(1, 1, 1, PUT), keys_at(2, 2, 1, READ)),
    two(b"zdiffstore", keys_at(1, 1, 1, PUT), keys_counted(2, 1, READ)),
    two(b"zinterstore", keys_at(1, 1, 1, PUT), keys_counted(2, 1, READ)),
    two(b"zunionstore", keys_at(1, 1, 1, PUT), keys_counted(2, 1, READ)),
    three(b"georadius", keys_at(1, 1, 1, READ), behind(b"STORE", 6, PUT | KEY_VARIABLE),
          behind(b"STOREDIST", 6, PUT | KEY_VARIABLE), KEYS_BY_GEORADIUS),
    three(b"georadiusbymember", keys_at(1, 1, 1, READ), behind(b"STORE", 5, PUT | KEY_VARIABLE),
          behind(b"STOREDIST", 5, PUT | KEY_VARIABLE), KEYS_BY_GEORADIUS),
    three(b"sort", keys_at(1, 1, 1, READ), unknown(READ), unknown(PUT), KEYS_BY_SORT),
    two(b"sort_ro", keys_at(1, 1, 1, READ), unknown(READ)),
    two(b"migrate", keys_at(3, 3, 1, TAKE),
        keys_t(KEYS_TAIL, -2, -1, 1, TAKE | KEY_INCOMPLETE, b"KEYS"), KEYS_BY_MIGRATE),
    one(b"xread", keys_after(b"STREAMS", 1, READ)),
    one(b"xreadgroup", keys_after(b"STREAMS", 4, READ)),
    one(b"msetex", keys_counted(1, 2, PUT)),
    one(b"eval", keys_counted(2, 1, CHANGE)),
    one(b"evalsha", keys_counted(2, 1, CHANGE)),
    one(b"fcall", keys_counted(2, 1, CHANGE)),
    one(b"eval_ro", keys_counted(2, 1, READ)),
    one(b"evalsha_ro", keys_counted(2, 1, READ)),
    one(b"fcall_ro", keys_counted(2, 1, READ)),
    # Channels that stand where a cluster looks for a key.
    one(b"spublish", keys_at(1, 1, 1, KEY_NOT)),
    one(b"ssubscribe", keys_at(1, -1, 1, KEY_NOT)),
    one(b"sunsubscribe", keys_at(1, -1, 1, KEY_NOT)),
]


cdef int keyspec_find(const char* name, size_t size, const keys_t** specs, int* by) noexcept nogil:
    cdef size_t i
    for i in range(sizeof(TABLE) // sizeof(TABLE[0])):
        if strlen(TABLE[i].name) == size and memcmp(TABLE[i].name, name, size) == 0:
            specs[0] = TABLE[i].specs
            by[0] = TABLE[i].by
            return TABLE[i].count
    return 0


# -- finding them ---------------------------------------------------------------------------------

cdef inline bint is_word(slice_t arg, const char* word) noexcept nogil:
    return equal_nocase(arg.data, arg.size, word, strlen(word))


cdef int each_in(int argc, int first, int last, int step, uint32_t flags, key_fn fn,
                 void* owner) noexcept nogil:
    """Those from first to last; -1 when they are not all there. Stops early without a word."""
    cdef int count = 0
    cdef int i = first
    if first >= argc or last >= argc or last < first:
        return -1
    while i <= last:
        if not fn(owner, i, flags):
            return count
        count += 1
        i += step
    return count


cdef int each_counted(const keys_t* spec, int argc, const slice_t* argv, key_fn fn,
                      void* owner) noexcept nogil:
    cdef int64_t n = 0
    cdef int first = spec.first
    if first >= argc or not parse_int64(argv[first].data, argv[first].size, &n):
        return -1
    if n <= 0 or n > (argc - first - 1) // spec.step:
        return 0 if n == 0 else -1
    return each_in(argc, first + 1, first + <int>n * spec.step, spec.step, spec.flags, fn, owner)


cdef int each_of_spec(const keys_t* spec, int argc, const slice_t* argv, key_fn fn,
                      void* owner) noexcept nogil:
    cdef int i
    if spec.flags & KEY_NOT or spec.kind == KEYS_UNKNOWN:
        return 0
    if spec.kind == KEYS_AT:
        i = spec.last if spec.last >= 0 else argc + spec.last
        return each_in(argc, spec.first, i, spec.step, spec.flags, fn, owner)
    if spec.kind == KEYS_COUNTED:
        return each_counted(spec, argc, argv, fn, owner)
    if spec.kind == KEYS_AFTER:
        for i in range(spec.first, argc):
            if is_word(argv[i], spec.token):
                # As many names of positions as keys follow: the first half are the keys.
                return each_in(argc, i + 1, i + (argc - i - 1) // 2, 1, spec.flags, fn, owner)
        return -1
    return 0                            # KEYS_WORD, KEYS_TAIL: below


cdef int each_stored(const command_t* cmd, int argc, const slice_t* argv, key_fn fn,
                     void* owner) noexcept nogil:
    """What is read, and what the last STORE (or STOREDIST) names."""
    cdef int found = 0
    cdef int i
    cdef bint distances = cmd.keys_by == KEYS_BY_GEORADIUS
    if not fn(owner, 1, READ):
        return 1
    i = cmd.specs[1].first if distances else 2
    while i < argc - 1:
        if is_word(argv[i], b"store") or (distances and is_word(argv[i], b"storedist")):
            i += 1
            found = i
        elif not distances and is_word(argv[i], b"limit"):
            i += 2
        elif not distances and (is_word(argv[i], b"get") or is_word(argv[i], b"by")):
            i += 1
        i += 1
    if found:
        fn(owner, found, PUT)
    return 2 if found else 1


cdef int each_migrated(int argc, const slice_t* argv, key_fn fn, void* owner) noexcept nogil:
    cdef int i = 6
    if argc < 4:
        return -1
    if argv[3].size:
        fn(owner, 3, TAKE)
        return 1
    while i < argc:
        if is_word(argv[i], b"keys"):
            return each_in(argc, i + 1, argc - 1, 1, TAKE, fn, owner)
        if is_word(argv[i], b"auth"):
            i += 1
        elif is_word(argv[i], b"auth2"):
            i += 2
        i += 1
    return 0


cdef uint32_t flags_of_set(int argc, const slice_t* argv) noexcept nogil:
    cdef int i
    for i in range(3, argc):
        if is_word(argv[i], b"get"):
            return CHANGE
    return PUT


cdef uint32_t flags_of_bitfield(int argc, const slice_t* argv) noexcept nogil:
    cdef int i
    for i in range(2, argc):
        if is_word(argv[i], b"set") or is_word(argv[i], b"incrby"):
            return CHANGE
    return READ


cdef int keyspec_each(const command_t* cmd, int argc, const slice_t* argv, key_fn fn,
                      void* owner) noexcept nogil:
    cdef int total = 0
    cdef bint faulty = False
    cdef int i, count
    if cmd.spec_count and argc < 2:
        return -1
    if cmd.keys_by == KEYS_BY_SET or cmd.keys_by == KEYS_BY_BITFIELD:
        fn(owner, 1, flags_of_set(argc, argv) if cmd.keys_by == KEYS_BY_SET
           else flags_of_bitfield(argc, argv))
        return 1
    if cmd.keys_by == KEYS_BY_SORT or cmd.keys_by == KEYS_BY_GEORADIUS:
        return each_stored(cmd, argc, argv, fn, owner)
    if cmd.keys_by == KEYS_BY_MIGRATE:
        return each_migrated(argc, argv, fn, owner)
    for i in range(cmd.spec_count):
        count = each_of_spec(&cmd.specs[i], argc, argv, fn, owner)
        if count < 0:
            faulty = True
        else:
            total += count
    return -1 if faulty else total
