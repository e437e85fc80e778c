"""Connections: who is there, what it speaks, and CLIENT about all of them.

LIST and KILL, with the filters they share, are in client_list. No command frees a client: what is
to be closed is marked, and the loop's reaper frees it at the end of the turn.
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp

from ..core.intrinsics cimport add_overflows
from ..core.number cimport parse_int64
from ..core.types cimport slice_t
from ..wire.acl cimport (
    USER_NOPASS, USER_ON, user_root, user_t, users_authenticate,
)
from ..wire.client cimport client_set_text, client_text_is_clean
from ..wire.command cimport (
    ACL_CONNECTION, CLIENT_AUTHENTICATED, CLIENT_BLOCKED, CLIENT_CAPA_REDIRECT,
    CLIENT_CLOSE_SOON, CLIENT_CONTROL, CLIENT_MONITOR, CLIENT_NO_EVICT, CLIENT_NO_TOUCH,
    CLIENT_OUTER, CLIENT_REPLY_OFF, CLIENT_REPLY_SKIP, CLIENT_REPLY_SKIP_NEXT, CLIENT_SUBSCRIBED,
    CMD_ADMIN, CMD_ALLOW_BUSY, CMD_CONTAINER, CMD_FAST, CMD_LOADING, CMD_NOSCRIPT, CMD_NO_AUTH,
    CMD_NO_MULTI, CMD_PYTHON, CMD_STALE, CMD_SUBSCRIBED, CMD_UNQUEUED, GROUP_CONNECTION,
    client_t, command_register, command_t, keys_none, row, subrow,
)
from ..wire.errors cimport (
    ERR_CLIENT_NAME, ERR_DB_INDEX, ERR_INT_RANGE, ERR_NOT_INTEGER, ERR_NO_AUTH_HELLO,
    ERR_NO_IMPORT_MODE, ERR_NO_PASSWORD_SET, ERR_NO_PROTO, ERR_PAUSE_MODE,
    ERR_PROTO_NOT_INTEGER, ERR_TIMEOUT_NEGATIVE, ERR_TIMEOUT_NOT_INTEGER, ERR_TIMEOUT_RANGE,
    ERR_UNBLOCK_REASON, ERR_WRONG_PASS,
)
from ..wire.identity cimport IDENTITY_VALKEY, IDENTITY_VALKEY_VERSION, identity_redis_version
from ..wire.reply cimport (
    reply_array, reply_bulk, reply_bulk_text, reply_error, reply_error_about, reply_error_arity,
    reply_error_syntax, reply_int, reply_map, reply_null, reply_ok, reply_simple,
)
from .acl_log cimport acl_log_auth
from .multi cimport multi_free
from .pubsub cimport pubsub_leave
from .client_list cimport client_info_command, client_kill_command, client_list_command
from .state cimport client_must_log_in, server_of, server_t
from .tracking cimport tracking_stop


cdef enum:
    PAUSE_MS_MAX = 315360000000         # ten years


cdef inline bint is_word(slice_t arg, const char* word) noexcept nogil:
    """`word` is lower case."""
    cdef size_t i
    cdef char ch
    for i in range(arg.size):
        ch = arg.data[i]
        if c'A' <= ch <= c'Z':
            ch = <char>(ch + 32)
        if ch != word[i] or ch == 0:
            return False
    return word[arg.size] == 0


# -- small talk -----------------------------------------------------------------------------------

cdef void ping_command(client_t* c) noexcept nogil:
    if c.argc > 2:
        reply_error_arity(c)
    elif c.flags & CLIENT_SUBSCRIBED and c.resp == 2:
        reply_array(c, 2)               # it reads nothing but messages: this looks like one
        reply_bulk_text(c, b"pong")
        reply_bulk(c, c.argv[1] if c.argc == 2 else slice_t(NULL, 0))
    elif c.argc == 2:
        reply_bulk(c, c.argv[1])
    else:
        reply_simple(c, b"PONG")


cdef void echo_command(client_t* c) noexcept nogil:
    reply_bulk(c, c.argv[1])


cdef void quit_command(client_t* c) noexcept nogil:
    reply_ok(c)
    c.flags |= CLIENT_CLOSE_SOON


cdef void select_command(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef int64_t index
    if not parse_int64(c.argv[1].data, c.argv[1].size, &index):
        reply_error(c, ERR_NOT_INTEGER)
    elif index != <int>index:
        reply_error(c, ERR_INT_RANGE)
    elif index < 0 or index >= srv.config.databases:
        reply_error(c, ERR_DB_INDEX)
    else:
        c.ks = &srv.databases[index]
        reply_ok(c)


# -- who is there ---------------------------------------------------------------------------------

cdef void connection_users_changed(server_t* srv) noexcept nogil:
    srv.auth_required = srv.users.first.flags & (USER_ON | USER_NOPASS) != USER_ON | USER_NOPASS


cdef void connection_greet(server_t* srv, client_t* c) noexcept nogil:
    c.who = user_root() if c.flags & CLIENT_CONTROL else srv.users.first
    if not (srv.auth_required or c.modes & CLIENT_OUTER) or c.flags & CLIENT_CONTROL:
        c.flags |= CLIENT_AUTHENTICATED
        c.deadline_us = 0
        return
    c.flags &= ~<uint32_t>CLIENT_AUTHENTICATED
    c.deadline_us = 0
    if srv.config.login_timeout:
        c.deadline_us = srv.mono_us + srv.config.login_timeout * 1000000


cdef bint connection_is_outer_user(const server_t* srv, const user_t* user) noexcept nogil:
    cdef slice_t name = srv.config.external_user
    # Who takes any password inside, so that programs can be given one early, does not do it here.
    return (user.name.size == name.size and memcmp(user.name.data, name.data, name.size) == 0
            and not user.flags & USER_NOPASS)


cdef bint authenticate_or_reply(client_t* c, slice_t name, slice_t password) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef const user_t* user = users_authenticate(&srv.users, name, password)
    if user is NULL or (c.modes & CLIENT_OUTER and not connection_is_outer_user(srv, user)):
        acl_log_auth(srv, c, name)
        reply_error(c, ERR_WRONG_PASS)
        return False
    c.flags |= CLIENT_AUTHENTICATED
    c.deadline_us = 0
    c.who = user
    return True


cdef void auth_command(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    if c.argc > 3:
        reply_error_syntax(c)
    elif c.argc == 2 and srv.users.first.flags & USER_NOPASS and not c.modes & CLIENT_OUTER:
        reply_error(c, ERR_NO_PASSWORD_SET)
    elif c.argc == 2:
        if authenticate_or_reply(c, srv.users.first.name, c.argv[1]):
            reply_ok(c)
    elif authenticate_or_reply(c, c.argv[1], c.argv[2]):
        reply_ok(c)


cdef bint set_name_or_reply(client_t* c, slice_t name) noexcept nogil:
    if not client_text_is_clean(name):
        reply_error(c, ERR_CLIENT_NAME)
        return False
    client_set_text(c, &c.name, name)
    return True


cdef void reply_hello(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef bint redis = srv.config.identity != IDENTITY_VALKEY
    reply_map(c, 7)
    reply_bulk_text(c, b"server")
    reply_bulk_text(c, b"redis" if redis else b"valkey")
    reply_bulk_text(c, b"version")
    reply_bulk_text(c, identity_redis_version(srv.config.identity) if redis
                    else IDENTITY_VALKEY_VERSION)
    reply_bulk_text(c, b"proto")
    reply_int(c, c.resp)
    reply_bulk_text(c, b"id")
    reply_int(c, <int64_t>c.id)
    reply_bulk_text(c, b"mode")
    reply_bulk_text(c, b"standalone")
    reply_bulk_text(c, b"role")
    reply_bulk_text(c, b"master")
    reply_bulk_text(c, b"modules")
    reply_array(c, 0)


cdef void hello_command(client_t* c) noexcept nogil:
    """Nothing is changed before everything is known to be right: the name and the protocol of a
    client whose AUTH fails stay what they were."""
    cdef server_t* srv = server_of(c)
    cdef int64_t resp = 0
    cdef int auth_at = 0
    cdef int name_at = 0
    cdef int i = 2
    if c.argc >= 2:
        if not parse_int64(c.argv[1].data, c.argv[1].size, &resp):
            reply_error(c, ERR_PROTO_NOT_INTEGER)
            return
        if resp != 2 and resp != 3:
            reply_error(c, ERR_NO_PROTO)
            return
    while i < c.argc:
        if is_word(c.argv[i], b"auth") and i + 2 < c.argc:
            auth_at = i + 1
            i += 3
        elif is_word(c.argv[i], b"setname") and i + 1 < c.argc:
            name_at = i + 1
            if not client_text_is_clean(c.argv[name_at]):
                reply_error(c, ERR_CLIENT_NAME)
                return
            i += 2
        else:
            reply_error_about(c, b"ERR Syntax error in HELLO option '", c.argv[i], b"'")
            return
    if auth_at and not authenticate_or_reply(c, c.argv[auth_at], c.argv[auth_at + 1]):
        return
    if client_must_log_in(srv, c):
        reply_error(c, ERR_NO_AUTH_HELLO)
        return
    if name_at:
        client_set_text(c, &c.name, c.argv[name_at])
    if resp:
        c.resp = <int>resp
    reply_hello(c)


cdef void reset_command(client_t* c) noexcept nogil:
    """As new, but for what the client said of its library and its abilities."""
    cdef server_t* srv = server_of(c)
    cdef bint stranger = client_must_log_in(srv, c)
    cdef int64_t deadline_us = c.deadline_us
    multi_free(c)
    pubsub_leave(c)
    tracking_stop(c)
    if c.flags & CLIENT_MONITOR:
        c.flags &= ~<uint32_t>CLIENT_MONITOR
        srv.monitors -= 1
    c.flags &= ~<uint32_t>(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP_NEXT | CLIENT_NO_EVICT
                           | CLIENT_NO_TOUCH)
    c.ks = &srv.databases[0]
    c.resp = 2
    client_set_text(c, &c.name, slice_t(NULL, 0))
    connection_greet(srv, c)
    if stranger:
        c.deadline_us = deadline_us     # or it would never have to log in
    reply_simple(c, b"RESET")


# -- CLIENT about itself --------------------------------------------------------------------------

cdef void client_id_command(client_t* c) noexcept nogil:
    reply_int(c, <int64_t>c.id)


cdef void client_getname_command(client_t* c) noexcept nogil:
    if c.name.size:
        reply_bulk(c, c.name)
    else:
        reply_null(c)


cdef void client_setname_command(client_t* c) noexcept nogil:
    if set_name_or_reply(c, c.argv[2]):
        reply_ok(c)


cdef void client_setinfo_command(client_t* c) noexcept nogil:
    cdef slice_t* field
    if is_word(c.argv[2], b"lib-name"):
        field = &c.lib_name
    elif is_word(c.argv[2], b"lib-ver"):
        field = &c.lib_version
    else:
        reply_error_about(c, b"ERR Unrecognized option '", c.argv[2], b"'")
        return
    if not client_text_is_clean(c.argv[3]):
        reply_error_about(c, b"ERR ", c.argv[2],
                          b" cannot contain spaces, newlines or special characters.")
        return
    client_set_text(c, field, c.argv[3])
    reply_ok(c)


cdef void client_capa_command(client_t* c) noexcept nogil:
    """Abilities that we do not know are somebody's future: no error."""
    cdef int i
    for i in range(2, c.argc):
        if is_word(c.argv[i], b"redirect"):
            c.flags |= CLIENT_CAPA_REDIRECT
    reply_ok(c)


