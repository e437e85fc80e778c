"""Between Lua values and RESP.

    Lua                                  RESP                           back in Lua
    number                               integer, cut                   number
    string                               bulk                           string
    true, false                          1, null; in RESP3 #t #f        {..} boolean
    nil                                  null                           RESP2 false, RESP3 nil
    {1, 2, nil, 4}                       array up to the first nil      table
    {ok = s}, {err = s}                  simple string, error           the same
    {double = n}, {big_number = s}       RESP3's own; bulk in RESP2     the same
    {map = t}, {set = t}                 RESP3's own; array in RESP2    the same; a set as keys
    {verbatim_string = {format, string}} RESP3's own; bulk in RESP2     the same

Tables are read raw: a metatable is not asked. Replies are read from the buffer that the command
has written, straight to the stack: the buffer is ours, so its form is not doubted.

A value may hold itself. Lua's stack ends the descent, and REPLY_MAX what would multiply.
"""
from libc.math cimport isfinite
from libc.stdint cimport INT64_MIN, int64_t

from ..core.buf cimport buf_append, buf_append_header
from ..core.lua cimport (
    LUA_TBOOLEAN, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua, lua_pop,
)
from ..core.number cimport parse_double
from ..wire.reply cimport (
    reply_array, reply_bool, reply_bulk, reply_double, reply_error, reply_error_two, reply_int,
    reply_map, reply_null, reply_set,
)

cdef enum:
    REPLY_MAX = 1073741824              # bytes

# -- from Lua -------------------------------------------------------------------------------------

cdef inline int field(lua_State* L, const char* name, int type) noexcept nogil:
    """Push the field of the table on top when it is of that type. True then."""
    lua.pushstring(L, name)
    lua.rawget(L, -2)
    if lua.type(L, -1) == type:
        return True
    lua_pop(L, 1)
    return False


cdef inline slice_t text_on_top(lua_State* L) noexcept nogil:
    cdef slice_t text
    text.data = lua.tolstring(L, -1, &text.size)
    return text


cdef void reply_line(client_t* c, char kind, slice_t text) noexcept nogil:
    """A line of that kind; line ends in the text become spaces."""
    cdef size_t from_ = c.reply.size + 1
    cdef size_t i
    buf_append(&c.reply, &kind, 1)
    if text.size:
        buf_append(&c.reply, text.data, text.size)
    for i in range(from_, c.reply.size):
        if c.reply.data[i] == c'\r' or c.reply.data[i] == c'\n':
            c.reply.data[i] = c' '
    buf_append(&c.reply, b"\r\n", 2)


cdef void reply_integer(client_t* c, double n) noexcept nogil:
    """What the processor makes of numbers that are none of 64 bits, on every processor."""
    if isfinite(n) and -9223372036854775808.0 <= n < 9223372036854775808.0:
        reply_int(c, <int64_t>n)
    else:
        reply_int(c, INT64_MIN)


cdef bint reply_verbatim_table(lua_State* L, client_t* c) noexcept nogil:
    """{format = "txt", string = "..."} is on top. False, and nothing is said, when it lacks one."""
    cdef slice_t format, text
    if not field(L, b"string", LUA_TSTRING):
        return False
    text = text_on_top(L)
    lua.pushstring(L, b"format")
    lua.rawget(L, -3)
    if lua.type(L, -1) != LUA_TSTRING:
        lua_pop(L, 2)
        return False
    format = text_on_top(L)
    if c.resp == 2:
        reply_bulk(c, text)
    else:
        buf_append_header(&c.reply, c'=', <int64_t>text.size + 4)
        buf_append(&c.reply, format.data if format.size >= 3 else <const char*>b"txt", 3)
        buf_append(&c.reply, b":", 1)
        if text.size:
            buf_append(&c.reply, text.data, text.size)
        buf_append(&c.reply, b"\r\n", 2)
    lua_pop(L, 2)
    return True


