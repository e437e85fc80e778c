"""The text of a script, made ready for the compiler.

`return redis.call(...)` is a tail call: the interpreter leaves the frame of the script before it
enters the function, and an error in there finds no line to tell. Servers with stock Lua 5.1 tell
it, since a C function is called in place there. So we take the tail call away where that changes
nothing else:

    outside of functions    return f(x)            ->  return f(x),nil
    inside of functions     return redis.call(x)   ->  return (redis.call(x))

A script has one result, so a second one is not seen. What our own functions return is one value,
which parentheses leave alone; other functions inside of functions keep their tail calls, which
recursion may count on.

A backslash before a character that needs none is dropped, as stock Lua 5.1 drops it, since texts
like "%d\\.%d" are about: this compiler calls it an error, or reads \\x41 as later versions do.

This reads tokens, and knows of grammar only where blocks begin and end. A text that does not
compile is given to the compiler as it was, for the sake of the message.
"""
from libc.string cimport memchr, memcmp, strlen

from .buf cimport buf_append, buf_reserve

cdef enum:
    DEPTH_MAX = 200                     # blocks within blocks: Lua's own limit

cdef const char* ESCAPES = b"abfnrtv\\\"'\n\r"

cdef enum token_t:
    TOKEN_END = 0
    TOKEN_NAME = 1
    TOKEN_OTHER = 2                     # a number, a string, or one character

cdef struct lexer_t:
    const char* at
    const char* end
    const char* token                   # the current one
    size_t size
    token_t kind
    buf_t* out
    const char* copied                  # how far the text is in `out`


cdef inline bint is_name_char(char c) noexcept nogil:
    return (c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c'0' <= c <= c'9' or c == c'_'
            or <unsigned char>c >= 128)


cdef inline bint is_word(const lexer_t* x, const char* word, size_t size) noexcept nogil:
    return x.kind == TOKEN_NAME and x.size == size and memcmp(x.token, word, size) == 0


cdef inline bint is_char(const lexer_t* x, char c) noexcept nogil:
    return x.kind == TOKEN_OTHER and x.size == 1 and x.token[0] == c


cdef int long_level(const char* at, const char* end) noexcept nogil:
    """Of `[==[`: the number of equals signs; -1 when it is none."""
    cdef int level = 0
    at += 1
    while at < end and at[0] == c'=':
        level += 1
        at += 1
    return level if at < end and at[0] == c'[' else -1


cdef const char* skip_long(const char* at, const char* end, int level) noexcept nogil:
    """Behind the `]==]` that ends what begins here."""
    cdef int seen
    at += level + 2
    while at < end:
        if at[0] == c']':
            seen = 0
            while at + 1 + seen < end and at[1 + seen] == c'=':
                seen += 1
            if seen == level and at + 1 + seen < end and at[1 + seen] == c']':
                return at + level + 2
        at += 1
    return end


cdef inline bint is_line_end(char c) noexcept nogil:
    return c == c'\n' or c == c'\r'


cdef const char* skip_comment(const char* at, const char* end) noexcept nogil:
    """Behind a comment that begins with the two dashes here."""
    cdef int level
    at += 2
    if at < end and at[0] == c'[':
        level = long_level(at, end)
        if level >= 0:
            return skip_long(at, end, level)
    while at < end and not is_line_end(at[0]):
        at += 1
    return at


cdef const char* skip_string(const char* at, const char* end) noexcept nogil:
    cdef char quote = at[0]
    at += 1
    while at < end and at[0] != quote and not is_line_end(at[0]):
        if at[0] == c'\\' and at + 1 < end:
            at += 1
            if is_line_end(at[0]) and at + 1 < end and is_line_end(at[1]) and at[0] != at[1]:
                at += 1                 # two different line ends are one
        at += 1
    return at + 1 if at < end else end


cdef void next_token(lexer_t* x) noexcept nogil:
    cdef char c
    while x.at < x.end:
        c = x.at[0]
        if c == c' ' or c == c'\t' or c == c'\n' or c == c'\r' or c == c'\f' or c == c'\v':
            x.at += 1
        elif c == c'-' and x.at + 1 < x.end and x.at[1] == c'-':
            x.at = skip_comment(x.at, x.end)
        else:
            break
    x.token = x.at
    x.kind = TOKEN_END if x.at >= x.end else TOKEN_OTHER
    x.size = 0
    if x.kind == TOKEN_END:
        return
    c = x.at[0]
    if is_name_char(c):                 # numbers pass as names: neither is a keyword
        x.kind = TOKEN_NAME
        while x.at < x.end and is_name_char(x.at[0]):
            x.at += 1
    elif c == c'"' or c == c'\'':
        x.at = skip_string(x.at, x.end)
    elif c == c'[' and long_level(x.at, x.end) >= 0:
        x.at = skip_long(x.at, x.end, long_level(x.at, x.end))
    else:
        x.at += 1
    x.size = <size_t>(x.at - x.token)