cdef void client_reply_command(client_t* c) noexcept nogil:
    """Whose replies are off reads nothing; the caller of the command drops what was written."""
    if is_word(c.argv[2], b"on"):
        c.flags &= ~<uint32_t>(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP)
        reply_ok(c)
    elif is_word(c.argv[2], b"off"):
        c.flags |= CLIENT_REPLY_OFF
    elif is_word(c.argv[2], b"skip"):
        if not c.flags & CLIENT_REPLY_OFF:
            c.flags |= CLIENT_REPLY_SKIP_NEXT
    else:
        reply_error_syntax(c)


cdef void switch_or_reply(client_t* c, uint32_t bit) noexcept nogil:
    """ON or OFF in the third argument."""
    if is_word(c.argv[2], b"on"):
        c.flags |= bit
    elif is_word(c.argv[2], b"off"):
        c.flags &= ~bit
    else:
        reply_error_syntax(c)
        return
    reply_ok(c)


cdef void client_no_evict_command(client_t* c) noexcept nogil:
    switch_or_reply(c, CLIENT_NO_EVICT)


cdef void client_no_touch_command(client_t* c) noexcept nogil:
    switch_or_reply(c, CLIENT_NO_TOUCH)


cdef void client_import_source_command(client_t* c) noexcept nogil:
    """Nobody can be a source: there is no import mode."""
    if is_word(c.argv[2], b"off"):
        reply_ok(c)
    else:
        reply_error(c, ERR_NO_IMPORT_MODE)


