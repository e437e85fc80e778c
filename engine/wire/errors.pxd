"""Every error text a client can see. Clients match on these: tests hold them verbatim."""
cdef extern from *:
    """
    #ifndef KVD_ERRORS
    #define KVD_ERRORS
    #define ERR_SYNTAX "ERR syntax error"
    #define ERR_WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"
    #define ERR_NOT_INTEGER "ERR value is not an integer or out of range"
    #define ERR_NOT_FLOAT "ERR value is not a valid float"
    #define ERR_NO_KEY "ERR no such key"
    #define ERR_OUT_OF_RANGE "ERR index out of range"
    #define ERR_INVALID_EXPIRE "ERR invalid expire time in '"
    #define ERR_STRING_TOO_LONG \\
        "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    #define ERR_NO_AUTH "NOAUTH Authentication required."
    #define ERR_OOM "OOM command not allowed when used memory > 'maxmemory'."
    #define ERR_LOADING "LOADING Valkey is loading the dataset in memory"
    #define ERR_DB_INDEX "ERR DB index is out of range"
    #define ERR_NO_PROTO "NOPROTO unsupported protocol version"
    #define ERR_INCREMENT_OVERFLOW "ERR increment or decrement would overflow"
    #define ERR_DECREMENT_OVERFLOW "ERR decrement would overflow"
    #define ERR_INCREMENT_NAN "ERR increment would produce NaN or Infinity"
    #define ERR_OFFSET "ERR offset is out of range"
    #define ERR_NUMKEYS "ERR invalid numkeys value or out of range"
    #endif
    """
    const char* ERR_SYNTAX
    const char* ERR_WRONG_TYPE
    const char* ERR_NOT_INTEGER
    const char* ERR_NOT_FLOAT
    const char* ERR_NO_KEY
    const char* ERR_OUT_OF_RANGE
    const char* ERR_INVALID_EXPIRE      # then the command's name and "' command"
    const char* ERR_STRING_TOO_LONG
    const char* ERR_NO_AUTH
    const char* ERR_OOM
    const char* ERR_LOADING
    const char* ERR_DB_INDEX
    const char* ERR_NO_PROTO
    const char* ERR_INCREMENT_OVERFLOW
    const char* ERR_DECREMENT_OVERFLOW
    const char* ERR_INCREMENT_NAN
    const char* ERR_OFFSET
    const char* ERR_NUMKEYS
