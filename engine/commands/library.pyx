"""Libraries of functions.

The code of a library runs once, with globals of its own: redis.register_function, redis.log and
the constants, nothing else. What it registers is called later with the globals that scripts have.
Both are the same guard, which reads from one table or the other; so a function finds everything
that its library saw, and more.

A library that is replaced stays until its successor is there. Names of functions are one name in
any letter case, over all libraries.

Invariants
    L1  a function is in the table of functions exactly while its library is in that of libraries
    L2  globals are those of functions whenever no library is being loaded
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy, strcmp

from ..core.clock cimport clock_mono_us
from ..core.heap cimport heap_alloc, heap_alloc_zero, heap_block_size, heap_free
from ..core.intrinsics cimport kvd_assert
from ..core.lua cimport (
    LUA_GLOBALSINDEX, LUA_REGISTRYINDEX, LUA_TFUNCTION, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE, lua,
    lua_Debug, lua_State, lua_pop,
)
from ..core.lua_vm cimport vm_guard, vm_push_globals, vm_set_function, vm_strict, vm_t
from ..core.number cimport equal_nocase
from ..core.table cimport (
    SEGMENT_ITEMS_MAX, table_find, table_free, table_hash, table_init, table_insert, table_remove,
    table_scan, table_type_t,
)
from ..core.types cimport slice_compare
from ..wire.errors cimport (
    ERR_FUNCTION_EXISTS, ERR_FUNCTION_NAME, ERR_FUNCTION_TWICE, ERR_LIBRARY_COMPILE,
    ERR_LIBRARY_EMPTY, ERR_LIBRARY_ENGINE, ERR_LIBRARY_EXISTS, ERR_LIBRARY_EXISTS_RESTORE,
    ERR_LIBRARY_METADATA, ERR_LIBRARY_NAME, ERR_LIBRARY_NAME_TWICE, ERR_LIBRARY_NO_METADATA,
    ERR_LIBRARY_NO_NAME, ERR_LIBRARY_REGISTER, ERR_LIBRARY_VALUE,
)
from ..wire.reply cimport reply_error, reply_error_about, reply_error_two
from .script cimport (
    machine_drop, machine_or_reply, script_compile, script_forget, script_protect, scripting_of,
)
from .script_api cimport script_api_add_constants
from .script_reply cimport script_push_error
from .script_shebang cimport script_flag, script_word
from .script_state cimport MACHINE_FUNCTION, scripting_of_state
from .script_watch cimport watch_arm, watch_begin, watch_end
from .state cimport server_of

cdef enum:
    NAME_MAX = 256                      # bytes of a function's name
    LOAD_US = 500000                    # a library has so long to register its functions

cdef const char* LOAD_GLOBALS = b"kvd.load_globals"

cdef struct header_t:                   # of a library's first line
    slice_t engine
    slice_t name
    size_t size


cdef slice_t library_name(const void* item) noexcept nogil:
    cdef const library_t* library = <const library_t*>item
    return slice_t(library.name, library.name_size)


cdef slice_t function_key(const void* item) noexcept nogil:
    """The name in lower case, which stands behind the one that was given."""
    cdef const function_t* function = <const function_t*>item
    return slice_t(function.name + function.name_size, function.name_size)


cdef table_type_t LIBRARY_TYPE
LIBRARY_TYPE.key_of = library_name
LIBRARY_TYPE.deadline_of = NULL
cdef table_type_t FUNCTION_TYPE
FUNCTION_TYPE.key_of = function_key
FUNCTION_TYPE.deadline_of = NULL


# -- kept -----------------------------------------------------------------------------------------

cdef scripting_t* libraries_of(server_t* srv) noexcept nogil:
    cdef scripting_t* s = scripting_of(srv)
    if s.libraries.heap is NULL:
        table_init(&s.libraries, &srv.heap, &LIBRARY_TYPE, srv.store.secret)
        table_init(&s.functions, &srv.heap, &FUNCTION_TYPE, srv.store.secret)
    return s


cdef library_t* library_find(scripting_t* s, slice_t name) noexcept nogil:
    return <library_t*>table_find(&s.libraries, table_hash(&s.libraries, name), name)


cdef function_t* function_find(scripting_t* s, slice_t name) noexcept nogil:
    cdef char lower[NAME_MAX]
    cdef slice_t key = slice_t(&lower[0], name.size)
    if name.size > NAME_MAX:
        return NULL
    to_lower(lower, name)
    return <function_t*>table_find(&s.functions, table_hash(&s.functions, key), key)


cdef void to_lower(char* out, slice_t text) noexcept nogil:
    cdef size_t i
    for i in range(text.size):
        out[i] = text.data[i] | 32 if c'A' <= text.data[i] <= c'Z' else text.data[i]


cdef size_t function_size(const function_t* function) noexcept nogil:
    return sizeof(function_t) + 2 * function.name_size + function.description_size


cdef size_t library_size(const library_t* library) noexcept nogil:
    return sizeof(library_t) + library.name_size + library.code_size


cdef void release(scripting_t* s, library_t* library) noexcept nogil:
    """In no table any more."""
    cdef function_t* function
    while library.functions is not NULL:
        function = library.functions
        library.functions = function.next
        script_forget(&s.machines[<int>MACHINE_FUNCTION], function.reference)
        s.libraries_memory -= heap_block_size(function_size(function))
        heap_free(&s.srv.heap, function, function_size(function))
    s.libraries_memory -= heap_block_size(library_size(library))
    heap_free(&s.srv.heap, library, library_size(library))


cdef void add(scripting_t* s, library_t* library) noexcept nogil:
    """L1."""
    cdef function_t* function = library.functions
    table_insert(&s.libraries, table_hash(&s.libraries, library_name(library)), library)
    while function is not NULL:
        table_insert(&s.functions, table_hash(&s.functions, function_key(function)), function)
        function = function.next


cdef void take_out(scripting_t* s, library_t* library) noexcept nogil:
    cdef function_t* function = library.functions
    cdef bint found
    found = table_remove(&s.libraries, table_hash(&s.libraries, library_name(library)), library)
    while found and function is not NULL:
        found = table_remove(&s.functions, table_hash(&s.functions, function_key(function)),
                             function)
        function = function.next
    kvd_assert(found)                   # L1


cdef void library_delete(scripting_t* s, library_t* library) noexcept nogil:
    take_out(s, library)
    release(s, library)


cdef void libraries_flush(server_t* srv) noexcept nogil:
    cdef scripting_t* s = <scripting_t*>srv.scripting
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef uint64_t cursor = 0
    cdef size_t count, i
    if s is NULL:
        return
    machine_drop(s, MACHINE_FUNCTION)
    if s.libraries.heap is NULL:
        return
    while True:
        count = table_scan(&s.libraries, &cursor, items)
        for i in range(count):
            release(s, <library_t*>items[i])
        if cursor == 0:
            break
    table_free(&s.libraries)
    table_free(&s.functions)
    s.libraries.heap = NULL
    libraries_of(srv)


cdef int by_name(const void* a, const void* b) noexcept nogil:
    return slice_compare(library_name((<const library_t**>a)[0]),
                         library_name((<const library_t**>b)[0]))


cdef void libraries_sorted(scripting_t* s, library_t** out) noexcept nogil:
    cdef uint64_t cursor = 0
    cdef void* items[SEGMENT_ITEMS_MAX]
    cdef size_t total = 0
    cdef size_t count, i
    while True:
        count = table_scan(&s.libraries, &cursor, items)
        for i in range(count):
            out[total] = <library_t*>items[i]
            total += 1
        if cursor == 0:
            break
    qsort(out, total, sizeof(library_t*), by_name)


# -- globals --------------------------------------------------------------------------------------

cdef int function_surface(lua_State* L) noexcept nogil:
    """What a library sees while it is loaded: {redis, server}, kept for then."""
    cdef scripting_t* s = scripting_of_state(L)
    lua.createtable(L, 0, 2)
    lua.createtable(L, 0, 12)
    script_api_add_constants(L, s)
    vm_set_function(L, b"register_function", register_function)
    vm_strict(L)
    vm_guard(L)
    lua.pushvalue(L, -1)
    lua.setfield(L, -3, b"redis")
    lua.setfield(L, -2, b"server")
    vm_strict(L)
    lua.setfield(L, LUA_REGISTRYINDEX, LOAD_GLOBALS)
    # While functions run, redis is as strict.
    vm_strict(L)
    return 0


cdef int use_load_globals(lua_State* L) noexcept nogil:
    lua.getmetatable(L, LUA_GLOBALSINDEX)
    lua.getfield(L, LUA_REGISTRYINDEX, LOAD_GLOBALS)
    lua.setfield(L, -2, b"__index")
    return 0


cdef int use_run_globals(lua_State* L) noexcept nogil:
    lua.getmetatable(L, LUA_GLOBALSINDEX)
    vm_push_globals(L)
    lua.setfield(L, -2, b"__index")
    return 0


# -- registering ----------------------------------------------------------------------------------

cdef int refuse(lua_State* L, const char* why) noexcept nogil:
    cdef slice_t text
    lua.pushstring(L, why)
    text.data = lua.tolstring(L, -1, &text.size)
    script_push_error(L, text, False)
    return lua.throw(L)


cdef void read_flags(lua_State* L, uint32_t* flags) noexcept nogil:
    """The table on top names them."""
    cdef slice_t name
    cdef uint32_t flag
    cdef int i = 1
    if lua.type(L, -1) != LUA_TTABLE:
        refuse(L, b"ERR flags argument to server.register_function must be a table representing "
                  b"function flags")
    while True:
        lua.rawgeti(L, -1, i)
        if lua.type(L, -1) <= 0:
            lua_pop(L, 1)
            return
        flag = 0
        if lua.type(L, -1) == LUA_TSTRING:
            name.data = lua.tolstring(L, -1, &name.size)
            flag = script_flag(name)
        if flag == 0:
            refuse(L, b"ERR unknown flag given")
        flags[0] |= flag
        lua_pop(L, 1)
        i += 1


cdef bint is_text(lua_State* L, int index) noexcept nogil:
    return lua.type(L, index) == LUA_TSTRING or lua.type(L, index) == LUA_TNUMBER


cdef void read_named(lua_State* L, uint32_t* flags) noexcept nogil:
    """The table at 1, to name, callback and description at 2, 3 and 4."""
    cdef slice_t key
    lua.settop(L, 1)
    lua.settop(L, 4)
    lua.pushnil(L)
    while lua.next(L, 1):
        if lua.type(L, -2) != LUA_TSTRING:
            refuse(L, b"ERR named argument key given to server.register_function is not a string")
        key.data = lua.tolstring(L, -2, &key.size)
        if strcmp(key.data, b"function_name") == 0:
            if not is_text(L, -1):
                refuse(L, b"ERR function_name argument given to server.register_function must be "
                          b"a string")
            lua.replace(L, 2)
        elif strcmp(key.data, b"description") == 0:
            if not is_text(L, -1):
                refuse(L, b"ERR description argument given to server.register_function must be a "
                          b"string")
            lua.replace(L, 4)
        elif strcmp(key.data, b"callback") == 0:
            if lua.type(L, -1) != LUA_TFUNCTION:
                refuse(L, b"ERR callback argument given to server.register_function must be a "
                          b"function")
            lua.replace(L, 3)
        elif strcmp(key.data, b"flags") == 0:
            read_flags(L, flags)
            lua_pop(L, 1)
        else:
            refuse(L, b"ERR unknown argument given to server.register_function")
    if lua.type(L, 2) <= 0:
        refuse(L, b"ERR server.register_function must get a function name argument")
    if lua.type(L, 3) <= 0:
        refuse(L, b"ERR server.register_function must get a callback argument")


cdef bint name_is_good(slice_t name) noexcept nogil:
    cdef size_t i
    cdef char c
    for i in range(name.size):
        c = name.data[i]
        if not (c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c'0' <= c <= c'9' or c == c'_'):
            return False
    return 0 < name.size <= NAME_MAX


cdef void create(scripting_t* s, slice_t name, slice_t description, bint described, uint32_t flags,
                 int reference) noexcept nogil:
    cdef size_t size = sizeof(function_t) + 2 * name.size + description.size
    cdef function_t* function = <function_t*>heap_alloc(&s.srv.heap, size)
    function.library = s.loading
    function.flags = flags
    function.reference = reference
    function.name_size = name.size
    function.description_size = description.size
    function.described = described
    function.name = <char*>function + sizeof(function_t)
    memcpy(function.name, name.data, name.size)
    to_lower(function.name + name.size, name)
    if description.size:
        memcpy(function.name + 2 * name.size, description.data, description.size)
    function.next = s.loading.functions
    s.loading.functions = function
    s.loading.function_count += 1
    s.libraries_memory += heap_block_size(size)


cdef int register_function(lua_State* L) noexcept nogil:
    """(name, callback), or one table of named arguments."""
    cdef scripting_t* s = scripting_of_state(L)
    cdef function_t* other
    cdef slice_t name
    cdef slice_t description = slice_t(NULL, 0)
    cdef uint32_t flags = 0
    cdef int argc = lua.gettop(L)
    if argc < 1 or argc > 2:
        refuse(L, b"ERR wrong number of arguments to server.register_function")
    if argc == 1:
        if lua.type(L, 1) != LUA_TTABLE:
            refuse(L, b"ERR calling server.register_function with a single argument is only "
                      b"applicable to Lua table (representing named arguments).")
        read_named(L, &flags)
    else:
        if not is_text(L, 1):
            refuse(L, b"ERR first argument to server.register_function must be a string")
        if lua.type(L, 2) != LUA_TFUNCTION:
            refuse(L, b"ERR second argument to server.register_function must be a function")
        lua.settop(L, 4)
        lua.pushvalue(L, 2)
        lua.replace(L, 3)
        lua.pushvalue(L, 1)
        lua.replace(L, 2)
    name.data = lua.tolstring(L, 2, &name.size)
    if lua.type(L, 4) > 0:
        description.data = lua.tolstring(L, 4, &description.size)
    if not name_is_good(name):
        refuse(L, ERR_FUNCTION_NAME)
    other = s.loading.functions
    while other is not NULL:
        if equal_nocase(other.name, other.name_size, name.data, name.size):
            refuse(L, ERR_FUNCTION_TWICE)
        other = other.next
    lua.pushvalue(L, 3)
    create(s, name, description, lua.type(L, 4) > 0, flags, lua.ref(L, LUA_REGISTRYINDEX))
    return 0


# -- loading --------------------------------------------------------------------------------------

cdef bint read_header_or_reply(client_t* c, slice_t code, header_t* header) noexcept nogil:
    cdef slice_t line = code
    cdef slice_t word
    cdef size_t i = 0
    if code.size < 2 or code.data[0] != c'#' or code.data[1] != c'!':
        reply_error(c, ERR_LIBRARY_NO_METADATA)
        return False
    while i < code.size and code.data[i] != c'\n':
        i += 1
    if i == code.size:
        reply_error(c, ERR_LIBRARY_METADATA)
        return False
    header.size = i
    header.name = slice_t(NULL, 0)
    line.size = i
    header.engine = script_word(&line)
    header.engine.data += 2
    header.engine.size -= 2
    word = script_word(&line)
    while word.size:
        if word.size < 5 or not equal_nocase(word.data, 5, b"name=", 5):
            reply_error_about(c, ERR_LIBRARY_VALUE, word, b"")
            return False
        if header.name.data is not NULL:
            reply_error(c, ERR_LIBRARY_NAME_TWICE)
            return False
        header.name = slice_t(word.data + 5, word.size - 5)
        word = script_word(&line)
    if header.name.data is NULL:
        reply_error(c, ERR_LIBRARY_NO_NAME)
    elif not name_is_good(header.name):
        reply_error(c, ERR_LIBRARY_NAME)
    elif not equal_nocase(header.engine.data, header.engine.size, b"lua", 3):
        reply_error_about(c, ERR_LIBRARY_ENGINE, header.engine, b"' not found")
    else:
        return True
    return False


cdef library_t* create_library(scripting_t* s, slice_t name, slice_t code) noexcept nogil:
    cdef size_t size = sizeof(library_t) + name.size + code.size
    cdef library_t* library = <library_t*>heap_alloc_zero(&s.srv.heap, size)
    library.name_size = name.size
    library.code_size = code.size
    library.name = <char*>library + sizeof(library_t)
    library.code = library.name + name.size
    memcpy(library.name, name.data, name.size)
    memcpy(library.code, code.data, code.size)
    s.libraries_memory += heap_block_size(size)
    return library


cdef void load_hook(lua_State* L, lua_Debug* at) noexcept nogil:
    cdef scripting_t* s = scripting_of_state(L)
    if s.loading is NULL or clock_mono_us() - s.run.started_us < LOAD_US:
        watch_arm(s.watchdog, L, load_hook, 0)
        return
    watch_arm(s.watchdog, L, load_hook, 1)
    refuse(L, b"ERR FUNCTION LOAD timeout")


cdef int run_chunk(lua_State* L) noexcept nogil:
    """The argument is the reference of the code."""
    lua.rawgeti(L, LUA_REGISTRYINDEX, (<int*>lua.touserdata(L, 1))[0])
    lua.call(L, 0, 0)
    return 0


cdef bint fill_or_reply(client_t* c, scripting_t* s, vm_t* vm, library_t* library,
                        size_t skip) noexcept nogil:
    """Run the library's code, which registers its functions."""
    cdef slice_t code = slice_t(library.code + skip, library.code_size - skip)
    cdef int reference = script_compile(s, vm, code, b"@user_function")
    cdef bint good
    if reference == 0:
        reply_error_two(c, ERR_LIBRARY_COMPILE, slice_t(NULL, 0), b"",
                        slice_t(&s.run.error[4], s.run.error_size - 4), b"")
        return False
    s.loading = library
    s.run.started_us = clock_mono_us()
    good = script_protect(s, vm, use_load_globals, NULL)
    if good:
        watch_begin(s.watchdog, vm.L, load_hook, LOAD_US)
        good = script_protect(s, vm, run_chunk, &reference)
        watch_end(s.watchdog)
    if not good:
        reply_refusal(c, slice_t(&s.run.error[0], s.run.error_size))
    script_protect(s, vm, use_run_globals, NULL)        # L2
    s.loading = NULL
    script_forget(vm, reference)
    return good