cdef void reply_pairs(lua_State* L, client_t* c, int resp, bint values) noexcept nogil:
    """The table on top as a map, or its keys as a set."""
    cdef int64_t count = 0
    lua.pushnil(L)
    while lua.next(L, -2):
        lua_pop(L, 1)
        count += 1
    if values:
        reply_map(c, count)
    else:
        reply_set(c, count)
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.pushvalue(L, -2)
        script_reply(L, c, resp)
        if values:
            script_reply(L, c, resp)
        else:
            lua_pop(L, 1)


cdef void reply_items(lua_State* L, client_t* c, int resp) noexcept nogil:
    cdef int count = 0
    cdef int i
    while True:
        lua.rawgeti(L, -1, count + 1)
        if lua.type(L, -1) == LUA_TNIL:
            lua_pop(L, 1)
            break
        lua_pop(L, 1)
        count += 1
    reply_array(c, count)
    for i in range(1, count + 1):
        lua.rawgeti(L, -1, i)
        script_reply(L, c, resp)


cdef bint reply_special(lua_State* L, client_t* c, int resp) noexcept nogil:
    """The table on top, when a field of it says what it is."""
    cdef bint counted
    if field(L, b"err", LUA_TSTRING):
        reply_error_two(c, b"", slice_t(NULL, 0), b"", text_on_top(L), b"")
        lua.pushstring(L, b"ignore_error_stats_update")
        lua.rawget(L, -3)
        counted = lua.toboolean(L, -1) != 0
        lua_pop(L, 1)
        if counted:
            c.errors_seen += 1          # the command that failed has counted it
    elif field(L, b"ok", LUA_TSTRING):
        reply_line(c, c'+', text_on_top(L))
    elif field(L, b"double", LUA_TNUMBER):
        reply_double(c, lua.tonumber(L, -1))
    elif field(L, b"map", LUA_TTABLE):
        reply_pairs(L, c, resp, True)
    elif field(L, b"set", LUA_TTABLE):
        reply_pairs(L, c, resp, False)
    elif field(L, b"big_number", LUA_TSTRING):
        if c.resp == 3:
            reply_line(c, c'(', text_on_top(L))
        else:
            reply_cleaned(c, text_on_top(L))
    elif field(L, b"verbatim_string", LUA_TTABLE):
        if not reply_verbatim_table(L, c):
            lua_pop(L, 1)
            return False
    else:
        return False
    lua_pop(L, 1)
    return True


cdef void reply_cleaned(client_t* c, slice_t text) noexcept nogil:
    cdef size_t i
    reply_bulk(c, text)
    for i in range(c.reply.size - 2 - text.size, c.reply.size - 2):
        if c.reply.data[i] == c'\r' or c.reply.data[i] == c'\n':
            c.reply.data[i] = c' '


cdef void script_reply(lua_State* L, client_t* c, int resp) noexcept nogil:
    """The value is popped."""
    cdef int type = lua.type(L, -1)
    if type == LUA_TSTRING:
        reply_bulk(c, text_on_top(L))
    elif type == LUA_TNUMBER:
        reply_integer(c, lua.tonumber(L, -1))
    elif type == LUA_TBOOLEAN:
        if resp == 3:
            reply_bool(c, lua.toboolean(L, -1) != 0)
        elif lua.toboolean(L, -1):
            reply_int(c, 1)
        else:
            reply_null(c)
    elif type == LUA_TTABLE:
        if not lua.checkstack(L, 6):
            reply_error(c, b"ERR reached lua stack limit")
        elif c.reply.size > REPLY_MAX:
            lua.fail(L, b"the reply of the script is too large")
        elif not reply_special(L, c, resp):
            reply_items(L, c, resp)
    else:
        reply_null(c)
    lua_pop(L, 1)


# -- to Lua ---------------------------------------------------------------------------------------

cdef void script_push_error(lua_State* L, slice_t text, bint counted) noexcept nogil:
    lua.createtable(L, 0, 2)
    lua.pushlstring(L, text.data, text.size)
    lua.setfield(L, -2, b"err")
    if counted:
        lua.pushboolean(L, True)
        lua.setfield(L, -2, b"ignore_error_stats_update")


cdef inline const char* read_line(const char* at, slice_t* line) noexcept nogil:
    line.data = at
    while at[0] != c'\r':
        at += 1
    line.size = <size_t>(at - line.data)
    return at + 2


