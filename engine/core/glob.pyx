"""Glob matching by two pointers and one place to come back to.

Every element of a pattern but `*` takes exactly one byte. So when a later `*` has been reached,
giving an earlier one more bytes can only leave less for the rest: after a mismatch it is enough
to return to the newest `*` and let it take one byte more. That bounds the work by pattern times
text, where the recursive form needs a depth limit and a flag to get there.

Quirks, all of them Valkey's, since clients' patterns may lean on them:
    G1  a class that is not closed ends where the pattern ends: "[ab" is "[ab]"
    G2  "]" closes a class wherever it stands: "[]" and "[^]" match no byte and any byte
    G3  a range written backward is turned round: "[z-a]" is "[a-z]"; that happens before nocase
        folds its ends, so that "[Z-a]" then holds nothing
    G4  bytes of a range are compared as signed: "[a-\\xff]" is \\xff to "a"
    G5  an escaped byte in a class keeps its case under nocase
    G6  a lone "\\" at the end of a pattern, or of a class that is not closed, is a backslash
    G7  an empty text matches the empty pattern only: not even "*" (callers who mean "all" say so)
"""
from libc.stddef cimport size_t


cdef inline signed char lower(char c) noexcept nogil:
    return <signed char>(c + 32 if c'A' <= c <= c'Z' else c)


cdef bint match_class(const char** at, const char* end, char c, bint nocase) noexcept nogil:
    """Match c against the class whose "[" lies before at[0]; leave at[0] behind the class."""
    cdef const char* p = at[0]
    cdef bint negated = p < end and p[0] == c'^'
    cdef bint found = False
    cdef signed char first, last, byte
    if negated:
        p += 1
    while p < end and p[0] != c']':                 # G1, G2
        if p[0] == c'\\' and end - p >= 2:          # G6
            found |= p[1] == c                      # G5
            p += 2
        elif end - p >= 3 and p[1] == c'-':
            first, last, byte = <signed char>p[0], <signed char>p[2], <signed char>c    # G4
            if first > last:                        # G3
                first, last = last, first
            if nocase:
                first, last, byte = lower(first), lower(last), lower(byte)
            found |= first <= byte <= last
            p += 3
        else:
            found |= (lower(p[0]) == lower(c)) if nocase else (p[0] == c)
            p += 1
    at[0] = p + 1 if p < end else end
    return found != negated


cdef bint glob_match(const char* pattern, size_t pattern_size,
                     const char* text, size_t text_size, bint nocase) noexcept nogil:
    cdef const char* p = pattern
    cdef const char* pattern_end = pattern + pattern_size
    cdef const char* t = text
    cdef const char* text_end = text + text_size
    cdef const char* star = NULL                    # behind the newest "*"
    cdef const char* star_text = NULL               # the first byte that it has not taken
    cdef bint same
    if text_size == 0:
        return pattern_size == 0                    # G7
    while t < text_end:
        same = False
        if p < pattern_end:
            if p[0] == c'*':
                p += 1
                if p == pattern_end:
                    return True
                star, star_text = p, t
                continue
            if p[0] == c'?':
                p += 1
                same = True
            elif p[0] == c'[':
                p += 1
                same = match_class(&p, pattern_end, t[0], nocase)
            else:
                if p[0] == c'\\' and pattern_end - p >= 2:      # G6
                    p += 1
                same = (lower(p[0]) == lower(t[0])) if nocase else (p[0] == t[0])
                p += 1
        if same:
            t += 1
        elif star is NULL:
            return False
        else:
            star_text += 1
            p, t = star, star_text
    while p < pattern_end and p[0] == c'*':
        p += 1
    return p == pattern_end
