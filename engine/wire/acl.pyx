"""Users.

A password is hashed whoever it is for, and compared with something: the digests of an unknown user
are those of `default`, and the answer is no. So neither which users there are nor how much of a
password was right can be told from the time that AUTH takes.

A command is checked against each selector as a whole, in their order. The first that allows it
ends the search; if none does, the refusal is that of the selector which came furthest: past the
database, the command, the keys, and among equals past the most arguments.

Invariants
    A1  users.first is named `default` and is never removed
    A2  a user has at least one selector but for nobody, who has none
    A3  USER_FREE is set when, and only when, some selector asks about nothing; of a user who is
        being written anew it may be stale, but no command runs meanwhile
"""
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy, memset, strcmp

from ..core.glob cimport glob_match
from ..core.heap cimport (
    heap_alloc, heap_alloc_zero, heap_free, heap_realloc,
)
from ..core.number cimport equal_nocase, parse_int64
from ..core.sha256 cimport sha256, sha256_equal
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_find, table_free, table_hash, table_init, table_insert, table_remove,
    table_scan, table_type_t,
)
from .command cimport (
    ACL_KEYSPACE, ACL_PUBSUB, ACL_READ, ACL_WRITE, CMD_NO_AUTH, KEY_ACCESS, KEY_DELETE,
    KEY_INSERT, KEY_NOT, KEY_UPDATE, command_full_name,
)
from .keyspec cimport keyspec_each

cdef user_t ROOT = user_t(
    slice_t(b"(superuser)", 11), USER_ON | USER_NOPASS | USER_FREE, NULL, 0, NULL, 0)
cdef user_t NOBODY = user_t(slice_t(b"(deleted)", 9), 0, NULL, 0, NULL, 0)


cdef const user_t* user_root() noexcept nogil:
    return &ROOT


cdef const user_t* user_nobody() noexcept nogil:
    return &NOBODY


# -- the life of users ----------------------------------------------------------------------------

cdef slice_t name_of(const void* item) noexcept nogil:
    return (<const user_t*>item).name


cdef table_type_t USERS_TYPE
USERS_TYPE.key_of = name_of
USERS_TYPE.deadline_of = NULL


cdef slice_t copied(heap_t* heap, slice_t text) noexcept nogil:
    cdef char* copy
    if text.size == 0:
        return slice_t(b"", 0)          # a table compares names by memcmp, which takes no NULL
    copy = <char*>heap_alloc(heap, text.size)
    memcpy(copy, text.data, text.size)
    return slice_t(copy, text.size)


cdef void drop(heap_t* heap, slice_t text) noexcept nogil:
    if text.size:
        heap_free(heap, <void*>text.data, text.size)


cdef void* one_more(heap_t* heap, void* items, uint32_t count, size_t size) noexcept nogil:
    """Room for one more of `count` items of this size."""
    if items is NULL:
        return heap_alloc(heap, size)
    return heap_realloc(heap, items, count * size, (count + 1) * size)


cdef void users_init(users_t* users, heap_t* heap, const uint64_t* secret) noexcept nogil:
    users.heap = heap
    table_init(&users.table, heap, &USERS_TYPE, secret)
    users.first = users_add(users, slice_t(b"default", 7))          # A1
    users.first.flags = USER_ON | USER_NOPASS
    users.first.selectors[0].flags = SELECTOR_FREE
    user_settle(users.first)


cdef void users_free(users_t* users) noexcept nogil:
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    if users.first is NULL:
        return
    while True:
        count = table_scan(&users.table, &cursor, items)
        for i in range(count):
            release(users, <user_t*>items[i])
        if cursor == 0:
            break
    table_free(&users.table)
    users.first = NULL


cdef user_t* users_find(const users_t* users, slice_t name) noexcept nogil:
    return <user_t*>table_find(&users.table, table_hash(&users.table, name), name)


