"""The log of refusals.

    newest -> entry -> entry -> ... -> oldest       each a single block

Who is refused in a loop must not wash the others out: a refusal like one of the last
ENTRIES_ALIKE, within a minute, is counted there, and that entry becomes the newest.
"""
from libc.string cimport memcmp, memcpy

from ..core.buf cimport buf_free, buf_init, buf_t
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_free
from ..wire.acl cimport (
    DENIED_AUTH, DENIED_CHANNEL, DENIED_COMMAND, DENIED_DATABASE, DENIED_KEY, user_of,
)
from ..wire.command cimport CLIENT_EXECUTING, CLIENT_MULTI, command_full_name
from .client_line cimport client_describe

cdef enum:
    ENTRIES_ALIKE = 10                  # that are looked at
    ALIKE_MS = 60000
    OBJECT_MAX = 4096                   # bytes of a key that are kept


cdef acl_log_t* log_of(server_t* srv) noexcept nogil:
    if srv.acl_log is NULL:
        srv.acl_log = heap_alloc_zero(&srv.heap, sizeof(acl_log_t))
    return <acl_log_t*>srv.acl_log


cdef void unlink(acl_log_t* log, acl_entry_t* entry) noexcept nogil:
    if entry.newer is NULL:
        log.newest = entry.older
    else:
        entry.newer.older = entry.older
    if entry.older is NULL:
        log.oldest = entry.newer
    else:
        entry.older.newer = entry.newer
    log.count -= 1


cdef void link(acl_log_t* log, acl_entry_t* entry) noexcept nogil:
    entry.newer = NULL
    entry.older = log.newest
    if log.newest is NULL:
        log.oldest = entry
    else:
        log.newest.newer = entry
    log.newest = entry
    log.count += 1


cdef acl_entry_t* find_alike(acl_log_t* log, const acl_entry_t* entry) noexcept nogil:
    cdef acl_entry_t* other = log.newest
    cdef int left = ENTRIES_ALIKE
    while other is not NULL and left:
        if (other.reason == entry.reason and other.context == entry.context
                and entry.updated_ms - other.updated_ms <= ALIKE_MS
                and other.object_size == entry.object_size and other.user_size == entry.user_size
                and memcmp(other.text, entry.text, entry.object_size + entry.user_size) == 0):
            return other
        other = other.older
        left -= 1
    return NULL


cdef char* put(char* at, slice_t text) noexcept nogil:
    if text.size:
        memcpy(at, text.data, text.size)
    return at + text.size


cdef void add(server_t* srv, const client_t* c, denied_t reason, acl_context_t context,
              slice_t what, slice_t user) noexcept nogil:
    cdef acl_log_t* log = log_of(srv)
    cdef acl_entry_t* entry
    cdef acl_entry_t* other
    cdef buf_t line
    cdef size_t size
    if what.size > OBJECT_MAX:
        what.size = OBJECT_MAX
    if user.size > OBJECT_MAX:
        user.size = OBJECT_MAX
    buf_init(&line, &srv.heap)
    client_describe(c, srv.mono_us, &line)
    line.size -= 1                      # its line end
    size = sizeof(acl_entry_t) + what.size + user.size + line.size
    entry = <acl_entry_t*>heap_alloc(&srv.heap, size)
    entry.size = size
    entry.count = 1
    entry.created_ms = srv.wall_ms
    entry.updated_ms = srv.wall_ms
    entry.reason = reason
    entry.context = context
    entry.object_size = what.size
    entry.user_size = user.size
    entry.client_size = line.size
    put(put(put(entry.text, what), user), slice_t(line.data, line.size))
    buf_free(&line)
    other = find_alike(log, entry)
    if other is NULL:
        entry.id = log.next_id
        log.next_id += 1
    else:
        entry.id = other.id
        entry.count = other.count + 1
        entry.created_ms = other.created_ms
        unlink(log, other)
        heap_free(&srv.heap, other, other.size)
    link(log, entry)
    acl_log_trim(srv)


cdef void acl_log_denied(server_t* srv, const client_t* c, const command_t* cmd,
                         const slice_t* argv, const denial_t* denial,
                         acl_context_t context) noexcept nogil:
    cdef char name[64]
    cdef slice_t what
    if denial.what == DENIED_COMMAND:
        srv.stats.acl_denied_command += 1
    elif denial.what == DENIED_KEY:
        srv.stats.acl_denied_key += 1
    elif denial.what == DENIED_CHANNEL:
        srv.stats.acl_denied_channel += 1
    elif denial.what == DENIED_DATABASE:
        srv.stats.acl_denied_database += 1
    if context == ACL_TOPLEVEL and c.flags & (CLIENT_MULTI | CLIENT_EXECUTING):
        context = ACL_MULTI
    if denial.at:
        what = argv[denial.at]
    else:
        what = slice_t(&name[0], command_full_name(cmd, name))
    add(srv, c, denial.what, context, what, user_of(c).name)


cdef void acl_log_auth(server_t* srv, const client_t* c, slice_t name) noexcept nogil:
    cdef acl_context_t context = ACL_MULTI if c.flags & CLIENT_EXECUTING else ACL_TOPLEVEL
    srv.stats.acl_denied_auth += 1
    add(srv, c, DENIED_AUTH, context, c.argv[0], name)


cdef void acl_log_reset(server_t* srv) noexcept nogil:
    """Entries and their list: ids go on from where they were, as in a log that was only cut."""
    cdef acl_log_t* log = <acl_log_t*>srv.acl_log
    cdef acl_entry_t* entry
    if log is NULL:
        return
    while log.newest is not NULL:
        entry = log.newest
        unlink(log, entry)
        heap_free(&srv.heap, entry, entry.size)


cdef void acl_log_free(server_t* srv) noexcept nogil:
    acl_log_reset(srv)
    heap_free(&srv.heap, srv.acl_log, sizeof(acl_log_t))
    srv.acl_log = NULL


cdef void acl_log_trim(server_t* srv) noexcept nogil:
    cdef acl_log_t* log = <acl_log_t*>srv.acl_log
    cdef acl_entry_t* entry
    while log is not NULL and log.count > srv.config.acllog_max_len:
        entry = log.oldest
        unlink(log, entry)
        heap_free(&srv.heap, entry, entry.size)
