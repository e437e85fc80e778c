"""Users: who a client is, how it proves that, and what it may do.

Terms
    digest      SHA-256 of a password: the password itself is not kept here
    nopass      any password will do; what `default` is until requirepass is set
    selector    one set of rights. A user has one, and may have more: whatever one of them allows
                as a whole, the user may do
    free        some selector allows everything: nothing has to be looked at
    pattern     a glob over keys, with what it allows: reading, writing, or both
    first word  "+select|0": a command that is allowed with this first argument

A user_t stays where it is until it is deleted: clients point at theirs. Its rights are taken away
and written anew in place (server/rights), between commands. Rules as text are not known here:
server/users reads and shows them.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ..core.heap cimport heap_t
from ..core.sha256 cimport SHA256_SIZE
from ..core.table cimport table_t
from ..core.types cimport slice_t
from .command cimport client_t, command_t

cdef enum:
    ALLOWED_WORDS = 16                  # of 64 bits: a bit for each command id
    REFUSAL_MAX = 512                   # bytes of a refusal's text; longer names are cut

cdef enum:                              # what a user is
    USER_ON = 1 << 0
    USER_NOPASS = 1 << 1
    USER_FREE = 1 << 2

cdef enum:                              # what a selector does not ask about
    SELECTOR_ALL_COMMANDS = 1 << 0      # those of the future too
    SELECTOR_ALL_KEYS = 1 << 1
    SELECTOR_ALL_CHANNELS = 1 << 2
    SELECTOR_ALL_DATABASES = 1 << 3
    SELECTOR_FREE = (1 << 4) - 1

cdef enum:
    PATTERN_READ = 1 << 0
    PATTERN_WRITE = 1 << 1

cdef enum denied_t:                     # what a client lacks; where selectors differ, the greatest
    DENIED_NOTHING = 0
    DENIED_DATABASE = 1
    DENIED_COMMAND = 2
    DENIED_KEY = 3
    DENIED_CHANNEL = 4
    DENIED_AUTH = 5                     # not of a check: for the log

cdef struct pattern_t:
    slice_t glob                        # owned
    uint32_t access                     # PATTERN_*; of channels both

cdef struct first_word_t:
    int id
    slice_t word                        # owned

cdef struct selector_t:
    uint32_t flags
    uint64_t allowed[ALLOWED_WORDS]
    first_word_t* words                 # owned, like all that follow
    uint32_t word_count
    pattern_t* keys
    uint32_t key_count
    pattern_t* channels
    uint32_t channel_count
    int* databases
    uint32_t database_count

cdef struct digest_t:
    uint8_t bytes[SHA256_SIZE]

cdef struct user_t:
    slice_t name                        # owned
    uint32_t flags
    digest_t* digests                   # owned
    uint32_t digest_count
    selector_t* selectors               # owned; the first is the user's own
    uint32_t selector_count

cdef struct users_t:
    heap_t* heap
    table_t table                       # of user_t*, by name
    user_t* first                       # `default`; always there

# What a refused command lacks.
cdef struct denial_t:
    denied_t what
    int at                              # argument that named it; 0: the command itself

# -- the life of users

# `default` is made, on, nopass and free.
cdef void users_init(users_t* users, heap_t* heap, const uint64_t* secret) noexcept nogil
cdef void users_free(users_t* users) noexcept nogil
cdef user_t* users_find(const users_t* users, slice_t name) noexcept nogil
# Off, with a selector that allows nothing. The name must be free.
cdef user_t* users_add(users_t* users, slice_t name) noexcept nogil
# No client may point at it.
cdef void users_remove(users_t* users, user_t* user) noexcept nogil
# Take everything from a user: flags, digests, selectors.
cdef void user_clear(users_t* users, user_t* user) noexcept nogil
cdef void user_add_digest(users_t* users, user_t* user, const uint8_t* digest) noexcept nogil
# The selector stays where it is until the next one is added.
cdef selector_t* user_add_selector(users_t* users, user_t* user, uint32_t flags) noexcept nogil
cdef void selector_allow(selector_t* selector, int id) noexcept nogil
cdef void selector_add_word(users_t* users, selector_t* selector, int id,
                            slice_t word) noexcept nogil
cdef void selector_add_key(users_t* users, selector_t* selector, slice_t glob,
                           uint32_t access) noexcept nogil
cdef void selector_add_channel(users_t* users, selector_t* selector, slice_t glob) noexcept nogil
cdef void selector_add_database(users_t* users, selector_t* selector, int index) noexcept nogil
# The user is complete: find out whether it is free.
cdef void user_settle(user_t* user) noexcept nogil

# Everybody's superior: clients of our own (loading, an administrator's socket).
cdef const user_t* user_root() noexcept nogil
# Whose user has been deleted: it may do nothing.
cdef const user_t* user_nobody() noexcept nogil

# -- who somebody is

# Who this name and password belong to, or NULL. Takes as long for a name that nobody has as for
# a wrong password.
cdef user_t* users_authenticate(const users_t* users, slice_t name, slice_t password) noexcept nogil

cdef inline const user_t* user_of(const client_t* c) noexcept nogil:
    return <const user_t*>c.who

# -- what somebody may do

# May this user run these arguments, with `db` selected? DENIED_NOTHING, or what is lacking; then
# `denial` (not NULL) says more. The arity has been checked.
cdef denied_t acl_check_command(const user_t* user, const command_t* cmd, int argc,
                                const slice_t* argv, int db, denial_t* denial) noexcept nogil
# May it do this with every key there is? For SORT's BY and GET.
cdef bint acl_all_keys(const user_t* user, const command_t* cmd, uint32_t access) noexcept nogil
# May it hear of this channel, or (literal) of this pattern of channels?
cdef bint acl_channel(const user_t* user, slice_t channel, bint literal) noexcept nogil
# "User x has no permissions to run the 'get' command", "No permissions to access a key": without
# the code. At most REFUSAL_MAX bytes to `out`; returns their number.
cdef size_t acl_refusal(const user_t* user, const command_t* cmd, const denial_t* denial,
                        char* out) noexcept nogil
# The same where the reader may know what was asked for: ACL DRYRUN.
cdef size_t acl_refusal_verbose(const user_t* user, const command_t* cmd, const slice_t* argv,
                                const denial_t* denial, char* out) noexcept nogil

# The check that stands before a call: one load and one test for most.
cdef inline bint acl_is_free(const client_t* c) noexcept nogil:
    return (<const user_t*>c.who).flags & USER_FREE != 0