cdef user_t* users_add(users_t* users, slice_t name) noexcept nogil:
    cdef user_t* user = <user_t*>heap_alloc_zero(users.heap, sizeof(user_t))
    user.name = copied(users.heap, name)
    user_add_selector(users, user, 0)                               # A2
    table_insert(&users.table, table_hash(&users.table, name), user)
    return user


cdef void release(users_t* users, user_t* user) noexcept nogil:
    user_clear(users, user)
    drop(users.heap, user.name)
    heap_free(users.heap, user, sizeof(user_t))


cdef void users_remove(users_t* users, user_t* user) noexcept nogil:
    table_remove(&users.table, table_hash(&users.table, user.name), user)
    release(users, user)


cdef void clear_patterns(heap_t* heap, pattern_t* patterns, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        drop(heap, patterns[i].glob)
    if count:
        heap_free(heap, patterns, count * sizeof(pattern_t))


cdef void clear_selector(heap_t* heap, selector_t* selector) noexcept nogil:
    cdef uint32_t i
    for i in range(selector.word_count):
        drop(heap, selector.words[i].word)
    if selector.word_count:
        heap_free(heap, selector.words, selector.word_count * sizeof(first_word_t))
    clear_patterns(heap, selector.keys, selector.key_count)
    clear_patterns(heap, selector.channels, selector.channel_count)
    if selector.database_count:
        heap_free(heap, selector.databases, selector.database_count * sizeof(int))


cdef void user_clear(users_t* users, user_t* user) noexcept nogil:
    cdef uint32_t i
    for i in range(user.selector_count):
        clear_selector(users.heap, &user.selectors[i])
    if user.selector_count:
        heap_free(users.heap, user.selectors, user.selector_count * sizeof(selector_t))
    if user.digest_count:
        heap_free(users.heap, user.digests, user.digest_count * sizeof(digest_t))
    user.selectors = NULL
    user.selector_count = 0
    user.digests = NULL
    user.digest_count = 0
    user.flags = 0


cdef void user_add_digest(users_t* users, user_t* user, const uint8_t* digest) noexcept nogil:
    user.digests = <digest_t*>one_more(users.heap, user.digests, user.digest_count,
                                       sizeof(digest_t))
    memcpy(user.digests[user.digest_count].bytes, digest, SHA256_SIZE)
    user.digest_count += 1


cdef selector_t* user_add_selector(users_t* users, user_t* user, uint32_t flags) noexcept nogil:
    cdef selector_t* selector
    user.selectors = <selector_t*>one_more(users.heap, user.selectors, user.selector_count,
                                           sizeof(selector_t))
    selector = &user.selectors[user.selector_count]
    memset(selector, 0, sizeof(selector_t))
    selector.flags = flags
    user.selector_count += 1
    return selector


cdef void selector_allow(selector_t* selector, int id) noexcept nogil:
    selector.allowed[id >> 6] |= 1ULL << (id & 63)


cdef void selector_add_word(users_t* users, selector_t* selector, int id,
                            slice_t word) noexcept nogil:
    selector.words = <first_word_t*>one_more(users.heap, selector.words, selector.word_count,
                                             sizeof(first_word_t))
    selector.words[selector.word_count] = first_word_t(id, copied(users.heap, word))
    selector.word_count += 1


cdef void selector_add_key(users_t* users, selector_t* selector, slice_t glob,
                           uint32_t access) noexcept nogil:
    selector.keys = <pattern_t*>one_more(users.heap, selector.keys, selector.key_count,
                                         sizeof(pattern_t))
    selector.keys[selector.key_count] = pattern_t(copied(users.heap, glob), access)
    selector.key_count += 1


cdef void selector_add_channel(users_t* users, selector_t* selector, slice_t glob) noexcept nogil:
    selector.channels = <pattern_t*>one_more(users.heap, selector.channels,
                                             selector.channel_count, sizeof(pattern_t))
    selector.channels[selector.channel_count] = pattern_t(
        copied(users.heap, glob), PATTERN_READ | PATTERN_WRITE)
    selector.channel_count += 1


cdef void selector_add_database(users_t* users, selector_t* selector, int index) noexcept nogil:
    selector.databases = <int*>one_more(users.heap, selector.databases, selector.database_count,
                                        sizeof(int))
    selector.databases[selector.database_count] = index
    selector.database_count += 1


cdef void user_settle(user_t* user) noexcept nogil:
    cdef uint32_t i
    user.flags &= ~<uint32_t>USER_FREE
    for i in range(user.selector_count):
        if user.selectors[i].flags & SELECTOR_FREE == SELECTOR_FREE:
            user.flags |= USER_FREE                                 # A3


# -- who somebody is ------------------------------------------------------------------------------

cdef user_t* users_authenticate(const users_t* users, slice_t name,
                                slice_t password) noexcept nogil:
    cdef uint8_t digest[SHA256_SIZE]
    cdef user_t* user = users_find(users, name)
    cdef const user_t* other = user if user is not NULL else users.first
    cdef bint equal = False
    cdef uint32_t i
    sha256(password.data, password.size, digest)
    for i in range(other.digest_count):
        if sha256_equal(digest, other.digests[i].bytes):
            equal = True                # and on: which one it was is nobody's business
    if other.flags & USER_NOPASS:
        equal = True
    if not other.flags & USER_ON:
        equal = False
    return user if equal else NULL


# -- what somebody may do -------------------------------------------------------------------------

cdef bint may_run(const selector_t* selector, const command_t* cmd, int argc,
                  const slice_t* argv) noexcept nogil:
    cdef const first_word_t* word
    cdef int at = 1 if cmd.parent is NULL else 2
    cdef uint32_t i
    if (selector.flags & SELECTOR_ALL_COMMANDS or cmd.flags & CMD_NO_AUTH
            or selector.allowed[cmd.id >> 6] >> (cmd.id & 63) & 1):
        return True
    if argc <= at:
        return False
    for i in range(selector.word_count):
        word = &selector.words[i]
        if word.id == cmd.id and equal_nocase(argv[at].data, argv[at].size, word.word.data,
                                              word.word.size):
            return True
    return False


cdef bint may_enter(const selector_t* selector, int64_t db) noexcept nogil:
    cdef uint32_t i
    for i in range(selector.database_count):
        if selector.databases[i] == db:
            return True
    return False


cdef bint may_enter_named(const selector_t* selector, slice_t text) noexcept nogil:
    """What is no number is no database: the command will say so."""
    cdef int64_t db = 0
    return not parse_int64(text.data, text.size, &db) or may_enter(selector, db)


cdef bint works_on_data(const command_t* cmd) noexcept nogil:
    """It reads or writes the selected database."""
    cdef int i
    if cmd.acl_all & (ACL_READ | ACL_WRITE | ACL_KEYSPACE):
        return True
    for i in range(cmd.spec_count):
        if not cmd.specs[i].flags & KEY_NOT:
            return True
    return False


cdef int lacks_database(const selector_t* selector, const command_t* cmd, int argc,
                        const slice_t* argv, int db) noexcept nogil:
    """-1, or the argument that names a database it may not enter; 0 for the selected one."""
    cdef int i
    if cmd.parent is NULL:
        if strcmp(cmd.name, b"select") == 0 or strcmp(cmd.name, b"swapdb") == 0:
            for i in range(1, argc):
                if not may_enter_named(selector, argv[i]):
                    return i
            return -1
        if strcmp(cmd.name, b"flushall") == 0:
            return 0
        if strcmp(cmd.name, b"move") == 0 and argc > 2 and not may_enter_named(selector, argv[2]):
            return 2
        if strcmp(cmd.name, b"copy") == 0:
            for i in range(3, argc - 1):
                if (equal_nocase(argv[i].data, argv[i].size, b"db", 2)
                        and not may_enter_named(selector, argv[i + 1])):
                    return i + 1
    return 0 if works_on_data(cmd) and not may_enter(selector, db) else -1


cdef struct keys_check_t:
    const selector_t* selector
    const slice_t* argv
    int lacking                         # -1, or the argument


cdef bint check_key(void* owner, int at, uint32_t flags) noexcept nogil:
    cdef keys_check_t* check = <keys_check_t*>owner
    cdef const selector_t* selector = check.selector
    cdef const pattern_t* pattern
    cdef slice_t key = check.argv[at]
    cdef uint32_t access = 0
    cdef uint32_t i
    if check.lacking >= 0:
        return False                    # another spec's turn: the first that is lacking is told
    if flags & KEY_ACCESS:
        access |= PATTERN_READ
    if flags & (KEY_INSERT | KEY_DELETE | KEY_UPDATE):
        access |= PATTERN_WRITE
    for i in range(selector.key_count):
        pattern = &selector.keys[i]
        if pattern.access & access == access and glob_match(
                pattern.glob.data, pattern.glob.size, key.data, key.size, False):
            return True
    check.lacking = at
    return False


cdef bint may_hear(const selector_t* selector, slice_t channel, bint literal) noexcept nogil:
    cdef const pattern_t* pattern
    cdef uint32_t i
    if selector.flags & SELECTOR_ALL_CHANNELS:
        return True
    for i in range(selector.channel_count):
        pattern = &selector.channels[i]
        if literal:
            # A pattern may be heard when it is one of the rules, letter by letter.
            if pattern.glob.size == channel.size and (channel.size == 0 or memcmp(
                    pattern.glob.data, channel.data, channel.size) == 0):
                return True
        elif glob_match(pattern.glob.data, pattern.glob.size, channel.data, channel.size, False):
            return True
    return False


cdef int lacks_channel(const selector_t* selector, const command_t* cmd, int argc,
                       const slice_t* argv) noexcept nogil:
    """-1, or the argument that names a channel it may not hear or speak in. Whoever leaves a
    channel is always let go."""
    cdef bint literal = strcmp(cmd.name, b"psubscribe") == 0
    cdef int last = argc - 1
    cdef int i
    if cmd.parent is not NULL:
        return -1
    if strcmp(cmd.name, b"publish") == 0 or strcmp(cmd.name, b"spublish") == 0:
        last = 1 if argc > 1 else 0
    elif not literal and strcmp(cmd.name, b"subscribe") != 0 \
            and strcmp(cmd.name, b"ssubscribe") != 0:
        return -1
    for i in range(1, last + 1):
        if not may_hear(selector, argv[i], literal):
            return i
    return -1


cdef denied_t check_selector(const selector_t* selector, const command_t* cmd, int argc,
                             const slice_t* argv, int db, int* at) noexcept nogil:
    cdef keys_check_t check
    if not selector.flags & SELECTOR_ALL_DATABASES:
        at[0] = lacks_database(selector, cmd, argc, argv, db)
        if at[0] >= 0:
            return DENIED_DATABASE
    at[0] = 0
    if not may_run(selector, cmd, argc, argv):
        return DENIED_COMMAND
    if not selector.flags & SELECTOR_ALL_KEYS and cmd.spec_count:
        check = keys_check_t(selector, argv, -1)
        keyspec_each(cmd, argc, argv, check_key, &check)
        if check.lacking >= 0:
            at[0] = check.lacking
            return DENIED_KEY
    if cmd.acl_all & ACL_PUBSUB and not selector.flags & SELECTOR_ALL_CHANNELS:
        at[0] = lacks_channel(selector, cmd, argc, argv)
        if at[0] >= 0:
            return DENIED_CHANNEL
    return DENIED_NOTHING


cdef denied_t acl_check_command(const user_t* user, const command_t* cmd, int argc,
                                const slice_t* argv, int db, denial_t* denial) noexcept nogil:
    cdef denial_t worst = denial_t(DENIED_NOTHING, 0)
    cdef denied_t what
    cdef uint32_t i
    cdef int at = 0
    if user.flags & USER_FREE:
        return DENIED_NOTHING
    for i in range(user.selector_count):
        what = check_selector(&user.selectors[i], cmd, argc, argv, db, &at)
        if what == DENIED_NOTHING:
            return DENIED_NOTHING
        if what > worst.what or (what == worst.what and at > worst.at):
            worst = denial_t(what, at)
    if worst.what == DENIED_NOTHING:
        worst.what = DENIED_COMMAND     # A2: nobody
    if denial is not NULL:
        denial[0] = worst
    return worst.what


cdef bint reaches_all_keys(const selector_t* selector, uint32_t access) noexcept nogil:
    cdef const pattern_t* pattern
    cdef uint32_t i
    if selector.flags & SELECTOR_ALL_KEYS:
        return True
    for i in range(selector.key_count):
        pattern = &selector.keys[i]
        if (pattern.access & access == access and pattern.glob.size == 1
                and pattern.glob.data[0] == c'*'):
            return True
    return False


cdef bint acl_all_keys(const user_t* user, const command_t* cmd, uint32_t access) noexcept nogil:
    cdef uint32_t i
    if user.flags & USER_FREE:
        return True
    for i in range(user.selector_count):
        if may_run(&user.selectors[i], cmd, 0, NULL) and reaches_all_keys(&user.selectors[i],
                                                                          access):
            return True
    return False


cdef bint acl_channel(const user_t* user, slice_t channel, bint literal) noexcept nogil:
    cdef uint32_t i
    if user.flags & USER_FREE:
        return True
    for i in range(user.selector_count):
        if may_hear(&user.selectors[i], channel, literal):
            return True
    return False


# -- what is said ---------------------------------------------------------------------------------

cdef size_t put(char* out, size_t size, slice_t text) noexcept nogil:
    cdef size_t room = REFUSAL_MAX - size
    cdef size_t n = text.size if text.size < room else room
    if n:
        memcpy(out + size, text.data, n)
    return size + n


cdef inline size_t put_text(char* out, size_t size, const char* text) noexcept nogil:
    cdef size_t n = 0
    while text[n]:
        n += 1
    return put(out, size, slice_t(text, n))


cdef size_t refuse_command(const user_t* user, const command_t* cmd, char* out) noexcept nogil:
    cdef char name[64]
    cdef size_t size = put_text(out, 0, b"User ")
    size = put(out, size, user.name)
    size = put_text(out, size, b" has no permissions to run the '")
    size = put(out, size, slice_t(&name[0], command_full_name(cmd, name)))
    return put_text(out, size, b"' command")


cdef size_t acl_refusal(const user_t* user, const command_t* cmd, const denial_t* denial,
                        char* out) noexcept nogil:
    if denial.what == DENIED_KEY:
        return put_text(out, 0, b"No permissions to access a key")
    if denial.what == DENIED_CHANNEL:
        return put_text(out, 0, b"No permissions to access a channel")
    if denial.what == DENIED_DATABASE:
        return put_text(out, 0, b"No permissions to access database")
    return refuse_command(user, cmd, out)


cdef size_t acl_refusal_verbose(const user_t* user, const command_t* cmd, const slice_t* argv,
                                const denial_t* denial, char* out) noexcept nogil:
    cdef size_t size
    if denial.what == DENIED_COMMAND:
        return refuse_command(user, cmd, out)
    size = put_text(out, 0, b"User ")
    size = put(out, size, user.name)
    size = put_text(out, size, b" has no permissions to access ")
    if denial.what == DENIED_DATABASE:
        return put(out, put_text(out, size, b"database "), argv[denial.at])
    size = put_text(out, size, b"the '")
    size = put(out, size, argv[denial.at])
    return put_text(out, size, b"' key" if denial.what == DENIED_KEY else b"' channel")
