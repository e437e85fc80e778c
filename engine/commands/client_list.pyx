"""CLIENT INFO, LIST and KILL.

LIST and KILL share their filters. A filter is read into one struct: what must match and, in the
same shape, what must not; a client is shown, or killed, when all of the first and none of the
second holds. One list of options serves both, since "NOT-" is cut off before the name is read.

Invariants
    F1  slices of a filter borrow from argv: it lives no longer than the command
    F2  ids are sorted before the first client is looked at
    F3  a client that is to be closed at once is gone already: it is neither shown nor killed
Cost: O(clients * log(ids)), and O(clients * log(clients)) to show them by age.
"""
from libc.stddef cimport size_t
from libc.stdint cimport INT32_MAX, INT32_MIN, int64_t, uint32_t, uint64_t
from libc.stdlib cimport bsearch, qsort
from libc.string cimport memchr, memcmp, memset, strlen

from ..core.buf cimport buf_free, buf_init, buf_t
from ..core.heap cimport heap_alloc, heap_free
from ..core.number cimport equal_nocase, format_int64, parse_int64
from ..core.types cimport slice_t
from ..wire.acl cimport users_find
from ..wire.client cimport client_user
from ..wire.command cimport (
    CLIENT_CAPA_REDIRECT, CLIENT_CLOSE_NOW, CLIENT_CLOSE_SOON, CLIENT_UNIX_SOCKET, client_t,
)
from ..wire.errors cimport ERR_CLIENT_ID, ERR_NO_SUCH_CLIENT
from ..wire.reply cimport (
    reply_error, reply_error_about, reply_error_syntax, reply_int, reply_ok, reply_verbatim,
)
from .client_line cimport FLAGS_TEXT_MAX, client_describe, client_flags_text
from .legacy cimport client_is_legacy
from .state cimport (
    CLIENT_NORMAL, CLIENT_PUBSUB, CLIENT_REPLICA, client_close, client_kind, server_of, server_t,
)

cdef enum:
    KIND_NONE = -1
    KIND_PRIMARY = 3                    # beside client_kind_t: there are none of them here

cdef struct condition_t:
    bint has_flags
    bint has_capa
    slice_t flags                       # letters
    slice_t capa
    slice_t address                     # data NULL where the option was not given
    slice_t local
    slice_t ip
    slice_t name
    slice_t lib_name
    slice_t lib_version
    slice_t user
    int kind                            # KIND_NONE, or a client_kind_t
    int64_t db                          # -1: any
    uint64_t* ids                       # owned, room for argc of them; NULL: any
    size_t ids_count

cdef struct filter_t:
    condition_t must
    condition_t must_not
    int64_t age                         # seconds at least; 0: any
    int64_t idle
    bint skip_me


# -- reading the options --------------------------------------------------------------------------

cdef inline bint is_name(slice_t arg, const char* name) noexcept nogil:
    return equal_nocase(arg.data, arg.size, name, strlen(name))


cdef int read_ids_or_reply(client_t* c, condition_t* condition, int at) noexcept nogil:
    """The ids behind `at`. Returns where the next option is; -1 after an error."""
    cdef int64_t id = 0
    cdef int end = at + 1
    if condition.ids is NULL:
        condition.ids = <uint64_t*>heap_alloc(c.store.heap, <size_t>c.argc * sizeof(uint64_t))
    while end < c.argc and parse_int64(c.argv[end].data, c.argv[end].size, &id):
        if id < 1:
            reply_error(c, ERR_CLIENT_ID)
            return -1
        condition.ids[condition.ids_count] = <uint64_t>id
        condition.ids_count += 1
        end += 1
    if end == at + 1:
        reply_error_syntax(c)
        return -1
    return end


cdef bint read_positive_or_reply(client_t* c, const char* what, slice_t arg,
                                 int64_t* value) noexcept nogil:
    if not parse_int64(arg.data, arg.size, value):
        reply_error_about(c, b"ERR ", slice_t(what, strlen(what)),
                          b" is not an integer or out of range")
        return False
    if value[0] <= 0:
        reply_error_about(c, b"ERR ", slice_t(what, strlen(what)), b" should be greater than 0")
        return False
    return True


