"""What Python asks of users on the floor, and how it changes them: see wire/acl, users.py.

Each function takes the capsule that the Server face hands out. Users are changed in a command
that Python serves, so between two commands of everybody else.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from ..commands.acl_log cimport acl_entry_t, acl_log_reset, acl_log_t
from ..commands.connection cimport connection_users_changed
from ..commands.pubsub cimport pubsub_forbidden
from ..commands.state cimport client_close, server_t
from ..core.types cimport slice_t
from ..wire.acl cimport (
    DENIED_NOTHING, REFUSAL_MAX, SELECTOR_ALL_CHANNELS, SELECTOR_ALL_COMMANDS,
    SELECTOR_ALL_DATABASES, SELECTOR_ALL_KEYS, USER_NOPASS, USER_ON, acl_check_command,
    acl_refusal_verbose, denial_t, selector_add_channel, selector_add_database, selector_add_key,
    selector_add_word, selector_allow, selector_t, user_add_digest, user_add_selector, user_clear,
    user_nobody, user_settle, user_t, users_add, users_find, users_remove, users_t,
)
from ..wire.command cimport (
    CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, client_t, command_resolve, command_t,
)
from ..wire.keyspec cimport keyspec_each
from .capsule cimport server_from

from ..wire.command import KEY_FLAG_NAMES, names_of

REASONS = ("", "database", "command", "key", "channel", "auth")
CONTEXTS = ("toplevel", "multi", "lua", "module")
# What compiled() of users.py calls its flags, in the order of its bits.
FLAGS = (SELECTOR_ALL_COMMANDS, SELECTOR_ALL_KEYS, SELECTOR_ALL_CHANNELS, SELECTOR_ALL_DATABASES)


cdef inline slice_t slice_of(bytes text) noexcept:
    return slice_t(<const char*>text, <size_t>len(text))


# -- change ---------------------------------------------------------------------------------------

cdef int add_selector(users_t* users, user_t* user, compiled) except -1:
    cdef selector_t* selector
    cdef uint32_t bits = 0
    flags, allowed, words, keys, channels, databases = compiled
    for place, bit in enumerate(FLAGS):
        if flags >> place & 1:
            bits |= <uint32_t>bit
    selector = user_add_selector(users, user, bits)
    for id in allowed:
        selector_allow(selector, id)
    for id, word in words:
        selector_add_word(users, selector, id, slice_of(word))
    for glob, access in keys:
        selector_add_key(users, selector, slice_of(glob), access)
    for glob in channels:
        selector_add_channel(users, selector, slice_of(glob))
    for index in databases:
        selector_add_database(users, selector, index)
    return 0


cdef void close(server_t* srv, client_t* c) noexcept:
    """With its reply, if it is the one whose command runs."""
    client_close(srv, c, CLIENT_CLOSE_SOON if c is srv.current else CLIENT_CLOSE_NOW)


cdef void close_listeners(server_t* srv, const user_t* user) noexcept:
    """Those who hear what the user may no longer hear."""
    cdef uint32_t i
    for i in range(srv.client_count):
        if srv.clients[i].who == user and pubsub_forbidden(srv.clients[i]):
            close(srv, srv.clients[i])


def install(capsule, name: bytes, on: bool, nopass: bool, digests: list[bytes],
            selectors: list[tuple]) -> None:
    """Make the user, or write its rights anew."""
    cdef server_t* srv = server_from(capsule)
    cdef users_t* users = &srv.users
    cdef user_t* user = users_find(users, slice_of(name))
    if user is NULL:
        user = users_add(users, slice_of(name))
    user_clear(users, user)
    user.flags = (USER_ON if on else 0) | (USER_NOPASS if nopass else 0)
    for digest in digests:
        user_add_digest(users, user, <const uint8_t*><const char*><bytes>digest)
    for compiled in selectors:
        add_selector(users, user, compiled)
    user_settle(user)
    connection_users_changed(srv)
    close_listeners(srv, user)


def remove(capsule, name: bytes) -> None:
    """Delete a user. Its connections end; the one that runs the command, with its reply."""
    cdef server_t* srv = server_from(capsule)
    cdef user_t* user = users_find(&srv.users, slice_of(name))
    cdef client_t* c
    cdef uint32_t i
    for i in range(srv.client_count):
        c = srv.clients[i]
        if c.who == user:
            c.who = user_nobody()
            close(srv, c)
    users_remove(&srv.users, user)


# -- ask ------------------------------------------------------------------------------------------

cdef slice_t* slices_of(list argv) except NULL:
    """For free(). They borrow from the list's items."""
    cdef slice_t* slices = <slice_t*>malloc((len(argv) + 1) * sizeof(slice_t))
    cdef Py_ssize_t i
    if slices is NULL:
        raise MemoryError
    for i in range(len(argv)):
        slices[i] = slice_of(argv[i])
    return slices


def refusal(capsule, name: bytes, argv: list[bytes], db: int) -> str | None:
    """Why the user may not run this request; None when it may. The command exists."""
    cdef server_t* srv = server_from(capsule)
    cdef user_t* user = users_find(&srv.users, slice_of(name))
    cdef const command_t* container
    cdef const command_t* cmd
    cdef denial_t denial
    cdef char text[REFUSAL_MAX]
    cdef slice_t* slices = slices_of(argv)
    try:
        cmd = command_resolve(<int>len(argv), slices, &container)
        if acl_check_command(user, cmd, <int>len(argv), slices, db, &denial) == DENIED_NOTHING:
            return None
        size = acl_refusal_verbose(user, cmd, slices, &denial, text)
        return text[:size].decode("utf-8", "surrogateescape")
    finally:
        free(slices)


cdef bint note_key(void* owner, int at, uint32_t flags) noexcept with gil:
    (<list>owner).append((at, names_of(flags, KEY_FLAG_NAMES)))
    return True


def keys_of(argv: list[bytes]) -> list[tuple[int, list[str]]]:
    """Indexes of the keys of a request, and what is done to each; none where it contradicts
    itself."""
    cdef const command_t* container
    cdef const command_t* cmd
    cdef slice_t* slices = slices_of(argv)
    cdef list found = []
    cdef int count
    try:
        cmd = command_resolve(<int>len(argv), slices, &container)
        count = -1 if cmd is NULL else keyspec_each(cmd, <int>len(argv), slices, note_key,
                                                    <void*>found)
        return found if count >= 0 else []
    finally:
        free(slices)


# -- the log of refusals --------------------------------------------------------------------------

def log_entries(capsule, count: int) -> list[dict]:
    """The newest entries, at most `count`, as ACL LOG names their fields."""
    cdef server_t* srv = server_from(capsule)
    cdef acl_log_t* log = <acl_log_t*>srv.acl_log
    cdef acl_entry_t* entry = log.newest if log is not NULL else NULL
    cdef const char* at
    cdef int64_t age_ms
    out = []
    while entry is not NULL and len(out) < count:
        at = &entry.text[0]
        age_ms = srv.wall_ms - entry.updated_ms
        out.append({
            "count": entry.count, "reason": REASONS[<int>entry.reason],
            "context": CONTEXTS[<int>entry.context], "object": at[:entry.object_size],
            "username": (at + entry.object_size)[:entry.user_size],
            "age-seconds": max(age_ms, 0) / 1000.0,
            "client-info": (at + entry.object_size + entry.user_size)[:entry.client_size],
            "entry-id": entry.id, "timestamp-created": entry.created_ms,
            "timestamp-last-updated": entry.updated_ms,
        })
        entry = entry.older
    return out


def log_forget(capsule) -> None:
    acl_log_reset(server_from(capsule))
