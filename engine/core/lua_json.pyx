"""cjson for scripts.

The names, limits, texts and oddities are those of the lua-cjson library (version 2.1), which
servers of this kind have carried for a decade: scripts match on them.

    array    a table whose keys are whole numbers from 1; else an object; {} is an object
    sparse   an array with many holes: longer than `safe`, and than `ratio` times its items
    null     a light userdata of address 0: cjson.null
    numbers  14 digits; infinity and NaN are refused when writing and read when reading

A text is read token by token, without a copy but for strings with escapes. Depth is bounded by
the configuration, and by the room of Lua's stack, which ends before ours does.

Invariants
    J1  reading stops at the NUL that Lua keeps behind every string: no byte after it is looked at
"""
from libc.math cimport floor, isfinite, isnan
from libc.stdint cimport uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport strtod
from libc.string cimport memcmp

from .buf cimport buf_t
from .lua cimport (
    LUA_TBOOLEAN, LUA_TLIGHTUSERDATA, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua,
    lua_State, lua_argcheck, lua_fn, lua_pop,
)
from .lua_vm cimport vm_text, vm_text_append, vm_text_byte, vm_text_push
from .number cimport equal_nocase, parse_double

cdef enum:
    DEPTH_MAX = 1000
    PRECISION_MAX = 14
    SPARSE_RATIO = 2
    SPARSE_SAFE = 10
    CONFIG_AT = -10003                  # upvalue 1
    NUMBER_TEXT = 40

cdef enum invalid_t:                    # infinity and NaN when writing
    INVALID_REFUSE = 0
    INVALID_WRITE = 1
    INVALID_NULL = 2

cdef struct config_t:
    int sparse_convert                  # an excessively sparse array becomes an object
    int sparse_ratio
    int sparse_safe
    int encode_depth
    int decode_depth
    int encode_invalid                  # invalid_t
    int decode_invalid
    int precision
    int keep_buffer                     # told back, and otherwise nothing: our buffer is shared

cdef enum token_t:
    T_OBJ_BEGIN = 0
    T_OBJ_END = 1
    T_ARR_BEGIN = 2
    T_ARR_END = 3
    T_STRING = 4
    T_NUMBER = 5
    T_BOOLEAN = 6
    T_NULL = 7
    T_COLON = 8
    T_COMMA = 9
    T_END = 10
    T_ERROR = 11

cdef const char** TOKEN_NAMES = [
    "T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER", "T_BOOLEAN",
    "T_NULL", "T_COLON", "T_COMMA", "T_END", "T_ERROR",
]

cdef struct reader_t:
    lua_State* L
    const config_t* config
    const char* start
    const char* at
    const char* end
    buf_t* text                         # strings with escapes
    int depth
    token_t token
    const char* token_at
    const char* string                  # T_STRING; T_ERROR: what is wrong
    size_t string_size
    double number
    bint truth

cdef const char* HEX = b"0123456789abcdef"


# -- writing --------------------------------------------------------------------------------------

cdef void refuse(lua_State* L, int type, const char* why) noexcept nogil:
    lua.fail(L, b"Cannot serialise %s: %s", lua.typename(L, type), why)


cdef void write_string(lua_State* L, buf_t* out, int index) noexcept nogil:
    cdef size_t size
    cdef size_t i
    cdef size_t from_ = 0
    cdef unsigned char c
    cdef char escape[6]
    cdef size_t escape_size
    cdef const char* data = lua.tolstring(L, index, &size)
    vm_text_byte(L, out, c'"')
    for i in range(size):
        c = <unsigned char>data[i]
        if c >= 0x20 and c != c'"' and c != c'\\' and c != c'/' and c != 127:
            continue
        escape[0] = c'\\'
        escape_size = 2
        if c == c'"' or c == c'\\' or c == c'/':
            escape[1] = <char>c
        elif c == c'\b':
            escape[1] = c'b'
        elif c == c'\t':
            escape[1] = c't'
        elif c == c'\n':
            escape[1] = c'n'
        elif c == c'\f':
            escape[1] = c'f'
        elif c == c'\r':
            escape[1] = c'r'
        else:
            escape[1] = c'u'
            escape[2] = c'0'
            escape[3] = c'0'
            escape[4] = HEX[c >> 4]
            escape[5] = HEX[c & 15]
            escape_size = 6
        vm_text_append(L, out, data + from_, i - from_)
        vm_text_append(L, out, escape, escape_size)
        from_ = i + 1
    vm_text_append(L, out, data + from_, size - from_)
    vm_text_byte(L, out, c'"')