cdef bint read_kind_or_reply(client_t* c, condition_t* condition, slice_t arg) noexcept nogil:
    if is_name(arg, b"normal"):
        condition.kind = CLIENT_NORMAL
    elif is_name(arg, b"slave") or is_name(arg, b"replica"):
        condition.kind = CLIENT_REPLICA
    elif is_name(arg, b"pubsub"):
        condition.kind = CLIENT_PUBSUB
    elif is_name(arg, b"master") or is_name(arg, b"primary"):
        condition.kind = KIND_PRIMARY
    else:
        reply_error_about(c, b"ERR Unknown client type '", arg, b"'")
        return False
    return True


cdef bint read_db_or_reply(client_t* c, condition_t* condition, bint negated,
                           slice_t arg) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef int64_t db = 0
    if (not parse_int64(arg.data, arg.size, &db)) or db > INT32_MAX or db < INT32_MIN:
        reply_error(c, b"ERR NOT-DB is not an integer or out of range" if negated
                    else b"ERR DB is not an integer or out of range")
        return False
    if db < 0 or db >= srv.config.databases:
        reply_db_range(c, negated)
        return False
    condition.db = db
    return True


cdef void reply_db_range(client_t* c, bint negated) noexcept nogil:
    cdef char last[20]
    cdef int size = format_int64(last, server_of(c).config.databases - 1)
    reply_error_about(c, b"ERR NOT-DB number should be between 0 and " if negated
                      else b"ERR DB number should be between 0 and ",
                      slice_t(&last[0], <size_t>size), b"")


cdef bint read_letters_or_reply(client_t* c, bint negated, slice_t letters, const char* known,
                                bint capa) noexcept nogil:
    cdef size_t i
    for i in range(letters.size):
        if letters.data[i] == 0 or memchr(known, letters.data[i], strlen(known)) is NULL:
            break
    else:
        return True
    if capa:
        reply_error_about(c, b"ERR Unknown capa found in the NOT-CAPA filter: " if negated
                          else b"ERR Unknown capa found in the provided filter: ", letters, b"")
    else:
        reply_error_about(c, b"ERR Unknown flags found in the NOT-FLAGS filter: " if negated
                          else b"ERR Unknown flags found in the provided filter: ", letters, b"")
    return False


cdef slice_t* text_option(condition_t* condition, slice_t name) noexcept nogil:
    """The field of an option that is compared as text, or NULL."""
    if is_name(name, b"addr"):
        return &condition.address
    if is_name(name, b"laddr"):
        return &condition.local
    if is_name(name, b"ip"):
        return &condition.ip
    if is_name(name, b"name"):
        return &condition.name
    if is_name(name, b"lib-name"):
        return &condition.lib_name
    if is_name(name, b"lib-ver"):
        return &condition.lib_version
    if is_name(name, b"user"):
        return &condition.user
    return NULL


cdef bint read_condition_or_reply(client_t* c, condition_t* condition, bint negated, slice_t name,
                                  slice_t arg) noexcept nogil:
    """One option with its value, other than ID and what has no NOT- form."""
    cdef slice_t* field = text_option(condition, name)
    if field is not NULL:
        if field is &condition.user and users_find(&server_of(c).users, arg) is NULL:
            reply_error_about(c, b"ERR No such user '", arg, b"'")
            return False
        field[0] = arg
        return True
    if is_name(name, b"type"):
        return read_kind_or_reply(c, condition, arg)
    if is_name(name, b"db"):
        return read_db_or_reply(c, condition, negated, arg)
    if is_name(name, b"flags"):
        condition.has_flags = True
        condition.flags = arg
        return read_letters_or_reply(c, negated, arg, b"AbcdeIiMNOPrStTuUxRBE", False)
    if is_name(name, b"capa"):
        condition.has_capa = True
        condition.capa = arg
        return read_letters_or_reply(c, negated, arg, b"r", True)
    reply_error_syntax(c)
    return False


cdef bint is_older(const client_t* c, slice_t name) noexcept nogil:
    """Redis 6.2 knew this option, of LIST or of KILL."""
    if is_name(name, b"id") or is_name(name, b"type"):
        return True
    return c.cmd.proc == client_kill_command and (
        is_name(name, b"addr") or is_name(name, b"laddr") or is_name(name, b"user")
        or is_name(name, b"skipme"))