cdef inline const char* read_number(const char* at, int64_t* number) noexcept nogil:
    cdef bint negative = at[0] == c'-'
    cdef int64_t n = 0
    if negative:
        at += 1
    while at[0] != c'\r':
        n = n * 10 - (at[0] - c'0')     # downwards: the smallest number has no opposite
        at += 1
    number[0] = n if negative else 0 - n
    return at + 2


cdef const char* push_wrapped(lua_State* L, const char* at, const char* name) noexcept nogil:
    """A line as {name = text}."""
    cdef slice_t line
    at = read_line(at, &line)
    lua.createtable(L, 0, 1)
    lua.pushlstring(L, line.data, line.size)
    lua.setfield(L, -2, name)
    return at


cdef const char* push_array(lua_State* L, const char* at) noexcept nogil:
    cdef int64_t count = 0
    cdef int i
    at = read_number(at, &count)
    if count < 0:
        lua.pushboolean(L, False)
        return at
    lua.growstack(L, 4, b"a reply is too deep")
    lua.createtable(L, <int>count, 0)
    for i in range(1, <int>count + 1):
        at = script_push_reply(L, at)
        lua.rawseti(L, -2, i)
    return at


cdef const char* push_pairs(lua_State* L, const char* at, bint values) noexcept nogil:
    """{map = {..}}, or {set = {.. = true}}."""
    cdef int64_t count = 0
    cdef int64_t i
    at = read_number(at, &count)
    lua.growstack(L, 6, b"a reply is too deep")
    lua.createtable(L, 0, 1)
    lua.createtable(L, 0, <int>count)
    for i in range(count):
        at = script_push_reply(L, at)
        if values:
            at = script_push_reply(L, at)
        else:
            lua.pushboolean(L, True)
        if lua.type(L, -2) == LUA_TNIL:
            lua_pop(L, 2)               # no key of a table
        else:
            lua.rawset(L, -3)
    lua.setfield(L, -2, b"map" if values else b"set")
    return at


cdef const char* push_verbatim(lua_State* L, const char* at) noexcept nogil:
    cdef int64_t size = 0
    at = read_number(at, &size)
    lua.createtable(L, 0, 1)
    lua.createtable(L, 0, 2)
    lua.pushlstring(L, at, 3)
    lua.setfield(L, -2, b"format")
    lua.pushlstring(L, at + 4, <size_t>size - 4)
    lua.setfield(L, -2, b"string")
    lua.setfield(L, -2, b"verbatim_string")
    return at + size + 2


cdef const char* push_double(lua_State* L, const char* at) noexcept nogil:
    cdef slice_t line
    cdef double value = 0
    at = read_line(at, &line)
    if not parse_double(line.data, line.size, &value):
        value = <double>0 * (<double>1e308 * 10)        # "nan" alone is not parsed
    lua.createtable(L, 0, 1)
    lua.pushnumber(L, value)
    lua.setfield(L, -2, b"double")
    return at


cdef const char* script_push_reply(lua_State* L, const char* at) noexcept nogil:
    cdef char kind = at[0]
    cdef int64_t number = 0
    cdef slice_t line
    at += 1
    if kind == c'$':
        at = read_number(at, &number)
        if number < 0:
            lua.pushboolean(L, False)
            return at
        lua.pushlstring(L, at, <size_t>number)
        return at + number + 2
    if kind == c':':
        at = read_number(at, &number)
        lua.pushnumber(L, <double>number)
        return at
    if kind == c'+':
        return push_wrapped(L, at, b"ok")
    if kind == c'*' or kind == c'>':
        return push_array(L, at)
    if kind == c'-':
        at = read_line(at, &line)
        script_push_error(L, line, True)
        return at
    if kind == c'%' or kind == c'~':
        return push_pairs(L, at, kind == c'%')
    if kind == c'#':
        lua.pushboolean(L, at[0] == c't')
        return at + 3
    if kind == c',':
        return push_double(L, at)
    if kind == c'(':
        return push_wrapped(L, at, b"big_number")
    if kind == c'=':
        return push_verbatim(L, at)
    lua.pushnil(L)                      # _
    return at + 2