cdef void write_number(lua_State* L, const config_t* config, buf_t* out, double n) noexcept nogil:
    cdef char text[NUMBER_TEXT]
    cdef int size
    if not isfinite(n):
        if config.encode_invalid == INVALID_NULL:
            vm_text_append(L, out, b"null", 4)
            return
        if config.encode_invalid == INVALID_REFUSE:
            refuse(L, LUA_TNUMBER, b"must not be NaN or Inf")
        if isnan(n):
            vm_text_append(L, out, b"nan", 3)
            return
    size = snprintf(text, sizeof(text), b"%.*g", config.precision, n)
    vm_text_append(L, out, text, <size_t>size)


cdef int array_size(lua_State* L, const config_t* config) noexcept nogil:
    """Items of the table on top as an array; -1 when it is an object."""
    cdef double key
    cdef double highest = 0
    cdef int items = 0
    lua.pushnil(L)
    while lua.next(L, -2):
        lua_pop(L, 1)
        if lua.type(L, -1) != LUA_TNUMBER:
            lua_pop(L, 1)
            return -1
        key = lua.tonumber(L, -1)
        if not (key >= 1 and floor(key) == key and key <= 2147483647):
            lua_pop(L, 1)
            return -1
        highest = key if key > highest else highest
        items += 1
    if (config.sparse_ratio > 0 and highest > <double>items * config.sparse_ratio
            and highest > config.sparse_safe):
        if not config.sparse_convert:
            refuse(L, LUA_TTABLE, b"excessively sparse array")
        return -1
    return <int>highest


cdef void write_object(lua_State* L, const config_t* config, buf_t* out, int depth) noexcept nogil:
    cdef bint first = True
    cdef int type
    vm_text_byte(L, out, c'{')
    lua.pushnil(L)
    while lua.next(L, -2):
        if not first:
            vm_text_byte(L, out, c',')
        first = False
        type = lua.type(L, -2)
        if type == LUA_TNUMBER:
            vm_text_byte(L, out, c'"')
            write_number(L, config, out, lua.tonumber(L, -2))
            vm_text_byte(L, out, c'"')
        elif type == LUA_TSTRING:
            write_string(L, out, -2)
        else:
            refuse(L, type, b"table key must be a number or string")
        vm_text_byte(L, out, c':')
        write_value(L, config, out, depth)
        lua_pop(L, 1)
    vm_text_byte(L, out, c'}')


cdef void write_table(lua_State* L, const config_t* config, buf_t* out, int depth) noexcept nogil:
    cdef int size, i
    if depth > config.encode_depth or not lua.checkstack(L, 4):
        lua.fail(L, b"Cannot serialise, excessive nesting (%d)", depth)
    size = array_size(L, config)
    if size <= 0:
        write_object(L, config, out, depth)
        return
    vm_text_byte(L, out, c'[')
    for i in range(1, size + 1):
        if i > 1:
            vm_text_byte(L, out, c',')
        lua.rawgeti(L, -1, i)
        write_value(L, config, out, depth)
        lua_pop(L, 1)
    vm_text_byte(L, out, c']')