cdef void insert(lexer_t* x, const char* here, const char* text, size_t size) noexcept nogil:
    """The text up to here, and then something of ours."""
    buf_append(x.out, x.copied, <size_t>(here - x.copied))
    buf_append(x.out, text, size)
    x.copied = here


cdef inline bint is_escape(char c) noexcept nogil:
    return c'0' <= c <= c'9' or memchr(ESCAPES, c, strlen(ESCAPES)) is not NULL


cdef void lua_text_drop_escapes(const char* text, size_t size, buf_t* out) noexcept nogil:
    cdef lexer_t x
    cdef const char* at
    x.at = text
    x.end = text + size
    x.out = out
    x.copied = text
    buf_reserve(out, size)
    next_token(&x)
    while x.kind != TOKEN_END:
        if x.kind == TOKEN_OTHER and (x.token[0] == c'"' or x.token[0] == c'\''):
            at = x.token + 1
            while at + 1 < x.at:
                if at[0] == c'\\':
                    if not is_escape(at[1]):
                        buf_append(out, x.copied, <size_t>(at - x.copied))
                        x.copied = at + 1
                    at += 1
                at += 1
        next_token(&x)
    buf_append(out, x.copied, <size_t>(x.end - x.copied))


cdef bint ends_block(const lexer_t* x) noexcept nogil:
    return (x.kind == TOKEN_END or is_char(x, c';') or is_word(x, b"end", 3)
            or is_word(x, b"else", 4) or is_word(x, b"elseif", 6) or is_word(x, b"until", 5))


cdef bint is_ours(const lexer_t* x) noexcept nogil:
    return (is_word(x, b"redis", 5) or is_word(x, b"server", 6) or is_word(x, b"cjson", 5)
            or is_word(x, b"error", 5))


cdef bint opens(const lexer_t* x) noexcept nogil:
    """A block that `end` or `until` closes. (`while` and `for` have a `do` of their own.)"""
    return (is_word(x, b"function", 8) or is_word(x, b"if", 2) or is_word(x, b"do", 2)
            or is_word(x, b"repeat", 6))


cdef void wrap_call(lexer_t* x) noexcept nogil:
    """At a name of ours behind a `return`: if `name.name(...)` follows, parentheses around it. The
    current token is then the first inside."""
    cdef lexer_t ahead = x[0]
    cdef int depth = 0
    next_token(&ahead)
    while is_char(&ahead, c'.'):
        next_token(&ahead)
        next_token(&ahead)
    if not is_char(&ahead, c'('):
        return
    while ahead.kind != TOKEN_END:
        depth += 1 if is_char(&ahead, c'(') else -1 if is_char(&ahead, c')') else 0
        if is_word(&ahead, b"function", 8):
            return                      # a function within the arguments may hold returns itself
        if depth == 0:
            break
        next_token(&ahead)
    if ahead.kind == TOKEN_END:
        return
    insert(x, x.token, b"(", 1)
    insert(x, ahead.at, b")", 1)
    x.at = ahead.at


cdef void lua_text_keep_frames(const char* text, size_t size, buf_t* out) noexcept nogil:
    cdef lexer_t x
    cdef bint in_function[DEPTH_MAX]
    cdef int depth = 0
    cdef int returning = -1             # the depth of a return outside of functions
    cdef const char* last
    x.at = text
    x.end = text + size
    x.out = out
    x.copied = text
    buf_reserve(out, size + 16)
    in_function[0] = False
    last = text
    next_token(&x)
    while True:
        if returning == depth and ends_block(&x):
            insert(&x, last, b",nil", 4)
            returning = -1
        if x.kind == TOKEN_END:
            break
        if opens(&x):
            depth += 1
            if depth == DEPTH_MAX:
                break
            in_function[depth] = in_function[depth - 1] or is_word(&x, b"function", 8)
        elif is_word(&x, b"end", 3) or is_word(&x, b"until", 5):
            depth -= 1 if depth else 0
        elif is_word(&x, b"return", 6):
            last = x.at
            next_token(&x)
            if ends_block(&x):
                continue
            if not in_function[depth]:
                returning = depth
            elif is_ours(&x):
                wrap_call(&x)
            else:
                continue
            if returning == depth:
                continue
        last = x.at
        next_token(&x)
    buf_append(out, x.copied, <size_t>(x.end - x.copied))
