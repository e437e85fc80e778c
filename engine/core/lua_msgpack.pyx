"""cmsgpack for scripts.

Names, choices and texts are those of lua-cmsgpack 0.4, which scripts know: whole numbers are
written as integers and others as the narrower float that holds them; a table is an array when its
keys are exactly 1 to n, a map otherwise; what lies deeper than 16 tables, and what has no form in
MessagePack, is written as nil. The newer `bin` and `ext` types are refused when reading.

A count is never believed: tables grow by what is really there.
"""
from libc.math cimport floor, isfinite
from libc.stdint cimport INT64_MIN, int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from .buf cimport buf_t
from .intrinsics cimport byte_swap64
from .lua cimport (
    LUA_TBOOLEAN, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua, lua_State, lua_pop,
)
from .lua_vm cimport vm_set_function, vm_set_string, vm_text, vm_text_append, vm_text_byte, \
    vm_text_push

cdef enum:
    NESTING_MAX = 16                    # when writing

cdef struct reader_t:
    lua_State* L
    const uint8_t* at
    const uint8_t* end

cdef double TWO63 = 9223372036854775808.0


# -- writing --------------------------------------------------------------------------------------

cdef void put(lua_State* L, buf_t* out, uint8_t code, uint64_t value, size_t size) noexcept nogil:
    """A code and the low `size` bytes of value, highest first."""
    cdef char text[9]
    cdef uint64_t swapped = byte_swap64(value)
    text[0] = <char>code
    memcpy(&text[1], <char*>&swapped + 8 - size, size)
    vm_text_append(L, out, text, size + 1)


cdef void write_integer(lua_State* L, buf_t* out, int64_t n) noexcept nogil:
    cdef uint64_t u = <uint64_t>n
    if n >= 0:
        if n <= 127:
            vm_text_byte(L, out, <char>n)
        elif n <= 0xFF:
            put(L, out, 0xCC, u, 1)
        elif n <= 0xFFFF:
            put(L, out, 0xCD, u, 2)
        elif n <= 0xFFFFFFFFLL:
            put(L, out, 0xCE, u, 4)
        else:
            put(L, out, 0xCF, u, 8)
    elif n >= -32:
        vm_text_byte(L, out, <char>n)
    elif n >= -128:
        put(L, out, 0xD0, u, 1)
    elif n >= -32768:
        put(L, out, 0xD1, u, 2)
    elif n >= -2147483648LL:
        put(L, out, 0xD2, u, 4)
    else:
        put(L, out, 0xD3, u, 8)


cdef void write_number(lua_State* L, buf_t* out, double n) noexcept nogil:
    cdef float narrow = <float>n
    cdef uint32_t bits
    cdef uint64_t wide
    if isfinite(n) and floor(n) == n and -TWO63 <= n < TWO63:
        write_integer(L, out, <int64_t>n)
    elif <double>narrow == n:
        memcpy(&bits, &narrow, 4)
        put(L, out, 0xCA, bits, 4)
    else:
        memcpy(&wide, &n, 8)
        put(L, out, 0xCB, wide, 8)


cdef void write_string(lua_State* L, buf_t* out, int index) noexcept nogil:
    cdef size_t size
    cdef const char* data = lua.tolstring(L, index, &size)
    if size < 32:
        vm_text_byte(L, out, <char>(0xA0 | size))
    elif size <= 0xFF:
        put(L, out, 0xD9, size, 1)
    elif size <= 0xFFFF:
        put(L, out, 0xDA, size, 2)
    else:
        put(L, out, 0xDB, size, 4)
    vm_text_append(L, out, data, size)


cdef void write_count(lua_State* L, buf_t* out, uint8_t few, uint8_t many,
                      size_t count) noexcept nogil:
    if count < 16:
        vm_text_byte(L, out, <char>(few | count))
    elif count <= 0xFFFF:
        put(L, out, many, count, 2)
    else:
        put(L, out, many + 1, count, 4)


cdef bint count_items(lua_State* L, size_t* count) noexcept nogil:
    """How many the table on top has; true when their keys are 1 to that."""
    cdef double key
    cdef double highest = 0
    cdef bint is_array = True
    count[0] = 0
    lua.pushnil(L)
    while lua.next(L, -2):
        lua_pop(L, 1)
        count[0] += 1
        if is_array:
            key = lua.tonumber(L, -1) if lua.type(L, -1) == LUA_TNUMBER else 0
            is_array = key > 0 and floor(key) == key
            highest = key if key > highest else highest
    return is_array and highest == <double>count[0]