cdef void write_value(lua_State* L, const config_t* config, buf_t* out, int depth) noexcept nogil:
    """The value on top."""
    cdef int type = lua.type(L, -1)
    if type == LUA_TSTRING:
        write_string(L, out, -1)
    elif type == LUA_TNUMBER:
        write_number(L, config, out, lua.tonumber(L, -1))
    elif type == LUA_TBOOLEAN:
        if lua.toboolean(L, -1):
            vm_text_append(L, out, b"true", 4)
        else:
            vm_text_append(L, out, b"false", 5)
    elif type == LUA_TTABLE:
        write_table(L, config, out, depth + 1)
    elif type == LUA_TNIL or (type == LUA_TLIGHTUSERDATA and lua.touserdata(L, -1) is NULL):
        vm_text_append(L, out, b"null", 4)
    else:
        refuse(L, type, b"type not supported")


cdef int json_encode(lua_State* L) noexcept nogil:
    cdef const config_t* config = <const config_t*>lua.touserdata(L, CONFIG_AT)
    cdef buf_t* out
    lua_argcheck(L, lua.gettop(L) == 1, 1, b"expected 1 argument")
    out = vm_text(L)
    write_value(L, config, out, 0)
    vm_text_push(L, out)
    return 1


# -- tokens ---------------------------------------------------------------------------------------

cdef void wrong(reader_t* r, const char* where, const char* why) noexcept nogil:
    r.token = T_ERROR
    r.token_at = where
    r.string = why


cdef int hex_digits(const char* at) noexcept nogil:
    """Four of them; -1 when they are not."""
    cdef int value = 0
    cdef int i
    cdef int c
    for i in range(4):
        c = at[i]
        if c'0' <= c <= c'9':
            c -= c'0'
        elif c'a' <= c | 32 <= c'f':
            c = (c | 32) - c'a' + 10
        else:
            return -1                   # J1: the NUL is no digit
        value = value << 4 | c
    return value


cdef size_t put_utf8(char* out, uint32_t code) noexcept nogil:
    if code < 0x80:
        out[0] = <char>code
        return 1
    if code < 0x800:
        out[0] = <char>(0xC0 | code >> 6)
        out[1] = <char>(0x80 | code & 63)
        return 2
    if code < 0x10000:
        out[0] = <char>(0xE0 | code >> 12)
        out[1] = <char>(0x80 | code >> 6 & 63)
        out[2] = <char>(0x80 | code & 63)
        return 3
    out[0] = <char>(0xF0 | code >> 18)
    out[1] = <char>(0x80 | code >> 12 & 63)
    out[2] = <char>(0x80 | code >> 6 & 63)
    out[3] = <char>(0x80 | code & 63)
    return 4


cdef bint read_unicode(reader_t* r) noexcept nogil:
    r"""\uXXXX at r.at, or two of them that make one character."""
    cdef char text[4]
    cdef int low
    cdef int code = hex_digits(r.at + 2)
    cdef const char* next = r.at + 6
    if code < 0 or code & 0xFC00 == 0xDC00:
        return False
    if code & 0xFC00 == 0xD800:
        if next[0] != c'\\' or next[1] != c'u':
            return False
        low = hex_digits(next + 2)
        if low < 0 or low & 0xFC00 != 0xDC00:
            return False
        code = 0x10000 + ((code & 0x3FF) << 10 | low & 0x3FF)
        next += 6
    vm_text_append(r.L, r.text, text, put_utf8(text, <uint32_t>code))
    r.at = next
    return True


cdef bint read_escape(reader_t* r) noexcept nogil:
    cdef char c = r.at[1]
    if c == c'u':
        if not read_unicode(r):
            wrong(r, r.at, b"invalid unicode escape code")
            return False
        return True
    if c == c'b':
        c = c'\b'
    elif c == c't':
        c = c'\t'
    elif c == c'n':
        c = c'\n'
    elif c == c'f':
        c = c'\f'
    elif c == c'r':
        c = c'\r'
    elif c != c'"' and c != c'\\' and c != c'/':
        wrong(r, r.at, b"invalid escape code")
        return False
    vm_text_byte(r.L, r.text, c)
    r.at += 2
    return True


