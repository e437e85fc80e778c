"""struct for scripts: pack, unpack and size, by a format string.

    > <      order of bytes: highest first, lowest first (as is the machine's, and the first choice)
    !n       align to what the value is, at most n (8)        blank   nothing
    x        a byte of padding                  b B h H l L T i[n] I[n]   integers, small for signed
    f d      floats                             s    bytes up to a NUL
    c[n]     n bytes (1); c0: as many as the number before says, or the whole string when packing

The language is that of Roberto Ierusalimschy's library, with the texts that servers give.
"""
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from .buf cimport buf_t
from .lua cimport lua, lua_State, lua_argcheck, lua_pop
from .lua_vm cimport vm_set_function, vm_text, vm_text_append, vm_text_byte, vm_text_push

cdef enum:
    INTEGER_MAX = 32                    # bytes
    ALIGN_FIRST = 8
    SIZE_MAX_ = 2147483647

cdef struct format_t:
    const char* at
    bint big
    size_t align


cdef size_t number(lua_State* L, format_t* f, size_t value) noexcept nogil:
    """The number in the format, or `value` where there is none."""
    cdef int64_t n = 0
    if not c'0' <= f.at[0] <= c'9':
        return value
    while c'0' <= f.at[0] <= c'9':
        n = n * 10 + f.at[0] - c'0'
        if n > SIZE_MAX_:
            lua.fail(L, b"integral size overflow")
        f.at += 1
    return <size_t>n


cdef size_t size_of(lua_State* L, format_t* f, char option) noexcept nogil:
    """Bytes of the option that was read last; behind it, its number."""
    cdef size_t size
    if option == c'B' or option == c'b' or option == c'x':
        return 1
    if option == c'H' or option == c'h':
        return 2
    if option == c'L' or option == c'l' or option == c'T' or option == c'd':
        return 8
    if option == c'f':
        return 4
    if option == c'c':
        return number(L, f, 1)
    if option == c'i' or option == c'I':
        size = number(L, f, 4)
        if size > INTEGER_MAX:
            lua.fail(L, b"integral size %d is larger than limit of %d", <int>size,
                     <int>INTEGER_MAX)
        return size
    return 0


cdef size_t padding(const format_t* f, char option, size_t size, size_t at) noexcept nogil:
    if size == 0 or option == c'c' or option == c'x':
        return 0
    if size > f.align:
        size = f.align
    return (size - (at & (size - 1))) & (size - 1) if size > 1 else 0


cdef void control(lua_State* L, format_t* f, char option) noexcept nogil:
    cdef size_t align
    if option == c'>':
        f.big = True
    elif option == c'<':
        f.big = False
    elif option == c'!':
        align = number(L, f, ALIGN_FIRST)
        if align == 0 or align & (align - 1):
            lua.fail(L, b"alignment %d is not a power of 2", <int>align)
        f.align = align
    elif option != c' ':
        lua.argerror(L, 1, lua.pushfstring(L, b"invalid format option '%c'", <int>option))