cdef void write_table(lua_State* L, buf_t* out, int depth) noexcept nogil:
    cdef size_t count
    cdef size_t i
    if not lua.checkstack(L, 5):
        lua.fail(L, b"stack overflow")
    if count_items(L, &count):
        write_count(L, out, 0x90, 0xDC, count)
        for i in range(1, count + 1):
            lua.rawgeti(L, -1, <int>i)
            write_value(L, out, depth + 1)
        return
    write_count(L, out, 0x80, 0xDE, count)
    lua.pushnil(L)
    while lua.next(L, -2):
        lua.pushvalue(L, -2)
        write_value(L, out, depth + 1)
        write_value(L, out, depth + 1)


cdef void write_value(lua_State* L, buf_t* out, int depth) noexcept nogil:
    """The value on top, which is popped."""
    cdef int type = lua.type(L, -1)
    if type == LUA_TSTRING:
        write_string(L, out, -1)
    elif type == LUA_TNUMBER:
        write_number(L, out, lua.tonumber(L, -1))
    elif type == LUA_TBOOLEAN:
        vm_text_byte(L, out, <char>(0xC3 if lua.toboolean(L, -1) else 0xC2))
    elif type == LUA_TTABLE and depth < NESTING_MAX:
        write_table(L, out, depth)
    else:
        vm_text_byte(L, out, <char>0xC0)
    lua_pop(L, 1)


cdef int msgpack_pack(lua_State* L) noexcept nogil:
    cdef int count = lua.gettop(L)
    cdef int i
    cdef buf_t* out
    if count == 0:
        return lua.argerror(L, 0, b"MessagePack pack needs input.")
    out = vm_text(L)
    for i in range(1, count + 1):
        lua.growstack(L, 1, b"in function MessagePack pack")
        lua.pushvalue(L, i)
        write_value(L, out, 0)
    vm_text_push(L, out)
    return 1


# -- reading --------------------------------------------------------------------------------------

cdef const uint8_t* take(reader_t* r, uint64_t size) noexcept nogil:
    cdef const uint8_t* here = r.at
    if <uint64_t>(r.end - r.at) < size:
        lua.fail(r.L, b"Missing bytes in input.")
    r.at += size
    return here


cdef uint64_t read_unsigned(reader_t* r, size_t size) noexcept nogil:
    cdef uint64_t value = 0
    cdef const uint8_t* here = take(r, size)
    cdef size_t i
    for i in range(size):
        value = value << 8 | here[i]
    return value


cdef void read_string(reader_t* r, uint64_t size) noexcept nogil:
    cdef const uint8_t* here = take(r, size)
    lua.pushlstring(r.L, <const char*>here, size)


cdef void read_array(reader_t* r, uint64_t count) noexcept nogil:
    cdef uint64_t i
    lua.growstack(r.L, 2, b"in function mp_decode_to_lua_array")
    lua.createtable(r.L, 0, 0)
    for i in range(1, count + 1):
        read_value(r)
        lua.rawseti(r.L, -2, <int>i)


cdef void read_map(reader_t* r, uint64_t count) noexcept nogil:
    cdef uint64_t i
    cdef double key
    lua.growstack(r.L, 3, b"in function mp_decode_to_lua_hash")
    lua.createtable(r.L, 0, 0)
    for i in range(count):
        read_value(r)
        if lua.type(r.L, -1) == LUA_TNUMBER:
            key = lua.tonumber(r.L, -1)
            if key != key:
                lua.pushstring(r.L, b"table index is NaN")
                lua.throw(r.L)
        elif lua.type(r.L, -1) <= 0:
            lua.pushstring(r.L, b"table index is nil")
            lua.throw(r.L)
        read_value(r)
        lua.rawset(r.L, -3)


cdef void read_float(reader_t* r, size_t size) noexcept nogil:
    cdef uint64_t bits = read_unsigned(r, size)
    cdef uint32_t low = <uint32_t>bits
    cdef float narrow
    cdef double wide
    if size == 4:
        memcpy(&narrow, &low, 4)
        wide = narrow
    else:
        memcpy(&wide, &bits, 8)
    if wide != wide:
        wide = wide - wide              # one NaN: others' bits are Lua's own business
    lua.pushnumber(r.L, wide)