# -- CLIENT about all -----------------------------------------------------------------------------

cdef void client_pause_command(client_t* c) noexcept nogil:
    """A pause that runs already is never made shorter or milder."""
    cdef server_t* srv = server_of(c)
    cdef int64_t ms = 0
    cdef int64_t until_us = 0
    cdef bint whole = True
    if c.argc > 3:
        if is_word(c.argv[3], b"write"):
            whole = False
        elif not is_word(c.argv[3], b"all"):
            reply_error(c, ERR_PAUSE_MODE)
            return
    if not parse_int64(c.argv[2].data, c.argv[2].size, &ms):
        reply_error(c, ERR_TIMEOUT_NOT_INTEGER)
        return
    if ms < 0:
        reply_error(c, ERR_TIMEOUT_NEGATIVE)
        return
    if add_overflows(ms, srv.wall_ms, &until_us):
        reply_error(c, ERR_TIMEOUT_RANGE)
        return
    # Ten years are for ever, and microseconds hold them.
    until_us = srv.mono_us + (ms if ms < <int64_t>PAUSE_MS_MAX else <int64_t>PAUSE_MS_MAX) * 1000
    srv.pause.all = whole or (srv.pause.all and srv.pause.until_us > srv.mono_us)
    if until_us > srv.pause.until_us:
        srv.pause.until_us = until_us
    srv.store.expiry_paused = True
    reply_ok(c)