cdef void reverse(char* bytes, size_t size) noexcept nogil:
    cdef size_t i
    cdef char c
    for i in range(size // 2):
        c = bytes[i]
        bytes[i] = bytes[size - 1 - i]
        bytes[size - 1 - i] = c


cdef bint is_integer(char option) noexcept nogil:
    return option in b"bBhHlLTiI"


cdef bint is_signed(char option) noexcept nogil:
    return option in b"bhli"


# -- packing --------------------------------------------------------------------------------------

cdef void put_integer(lua_State* L, const format_t* f, buf_t* out, int argument,
                      size_t size) noexcept nogil:
    """The low bytes of the number; none for sign above the eighth."""
    cdef double n = lua.checknumber(L, argument)
    cdef uint64_t value
    cdef char bytes[INTEGER_MAX]
    cdef size_t i
    if n < 0:
        value = <uint64_t><int64_t>n if n >= -9223372036854775808.0 else <uint64_t>INT64_MIN
    else:
        value = <uint64_t>n if n < 18446744073709551616.0 else 0
    for i in range(size):
        bytes[i] = <char>(value & 255)
        value >>= 8
    if f.big:
        reverse(bytes, size)
    vm_text_append(L, out, bytes, size)


cdef void put_float(lua_State* L, const format_t* f, buf_t* out, int argument,
                    size_t size) noexcept nogil:
    cdef double wide = lua.checknumber(L, argument)
    cdef float narrow = <float>wide
    cdef char bytes[8]
    if size == 4:
        memcpy(bytes, &narrow, 4)
    else:
        memcpy(bytes, &wide, 8)
    if f.big:
        reverse(bytes, size)
    vm_text_append(L, out, bytes, size)


cdef int struct_pack(lua_State* L) noexcept nogil:
    cdef format_t f = format_t(lua.checklstring(L, 1, NULL), False, 1)
    cdef buf_t* out = vm_text(L)
    cdef int argument = 2
    cdef size_t size, text_size, i
    cdef const char* text
    cdef char option
    lua.settop(L, lua.gettop(L) + 1)    # a nil, where an argument is missing
    while f.at[0]:
        option = f.at[0]
        f.at += 1
        size = size_of(L, &f, option)
        for i in range(padding(&f, option, size, out.size)):
            vm_text_byte(L, out, 0)
        if is_integer(option):
            put_integer(L, &f, out, argument, size)
            argument += 1
        elif option == c'x':
            vm_text_byte(L, out, 0)
        elif option == c'f' or option == c'd':
            put_float(L, &f, out, argument, size)
            argument += 1
        elif option == c'c' or option == c's':
            text = lua.checklstring(L, argument, &text_size)
            argument += 1
            if size == 0:
                size = text_size
            lua_argcheck(L, text_size >= size, argument, b"string too short")
            vm_text_append(L, out, text, size)
            if option == c's':
                vm_text_byte(L, out, 0)
        else:
            control(L, &f, option)
    vm_text_push(L, out)
    return 1


# -- unpacking ------------------------------------------------------------------------------------

cdef double take_integer(const format_t* f, const char* data, size_t size,
                         bint signed_) noexcept nogil:
    cdef uint64_t value = 0
    cdef size_t i
    for i in range(size):
        value = value << 8 | <uint8_t>(data[i] if f.big else data[size - 1 - i])
    if not signed_:
        return <double>value
    if 0 < size < 8 and value >> (8 * size - 1):
        value |= ~<uint64_t>0 << (8 * size)
    return <double><int64_t>value


cdef double take_float(const format_t* f, const char* data, size_t size) noexcept nogil:
    cdef char bytes[8]
    cdef float narrow
    cdef double wide
    memcpy(bytes, data, size)
    if f.big:
        reverse(bytes, size)
    if size == 4:
        memcpy(&narrow, bytes, 4)
        wide = narrow
    else:
        memcpy(&wide, bytes, 8)
    return wide if wide == wide else wide - wide        # one NaN: others' bits are Lua's business


cdef size_t take_string(lua_State* L, char option, const char* data, size_t left, size_t size,
                        int results) noexcept nogil:
    """Push it; returns the bytes that it took."""
    cdef const char* end
    cdef double before
    if option == c'c':
        if size == 0:
            if results == 0 or not lua.isnumber(L, -1):
                lua.fail(L, b"format 'c0' needs a previous size")
            before = lua.tonumber(L, -1)
            size = <size_t>before if 0 <= before <= 9007199254740992.0 else left + 1
            lua_pop(L, 1)
            lua_argcheck(L, size <= left, 2, b"data string too short")
        lua.pushlstring(L, data, size)
        return size
    end = <const char*>memchr(data, 0, left)
    if end is NULL:
        lua.fail(L, b"unfinished string in data")
    lua.pushlstring(L, data, <size_t>(end - data))
    return <size_t>(end - data) + 1


cdef int struct_unpack(lua_State* L) noexcept nogil:
    cdef format_t f = format_t(lua.checklstring(L, 1, NULL), False, 1)
    cdef size_t data_size, size
    cdef const char* data = lua.checklstring(L, 2, &data_size)
    cdef int64_t from_ = lua.optinteger(L, 3, 1)
    cdef size_t at
    cdef int results = 0
    cdef char option
    # As on Valkey, a negative one lies behind all data: a format that takes none may start there.
    lua_argcheck(L, from_ != 0, 3, b"offset must be 1 or greater")
    at = <size_t>from_ - 1
    while f.at[0]:
        option = f.at[0]
        f.at += 1
        size = size_of(L, &f, option)
        at += padding(&f, option, size, at)
        lua_argcheck(L, at <= data_size and size <= data_size - at, 2, b"data string too short")
        lua.growstack(L, 2, b"too many results")
        if is_integer(option):
            lua.pushnumber(L, take_integer(&f, data + at, size, is_signed(option)))
            results += 1
        elif option == c'f' or option == c'd':
            lua.pushnumber(L, take_float(&f, data + at, size))
            results += 1
        elif option == c'c' or option == c's':
            results += 0 if option == c'c' and size == 0 else 1     # c0 takes one away
            size = take_string(L, option, data + at, data_size - at, size, results)
        elif option != c'x':
            control(L, &f, option)
        at += size
    lua.pushinteger(L, <ssize_t>at + 1)
    return results + 1


cdef int struct_size(lua_State* L) noexcept nogil:
    cdef format_t f = format_t(lua.checklstring(L, 1, NULL), False, 1)
    cdef size_t at = 0
    cdef size_t size
    cdef char option
    while f.at[0]:
        option = f.at[0]
        f.at += 1
        size = size_of(L, &f, option)
        at += padding(&f, option, size, at)
        if option == c's':
            return lua.argerror(L, 1, b"option 's' has no fixed size")
        if option == c'c' and size == 0:
            return lua.argerror(L, 1, b"option 'c0' has no fixed size")
        if not (is_integer(option) or option in b"xfdc"):
            control(L, &f, option)
        at += size
    lua.pushnumber(L, <double>at)
    return 1


cdef int lua_struct_open(lua_State* L) noexcept nogil:
    lua.createtable(L, 0, 3)
    vm_set_function(L, b"pack", struct_pack)
    vm_set_function(L, b"unpack", struct_unpack)
    vm_set_function(L, b"size", struct_size)
    return 1