cdef void read_string(reader_t* r) noexcept nogil:
    cdef const char* from_
    r.at += 1
    from_ = r.at
    while r.at[0] != c'"' and r.at[0] != c'\\' and r.at[0] != 0:
        r.at += 1
    r.token = T_STRING
    if r.at[0] == c'"':                 # as it stands
        r.string = from_
        r.string_size = <size_t>(r.at - from_)
        r.at += 1
        return
    r.text.size = 0
    while r.at[0] != c'"':
        if r.at[0] == c'\\':
            vm_text_append(r.L, r.text, from_, <size_t>(r.at - from_))
            if not read_escape(r):
                return
            from_ = r.at
        elif r.at[0] == 0:              # J1
            wrong(r, r.at, b"unexpected end of string")
            return
        else:
            r.at += 1
    vm_text_append(r.L, r.text, from_, <size_t>(r.at - from_))
    r.at += 1
    r.string = r.text.data
    r.string_size = r.text.size


cdef inline bint is_digit(char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef bint is_unusual(const char* at) noexcept nogil:
    """A number that JSON does not know: plus, leading zero, hexadecimal, infinity, NaN."""
    if at[0] == c'+':
        return True
    if at[0] == c'-':
        at += 1
    if at[0] == c'0':
        return at[1] | 32 == c'x' or is_digit(at[1])
    if at[0] <= c'9':
        return False
    return at[0] and at[1] and (equal_nocase(at, 3, b"inf", 3) or equal_nocase(at, 3, b"nan", 3))


cdef void read_number(reader_t* r) noexcept nogil:
    cdef const char* at = r.at
    cdef const char* digits
    cdef char* end
    at += 1 if at[0] == c'-' else 0
    digits = at
    while is_digit(at[0]):
        at += 1
    if at[0] == c'.':
        at += 1
        while is_digit(at[0]):
            at += 1
    if at > digits and is_digit((at - 1)[0]) and at[0] | 32 != c'x' and at[0] | 32 != c'e':
        if parse_double(r.at, <size_t>(at - r.at), &r.number):
            r.at = at
            r.token = T_NUMBER
            return
    r.number = strtod(r.at, &end)       # the rest, and what is out of range
    if end == r.at:
        wrong(r, r.at, b"invalid number")
        return
    r.at = end
    r.token = T_NUMBER


cdef bint word(reader_t* r, const char* text, size_t size, token_t token) noexcept nogil:
    if <size_t>(r.end - r.at) < size or memcmp(r.at, text, size):
        return False
    r.at += size
    r.token = token
    r.truth = text[0] == c't'
    return True


cdef void read_token(reader_t* r) noexcept nogil:
    cdef char c
    while r.at[0] == c' ' or r.at[0] == c'\t' or r.at[0] == c'\n' or r.at[0] == c'\r':
        r.at += 1
    r.token_at = r.at
    c = r.at[0]
    if c == c'"':
        read_string(r)
    elif c == c'-' or is_digit(c):
        if not r.config.decode_invalid and is_unusual(r.at):
            wrong(r, r.at, b"invalid number")
        else:
            read_number(r)
    elif c == 0 and r.at == r.end:
        r.token = T_END
    elif c == c'{' or c == c'}' or c == c'[' or c == c']' or c == c':' or c == c',':
        r.token = (T_OBJ_BEGIN if c == c'{' else T_OBJ_END if c == c'}' else T_ARR_BEGIN
                   if c == c'[' else T_ARR_END if c == c']' else T_COLON if c == c':' else T_COMMA)
        r.at += 1
    elif not (word(r, b"true", 4, T_BOOLEAN) or word(r, b"false", 5, T_BOOLEAN)
              or word(r, b"null", 4, T_NULL)):
        if r.config.decode_invalid and is_unusual(r.at):
            read_number(r)
        else:
            wrong(r, r.at, b"invalid token")


# -- reading --------------------------------------------------------------------------------------

cdef void unexpected(reader_t* r, const char* expected) noexcept nogil:
    lua.fail(r.L, b"Expected %s but found %s at character %d", expected,
             r.string if r.token == T_ERROR else TOKEN_NAMES[<int>r.token],
             <int>(r.token_at - r.start) + 1)


cdef void descend(reader_t* r, int slots) noexcept nogil:
    r.depth += 1
    if r.depth > r.config.decode_depth or not lua.checkstack(r.L, slots):
        lua.fail(r.L, b"Found too many nested data structures (%d) at character %d", r.depth,
                 <int>(r.at - r.start))


cdef void read_object(reader_t* r) noexcept nogil:
    descend(r, 5)
    lua.createtable(r.L, 0, 0)
    read_token(r)
    if r.token == T_OBJ_END:
        r.depth -= 1
        return
    while True:
        if r.token != T_STRING:
            unexpected(r, b"object key string")
        lua.pushlstring(r.L, r.string if r.string_size else <const char*>b"", r.string_size)
        read_token(r)
        if r.token != T_COLON:
            unexpected(r, b"colon")
        read_token(r)
        read_value(r)
        lua.rawset(r.L, -3)
        read_token(r)
        if r.token == T_OBJ_END:
            r.depth -= 1
            return
        if r.token != T_COMMA:
            unexpected(r, b"comma or object end")
        read_token(r)


cdef void read_array(reader_t* r) noexcept nogil:
    cdef int i = 1
    descend(r, 4)
    lua.createtable(r.L, 0, 0)
    read_token(r)
    if r.token == T_ARR_END:
        r.depth -= 1
        return
    while True:
        read_value(r)
        lua.rawseti(r.L, -2, i)
        i += 1
        read_token(r)
        if r.token == T_ARR_END:
            r.depth -= 1
            return
        if r.token != T_COMMA:
            unexpected(r, b"comma or array end")
        read_token(r)


cdef void read_value(reader_t* r) noexcept nogil:
    """The value that begins with the token which was read last."""
    if r.token == T_STRING:
        lua.pushlstring(r.L, r.string if r.string_size else <const char*>b"", r.string_size)
    elif r.token == T_NUMBER:
        lua.pushnumber(r.L, r.number)
    elif r.token == T_BOOLEAN:
        lua.pushboolean(r.L, r.truth)
    elif r.token == T_OBJ_BEGIN:
        read_object(r)
    elif r.token == T_ARR_BEGIN:
        read_array(r)
    elif r.token == T_NULL:
        lua.pushlightuserdata(r.L, NULL)
    else:
        unexpected(r, b"value")


cdef int json_decode(lua_State* L) noexcept nogil:
    cdef reader_t r
    cdef size_t size
    lua_argcheck(L, lua.gettop(L) == 1, 1, b"expected 1 argument")
    r.L = L
    r.config = <const config_t*>lua.touserdata(L, CONFIG_AT)
    r.start = lua.checklstring(L, 1, &size)
    r.at = r.start
    r.end = r.start + size
    r.text = vm_text(L)
    r.depth = 0
    r.string_size = 0
    if size >= 2 and (r.start[0] == 0 or r.start[1] == 0):
        lua.fail(L, b"JSON parser does not support UTF-16 or UTF-32")
    read_token(&r)
    read_value(&r)
    read_token(&r)
    if r.token != T_END:
        unexpected(&r, b"the end")
    return 1


# -- configuration --------------------------------------------------------------------------------

cdef config_t* configure(lua_State* L, int arguments) noexcept nogil:
    lua_argcheck(L, lua.gettop(L) <= arguments, arguments + 1, b"found too many arguments")
    lua.settop(L, arguments)
    return <config_t*>lua.touserdata(L, CONFIG_AT)


cdef void integer_option(lua_State* L, int index, int* field, int low, int high) noexcept nogil:
    cdef char why[64]
    cdef double value
    if lua.type(L, index) != LUA_TNIL:
        value = lua.checknumber(L, index)
        if not (low <= value <= high):
            snprintf(why, sizeof(why), b"expected integer between %d and %d", low, high)
            lua.argerror(L, index, why)
        field[0] = <int>value
    lua.pushinteger(L, field[0])
    lua.replace(L, index)


cdef void switch_option(lua_State* L, int index, int* field, bint with_null) noexcept nogil:
    """off, on, or a boolean; where null is possible, that too."""
    cdef const char* name
    cdef size_t size
    cdef int type = lua.type(L, index)
    if type == LUA_TBOOLEAN:
        field[0] = lua.toboolean(L, index)
    elif type != LUA_TNIL:
        name = lua.checklstring(L, index, &size)
        if size == 3 and memcmp(name, b"off", 3) == 0:
            field[0] = 0
        elif size == 2 and memcmp(name, b"on", 2) == 0:
            field[0] = 1
        elif with_null and size == 4 and memcmp(name, b"null", 4) == 0:
            field[0] = INVALID_NULL
        else:
            lua.argerror(L, index, lua.pushfstring(L, b"invalid option '%s'", name))
    if field[0] == INVALID_NULL:
        lua.pushstring(L, b"null")
    else:
        lua.pushboolean(L, field[0])
    lua.replace(L, index)


cdef int json_sparse(lua_State* L) noexcept nogil:
    cdef config_t* config = configure(L, 3)
    switch_option(L, 1, &config.sparse_convert, False)
    integer_option(L, 2, &config.sparse_ratio, 0, 2147483647)
    integer_option(L, 3, &config.sparse_safe, 0, 2147483647)
    return 3


cdef int json_encode_depth(lua_State* L) noexcept nogil:
    integer_option(L, 1, &configure(L, 1).encode_depth, 1, 2147483647)
    return 1


cdef int json_decode_depth(lua_State* L) noexcept nogil:
    integer_option(L, 1, &configure(L, 1).decode_depth, 1, 2147483647)
    return 1


cdef int json_precision(lua_State* L) noexcept nogil:
    integer_option(L, 1, &configure(L, 1).precision, 1, PRECISION_MAX)
    return 1


cdef int json_keep_buffer(lua_State* L) noexcept nogil:
    switch_option(L, 1, &configure(L, 1).keep_buffer, False)
    return 1


cdef int json_encode_invalid(lua_State* L) noexcept nogil:
    switch_option(L, 1, &configure(L, 1).encode_invalid, True)
    return 1


cdef int json_decode_invalid(lua_State* L) noexcept nogil:
    switch_option(L, 1, &configure(L, 1).decode_invalid, False)
    return 1


cdef void add(lua_State* L, const char* name, lua_fn fn) noexcept nogil:
    """A function that knows the configuration on top, to the table below it."""
    lua.pushvalue(L, -1)
    lua.pushcclosure(L, fn, 1)
    lua.setfield(L, -3, name)


cdef int lua_json_open(lua_State* L) noexcept nogil:
    cdef config_t* config
    lua.createtable(L, 0, 13)
    config = <config_t*>lua.newuserdata(L, sizeof(config_t))
    config[0] = config_t(0, SPARSE_RATIO, SPARSE_SAFE, DEPTH_MAX, DEPTH_MAX, INVALID_REFUSE,
                         1, PRECISION_MAX, 1)
    add(L, b"encode", json_encode)
    add(L, b"decode", json_decode)
    add(L, b"encode_sparse_array", json_sparse)
    add(L, b"encode_max_depth", json_encode_depth)
    add(L, b"decode_max_depth", json_decode_depth)
    add(L, b"encode_number_precision", json_precision)
    add(L, b"encode_keep_buffer", json_keep_buffer)
    add(L, b"encode_invalid_numbers", json_encode_invalid)
    add(L, b"decode_invalid_numbers", json_decode_invalid)
    add(L, b"new", lua_json_open)
    lua_pop(L, 1)
    lua.pushlightuserdata(L, NULL)
    lua.setfield(L, -2, b"null")
    lua.pushstring(L, b"cjson")
    lua.setfield(L, -2, b"_NAME")
    lua.pushstring(L, b"2.1.0")
    lua.setfield(L, -2, b"_VERSION")
    return 1