cdef bint read_filter_or_reply(client_t* c, filter_t* filter) noexcept nogil:
    """The options from the third argument on."""
    cdef int at = 2
    cdef bint negated, more
    cdef condition_t* condition
    cdef slice_t name
    while at < c.argc:
        name = c.argv[at]
        more = at + 1 < c.argc and (not client_is_legacy(c) or is_older(c, name))
        negated = name.size > 4 and equal_nocase(name.data, 4, b"not-", 4)
        condition = &filter.must_not if negated else &filter.must
        if negated:
            name = slice_t(name.data + 4, name.size - 4)
        if not more:
            reply_error_syntax(c)
            return False
        if is_name(name, b"id"):
            at = read_ids_or_reply(c, condition, at)
            if at < 0:
                return False
            continue
        if not negated and is_name(name, b"skipme"):
            filter.skip_me = is_name(c.argv[at + 1], b"yes")
            if not filter.skip_me and not is_name(c.argv[at + 1], b"no"):
                reply_error_syntax(c)
                return False
        elif not negated and is_name(name, b"maxage"):
            if not read_positive_or_reply(c, b"maxage", c.argv[at + 1], &filter.age):
                return False
        elif not negated and is_name(name, b"idle"):
            if not read_positive_or_reply(c, b"idle", c.argv[at + 1], &filter.idle):
                return False
        elif not read_condition_or_reply(c, condition, negated, name, c.argv[at + 1]):
            return False
        at += 2
    return True


cdef void filter_init(filter_t* filter, bint skip_me) noexcept nogil:
    memset(filter, 0, sizeof(filter_t))
    filter.must.kind = KIND_NONE
    filter.must_not.kind = KIND_NONE
    filter.must.db = -1
    filter.must_not.db = -1
    filter.skip_me = skip_me


cdef void filter_free(filter_t* filter, client_t* c) noexcept nogil:
    heap_free(c.store.heap, filter.must.ids, <size_t>c.argc * sizeof(uint64_t))
    heap_free(c.store.heap, filter.must_not.ids, <size_t>c.argc * sizeof(uint64_t))


cdef int compare_ids(const void* a, const void* b) noexcept nogil:
    cdef uint64_t x = (<const uint64_t*>a)[0]
    cdef uint64_t y = (<const uint64_t*>b)[0]
    return -1 if x < y else 1 if x > y else 0


cdef void sort_ids(filter_t* filter) noexcept nogil:
    if filter.must.ids_count:
        qsort(filter.must.ids, filter.must.ids_count, sizeof(uint64_t), compare_ids)    # F2
    if filter.must_not.ids_count:
        qsort(filter.must_not.ids, filter.must_not.ids_count, sizeof(uint64_t), compare_ids)


# -- matching -------------------------------------------------------------------------------------

cdef inline bint same(slice_t wanted, slice_t text) noexcept nogil:
    """An empty text equals nothing, not even the empty one: it is not set."""
    return text.size == wanted.size and text.size > 0 \
        and memcmp(text.data, wanted.data, text.size) == 0


cdef slice_t whole(const char* text) noexcept nogil:
    return slice_t(text, strlen(text))


cdef slice_t host_of(const client_t* c) noexcept nogil:
    """The address without its port, and without the brackets of IPv6."""
    cdef slice_t host = whole(c.address)
    if c.flags & CLIENT_UNIX_SOCKET or host.size == 0:
        return slice_t(NULL, 0)
    while host.size and host.data[host.size - 1] != c':':
        host.size -= 1
    host.size -= 1 if host.size else 0
    if host.size >= 2 and host.data[0] == c'[':
        return slice_t(host.data + 1, host.size - 2)
    return host


cdef bint has_letters(const client_t* c, slice_t letters) noexcept nogil:
    """All of them."""
    cdef char text[FLAGS_TEXT_MAX]
    cdef size_t size = client_flags_text(c, text)
    cdef size_t i
    for i in range(letters.size):
        if memchr(text, letters.data[i], size) is NULL:
            return False
    return True


cdef bint has_id(const condition_t* condition, const client_t* c) noexcept nogil:
    return bsearch(&c.id, condition.ids, condition.ids_count, sizeof(uint64_t),
                   compare_ids) is not NULL