cdef void reply_refusal(client_t* c, slice_t text) noexcept nogil:
    """Names are refused in words of their own."""
    if strcmp_slice(text, ERR_FUNCTION_NAME) or strcmp_slice(text, ERR_FUNCTION_TWICE):
        reply_error_two(c, b"", slice_t(NULL, 0), b"", text, b"")
    else:
        reply_error_two(c, ERR_LIBRARY_REGISTER, slice_t(NULL, 0), b"", text, b"")


cdef bint strcmp_slice(slice_t text, const char* other) noexcept nogil:
    cdef size_t i = 0
    while i < text.size and other[i] == text.data[i] and other[i]:
        i += 1
    return i == text.size and other[i] == 0


cdef bint names_are_free_or_reply(client_t* c, scripting_t* s, library_t* library,
                                  const library_t* old) noexcept nogil:
    cdef function_t* function = library.functions
    cdef function_t* other
    while function is not NULL:
        other = function_find(s, slice_t(function.name, function.name_size))
        if other is not NULL and other.library is not old:
            reply_error_about(c, ERR_FUNCTION_EXISTS,
                              slice_t(function.name, function.name_size), b" already exists")
            return False
        function = function.next
    return True


cdef bint library_load_or_reply(client_t* c, slice_t code, bint replace, bint restoring,
                                slice_t* name) noexcept nogil:
    cdef scripting_t* s = libraries_of(server_of(c))
    cdef header_t header
    cdef library_t* library
    cdef library_t* old
    cdef vm_t* vm
    if not read_header_or_reply(c, code, &header):
        return False
    old = library_find(s, header.name)
    if old is not NULL and not replace:
        if restoring:
            reply_error_about(c, ERR_LIBRARY_EXISTS_RESTORE, header.name, b" already exists")
        else:
            reply_error_about(c, ERR_LIBRARY_EXISTS, header.name, b"' already exists")
        return False
    vm = machine_or_reply(c, MACHINE_FUNCTION, function_surface)
    if vm is NULL:
        return False
    library = create_library(s, header.name, code)
    if not fill_or_reply(c, s, vm, library, header.size):
        release(s, library)
        return False
    if library.functions is NULL:
        reply_error(c, ERR_LIBRARY_EMPTY)
        release(s, library)
        return False
    if not names_are_free_or_reply(c, s, library, old):
        release(s, library)
        return False
    if old is not NULL:
        library_delete(s, old)
    add(s, library)
    name[0] = library_name(library)
    return True