cdef void connection_end_pause(server_t* srv) noexcept nogil:
    srv.pause.until_us = 0
    srv.pause.all = False
    srv.store.expiry_paused = False


cdef void client_unpause_command(client_t* c) noexcept nogil:
    connection_end_pause(server_of(c))
    reply_ok(c)


cdef void client_unblock_command(client_t* c) noexcept nogil:
    cdef server_t* srv = server_of(c)
    cdef client_t* target = NULL
    cdef int64_t id = 0
    cdef bint error = False
    cdef uint32_t i
    if c.argc > 3:
        if is_word(c.argv[3], b"error"):
            error = True
        elif not is_word(c.argv[3], b"timeout"):
            reply_error(c, ERR_UNBLOCK_REASON)
            return
    if not parse_int64(c.argv[2].data, c.argv[2].size, &id):
        reply_error(c, ERR_NOT_INTEGER)
        return
    for i in range(srv.client_count):
        if srv.clients[i].id == <uint64_t>id:
            target = srv.clients[i]
    if target is NULL or not target.flags & CLIENT_BLOCKED or srv.hooks.unblock is NULL:
        reply_int(c, 0)
    else:
        reply_int(c, srv.hooks.unblock(srv, target, error))


cdef enum:
    CMD_TALK = CMD_LOADING | CMD_STALE | CMD_NOSCRIPT       # what nearly all of CLIENT shares
    CMD_ANYTIME = CMD_TALK | CMD_ALLOW_BUSY