cdef bint every_part_is(const condition_t* part, const client_t* c, bint wanted) noexcept nogil:
    """Whether each part that was given holds (wanted), or none does."""
    if part.ids is not NULL and has_id(part, c) != wanted:
        return False
    if part.kind != KIND_NONE and (part.kind == <int>client_kind(c)) != wanted:
        return False
    if part.db >= 0 and (c.ks.index == part.db) != wanted:
        return False
    if part.address.data is not NULL and same(part.address, whole(c.address)) != wanted:
        return False
    if part.local.data is not NULL and same(part.local, whole(c.local)) != wanted:
        return False
    if part.ip.data is not NULL and same(part.ip, host_of(c)) != wanted:
        return False
    if part.name.data is not NULL and same(part.name, c.name) != wanted:
        return False
    if part.lib_name.data is not NULL and same(part.lib_name, c.lib_name) != wanted:
        return False
    if part.lib_version.data is not NULL and same(part.lib_version, c.lib_version) != wanted:
        return False
    if part.user.data is not NULL and same(part.user, client_user(c)) != wanted:
        return False
    if part.has_flags and has_letters(c, part.flags) != wanted:
        return False
    # Only one ability has a letter; no letter is an ability that everybody has.
    if part.has_capa and (c.flags & CLIENT_CAPA_REDIRECT != 0 or part.capa.size == 0) != wanted:
        return False
    return True


cdef bint matches(const filter_t* filter, const client_t* c, const client_t* me,
                  int64_t mono_us) noexcept nogil:
    if c.flags & CLIENT_CLOSE_NOW:      # F3
        return False
    if filter.skip_me and c is me:
        return False
    if filter.age and (mono_us - c.created_us) // 1000000 < filter.age:
        return False
    if filter.idle and (mono_us - c.active_us) // 1000000 < filter.idle:
        return False
    return every_part_is(&filter.must, c, True) and every_part_is(&filter.must_not, c, False)


# -- commands -------------------------------------------------------------------------------------

cdef void client_info_command(client_t* c) noexcept nogil:
    cdef buf_t text
    buf_init(&text, c.store.heap)
    client_describe(c, server_of(c).mono_us, &text)
    reply_verbatim(c, slice_t(text.data, text.size))
    buf_free(&text)


cdef int compare_clients(const void* a, const void* b) noexcept nogil:
    return compare_ids(&(<client_t**>a)[0].id, &(<client_t**>b)[0].id)


cdef void describe_matching(client_t* c, const filter_t* filter, buf_t* text) noexcept nogil:
    """The lines of those who match, oldest first."""
    cdef server_t* srv = server_of(c)
    cdef size_t room = srv.client_count * sizeof(client_t*)
    cdef client_t** found = <client_t**>heap_alloc(c.store.heap, room)
    cdef size_t count = 0
    cdef size_t i
    for i in range(srv.client_count):
        if matches(filter, srv.clients[i], c, srv.mono_us):
            found[count] = srv.clients[i]
            count += 1
    qsort(found, count, sizeof(client_t*), compare_clients)
    for i in range(count):
        client_describe(found[i], srv.mono_us, text)
    heap_free(c.store.heap, found, room)


cdef void client_list_command(client_t* c) noexcept nogil:
    cdef filter_t filter
    cdef buf_t text
    filter_init(&filter, False)
    if read_filter_or_reply(c, &filter):
        sort_ids(&filter)
        buf_init(&text, c.store.heap)
        describe_matching(c, &filter, &text)
        reply_verbatim(c, slice_t(text.data, text.size))
        buf_free(&text)
    filter_free(&filter, c)


cdef int64_t kill_matching(client_t* c, const filter_t* filter) noexcept nogil:
    """Returns how many were marked. Who kills itself gets its reply first."""
    cdef server_t* srv = server_of(c)
    cdef int64_t count = 0
    cdef uint32_t how = 0
    cdef uint32_t i
    for i in range(srv.client_count):
        if matches(filter, srv.clients[i], c, srv.mono_us):
            how = CLIENT_CLOSE_SOON if srv.clients[i] is c else CLIENT_CLOSE_NOW
            client_close(srv, srv.clients[i], how)
            count += 1
    return count


cdef void client_kill_command(client_t* c) noexcept nogil:
    cdef filter_t filter
    filter_init(&filter, c.argc > 3)
    if c.argc == 3:                     # the old form: CLIENT KILL address
        filter.must.address = c.argv[2]
        if kill_matching(c, &filter):
            reply_ok(c)
        else:
            reply_error(c, ERR_NO_SUCH_CLIENT)
        return
    if read_filter_or_reply(c, &filter):
        sort_ids(&filter)
        reply_int(c, kill_matching(c, &filter))
    filter_free(&filter, c)