cdef void read_signed(reader_t* r, size_t size) noexcept nogil:
    cdef uint64_t value = read_unsigned(r, size)
    cdef int64_t n
    if size == 1:
        n = <int8_t>value
    elif size == 2:
        n = <int16_t>value
    elif size == 4:
        n = <int32_t>value
    else:
        n = <int64_t>value
    lua.pushnumber(r.L, <double>n)


cdef void read_value(reader_t* r) noexcept nogil:
    cdef uint8_t code = take(r, 1)[0]
    if code < 0x80:
        lua.pushnumber(r.L, code)
    elif code >= 0xE0:
        lua.pushnumber(r.L, <double>code - 256)
    elif code < 0x90:
        read_map(r, code & 15)
    elif code < 0xA0:
        read_array(r, code & 15)
    elif code < 0xC0:
        read_string(r, code & 31)
    elif code == 0xC0:
        lua.pushnil(r.L)
    elif code == 0xC2 or code == 0xC3:
        lua.pushboolean(r.L, code == 0xC3)
    elif 0xCA <= code <= 0xCB:
        read_float(r, 4 if code == 0xCA else 8)
    elif 0xCC <= code <= 0xCF:
        lua.pushnumber(r.L, <double><int64_t>read_unsigned(r, <size_t>1 << (code - 0xCC)))
    elif 0xD0 <= code <= 0xD3:
        read_signed(r, <size_t>1 << (code - 0xD0))
    elif 0xD9 <= code <= 0xDB:
        read_string(r, read_unsigned(r, <size_t>1 << (code - 0xD9)))
    elif 0xDC <= code <= 0xDD:
        read_array(r, read_unsigned(r, <size_t>2 << (code - 0xDC)))
    elif 0xDE <= code <= 0xDF:
        read_map(r, read_unsigned(r, <size_t>2 << (code - 0xDE)))
    else:
        lua.fail(r.L, b"Bad data format in input.")


cdef int unpack(lua_State* L, int64_t limit, int64_t offset) noexcept nogil:
    """limit 0: all of them, and no offset is returned before them."""
    cdef reader_t r
    cdef size_t size
    cdef const char* data = lua.checklstring(L, 1, &size)
    cdef bint all = limit == 0 and offset == 0
    cdef int count = 0
    if offset < 0 or limit < 0:
        # The numbers as the original tells them, which is not as they were given.
        return lua.fail(L, b"Invalid request to unpack with offset of %d and limit of %d.",
                        <int>offset, <int>size)
    if <uint64_t>offset > size:
        return lua.fail(L, b"Start offset %d greater than input length %d.", <int>offset,
                        <int>size)
    r.L = L
    r.at = <const uint8_t*>data + offset
    r.end = <const uint8_t*>data + size
    if all:
        limit = INT64_MIN               # never reached
    while r.at < r.end and count != limit:
        lua.growstack(L, 1, b"in function mp_unpack_full")
        read_value(&r)
        count += 1
    if all:
        return count
    lua.growstack(L, 1, b"in function mp_unpack_full")
    lua.pushinteger(L, -1 if r.at == r.end else <ssize_t>(r.at - <const uint8_t*>data))
    lua.insert(L, 2)
    return count + 1


cdef int msgpack_unpack(lua_State* L) noexcept nogil:
    return unpack(L, 0, 0)


cdef int msgpack_unpack_one(lua_State* L) noexcept nogil:
    cdef ssize_t offset = lua.optinteger(L, 2, 0)
    lua.settop(L, 1)
    return unpack(L, 1, offset)


cdef int msgpack_unpack_limit(lua_State* L) noexcept nogil:
    cdef ssize_t limit = lua.checkinteger(L, 2)
    cdef ssize_t offset = lua.optinteger(L, 3, 0)
    lua.settop(L, 1)
    return unpack(L, limit, offset)


cdef int lua_msgpack_open(lua_State* L) noexcept nogil:
    lua.createtable(L, 0, 8)
    vm_set_function(L, b"pack", msgpack_pack)
    vm_set_function(L, b"unpack", msgpack_unpack)
    vm_set_function(L, b"unpack_one", msgpack_unpack_one)
    vm_set_function(L, b"unpack_limit", msgpack_unpack_limit)
    vm_set_string(L, b"_NAME", b"cmsgpack")
    vm_set_string(L, b"_VERSION", b"lua-cmsgpack 0.4.0")
    vm_set_string(L, b"_DESCRIPTION", b"MessagePack C implementation for Lua")
    vm_set_string(L, b"_COPYRIGHT", b"Copyright (C) 2012, Redis Ltd.")
    return 1