cdef command_t TABLE[24]
TABLE[:] = [
    row(b"ping", ping_command, -1, CMD_FAST | CMD_SUBSCRIBED,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"1.0.0", b"O(1)",
        b"PING [message]",
        b"Answers PONG, or the message."),
    row(b"echo", echo_command, 2, CMD_LOADING | CMD_STALE | CMD_FAST,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"1.0.0", b"O(1)",
        b"ECHO message",
        b"Answers the message."),
    row(b"quit", quit_command, -1,
        CMD_ANYTIME | CMD_FAST | CMD_NO_AUTH | CMD_UNQUEUED | CMD_SUBSCRIBED,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"1.0.0", b"O(1)",
        b"QUIT",
        b"Says goodbye: the connection ends with the reply."),
    row(b"select", select_command, 2, CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"1.0.0", b"O(1)",
        b"SELECT index",
        b"Changes the database of this connection."),
    row(b"auth", auth_command, -2, CMD_ANYTIME | CMD_FAST | CMD_NO_AUTH,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"1.0.0", b"O(1)",
        b"AUTH [username] password",
        b"Says who this connection is, with a password."),
    row(b"hello", hello_command, -1, CMD_ANYTIME | CMD_FAST | CMD_NO_AUTH,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.0.0", b"O(1)",
        b"HELLO [protover [AUTH username password] [SETNAME clientname]]",
        b"Chooses the protocol version, authenticates, and tells about the server."),
    row(b"reset", reset_command, 1,
        CMD_ANYTIME | CMD_FAST | CMD_NO_AUTH | CMD_UNQUEUED | CMD_SUBSCRIBED,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.2.0", b"O(1)",
        b"RESET",
        b"Makes the connection as it was when it was opened."),
    row(b"client", NULL, -2, CMD_CONTAINER,
        0, GROUP_CONNECTION, keys_none(), b"2.4.0", b"Depends on subcommand.",
        b"CLIENT subcommand [argument ...]",
        b"The subcommands about connections."),
    subrow(b"client", b"id", client_id_command, 2, CMD_ANYTIME,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"5.0.0", b"O(1)",
        b"CLIENT ID",
        b"Tells the id of this connection."),
    subrow(b"client", b"info", client_info_command, 2, CMD_TALK,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.2.0", b"O(1)",
        b"CLIENT INFO",
        b"Tells about this connection."),
    subrow(b"client", b"list", client_list_command, -2, CMD_TALK | CMD_ADMIN,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"2.4.0",
        b"O(N log N) where N is the number of connections",
        b"CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id "
        b"...]] [USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME <YES | NO>] [MAXAGE "
        b"seconds] [NAME name] [IDLE seconds] [FLAGS flags] [LIB-NAME name] [LIB-VER lib-version] "
        b"[DB index] [CAPA capa] [IP ip] [NOT-TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] "
        b"[NOT-ID client-id [client-id ...]] [NOT-USER username] [NOT-ADDR ip:port] "
        b"[NOT-LADDR ip:port] [NOT-NAME name] [NOT-FLAGS flags] [NOT-LIB-NAME name] "
        b"[NOT-LIB-VER lib-version] [NOT-DB index] [NOT-CAPA capa] [NOT-IP ip]",
        b"Tells about all connections, or those that match."),
    subrow(b"client", b"kill", client_kill_command, -3, CMD_TALK | CMD_ADMIN,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"2.4.0",
        b"O(N) where N is the number of connections",
        b"CLIENT KILL <ip:port | <option value [option value ...]>>",
        b"Closes connections: one by its address, or those that match the options of LIST."),
    subrow(b"client", b"getname", client_getname_command, 2, CMD_ANYTIME,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"2.6.9", b"O(1)",
        b"CLIENT GETNAME",
        b"Tells the name of this connection."),
    subrow(b"client", b"setname", client_setname_command, 3, CMD_ANYTIME,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"2.6.9", b"O(1)",
        b"CLIENT SETNAME connection-name",
        b"Names this connection."),
    subrow(b"client", b"setinfo", client_setinfo_command, 4, CMD_ANYTIME,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"7.2.0", b"O(1)",
        b"CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>",
        b"Says which library speaks here."),
    subrow(b"client", b"reply", client_reply_command, 3, CMD_ANYTIME | CMD_NO_MULTI,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"3.2.0", b"O(1)",
        b"CLIENT REPLY <ON | OFF | SKIP>",
        b"Turns the replies to this connection on or off, or skips one."),
    subrow(b"client", b"pause", client_pause_command, -3, CMD_TALK | CMD_ADMIN,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"3.0.0", b"O(1)",
        b"CLIENT PAUSE timeout [WRITE | ALL]",
        b"Lets commands, or those that write, wait for some milliseconds."),
    subrow(b"client", b"unpause", client_unpause_command, 2, CMD_TALK | CMD_ADMIN,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"6.2.0",
        b"O(N) where N is the number of waiting connections",
        b"CLIENT UNPAUSE",
        b"Ends a pause."),
    subrow(b"client", b"no-evict", client_no_evict_command, 3, CMD_ANYTIME | CMD_ADMIN,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"7.0.0", b"O(1)",
        b"CLIENT NO-EVICT <ON | OFF>",
        b"Exempts this connection from maxmemory-clients."),
    subrow(b"client", b"no-touch", client_no_touch_command, 3, CMD_ANYTIME,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"7.2.0", b"O(1)",
        b"CLIENT NO-TOUCH <ON | OFF>",
        b"Lets the commands of this connection leave no trace in what eviction knows of keys."),
    subrow(b"client", b"unblock", client_unblock_command, -3, CMD_TALK | CMD_ADMIN,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"5.0.0",
        b"O(N) where N is the number of connections",
        b"CLIENT UNBLOCK client-id [TIMEOUT | ERROR]",
        b"Ends the blocking command of another connection."),
    subrow(b"client", b"capa", client_capa_command, -3, CMD_ANYTIME,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"8.0.0", b"O(1)",
        b"CLIENT CAPA capability [capability ...]",
        b"Says what this connection's client is able to do."),
    subrow(b"client", b"import-source", client_import_source_command, 3, CMD_TALK,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"8.1.0", b"O(1)",
        b"CLIENT IMPORT-SOURCE <ON | OFF>",
        b"Marks the connection as one that imports, where the server has an import mode."),
    subrow(b"client", b"help", NULL, 2, CMD_LOADING | CMD_STALE | CMD_PYTHON,
        ACL_CONNECTION, GROUP_CONNECTION, keys_none(), b"5.0.0", b"O(1)",
        b"CLIENT HELP",
        b"Tells about the subcommands."),
]
command_register(TABLE, 24)
