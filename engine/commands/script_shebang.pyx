"""The first line of a script: `#!lua flags=no-writes,allow-oom`."""
from libc.string cimport memchr, memcmp, strlen

from ..core.number cimport equal_nocase
from ..wire.errors cimport (
    ERR_SHEBANG, ERR_SHEBANG_ENGINE, ERR_SHEBANG_FLAG, ERR_SHEBANG_OPTION,
)
from ..wire.reply cimport reply_error, reply_error_about
from .script_state cimport SCRIPT_SILENT

cdef const char** NAMES = [
    "no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys", NULL,
]


cdef const char** script_flag_names() noexcept nogil:
    return NAMES


cdef uint32_t script_flag(slice_t name) noexcept nogil:
    cdef int i = 0
    while NAMES[i] is not NULL:
        if name.size == strlen(NAMES[i]) and memcmp(name.data, NAMES[i], name.size) == 0:
            return <uint32_t>1 << i
        i += 1
    return 0


cdef slice_t cut(slice_t* text, char at) noexcept nogil:
    """What is before the next `at`, which goes with it."""
    cdef slice_t part = text[0]
    cdef const char* end = <const char*>memchr(text.data, at, text.size) if text.size else NULL
    if end is NULL:
        text.data += text.size
        text.size = 0
        return part
    part.size = <size_t>(end - text.data)
    text.data += part.size + 1
    text.size -= part.size + 1
    return part


cdef slice_t script_word(slice_t* line) noexcept nogil:
    cdef slice_t word = cut(line, c' ')
    while word.size == 0 and line.size:
        word = cut(line, c' ')
    if word.size and word.data[word.size - 1] == c'\r':
        word.size -= 1
    return word


cdef bint read_flags(client_t* c, slice_t names, uint32_t* flags) noexcept nogil:
    cdef slice_t name
    cdef uint32_t flag
    cdef bint more = names.size > 0
    while more:
        more = memchr(names.data, c',', names.size) is not NULL if names.size else False
        name = cut(&names, c',')
        flag = script_flag(name)
        if flag == 0:
            reply_error_about(c, ERR_SHEBANG_FLAG, name, b"")
            return False
        flags[0] |= flag
    return True


cdef bint script_shebang_or_reply(client_t* c, slice_t text, shebang_t* bang) noexcept nogil:
    cdef slice_t line = text
    cdef slice_t engine, word
    bang.size = 0
    bang.flags = SCRIPT_SILENT
    if text.size < 2 or text.data[0] != c'#' or text.data[1] != c'!':
        return True
    if memchr(text.data, c'\n', text.size) is NULL:
        reply_error(c, ERR_SHEBANG)
        return False
    bang.flags = 0
    line = cut(&line, c'\n')
    bang.size = line.size
    engine = cut(&line, c' ')
    if engine.size and engine.data[engine.size - 1] == c'\r':
        engine.size -= 1
    engine.data += 2
    engine.size -= 2
    word = script_word(&line)
    while word.size:
        if word.size < 6 or memcmp(word.data, b"flags=", 6):
            reply_error_about(c, ERR_SHEBANG_OPTION, word, b"")
            return False
        if not read_flags(c, slice_t(word.data + 6, word.size - 6), &bang.flags):
            return False
        word = script_word(&line)
    if not equal_nocase(engine.data, engine.size, b"lua", 3):
        reply_error_about(c, ERR_SHEBANG_ENGINE, engine, b"'")
        return False
    return True
