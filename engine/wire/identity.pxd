"""What we say we are: clients switch features on it.

server-identity valkey says the level that we implement; redis says the version of Redis whose
commands that is; redis6 says the last of Redis 6 and has no command that came later, for whoever
depends on a server that was born as one. INFO, HELLO, COMMAND and scripts agree, since all read
this.
"""
from .command cimport command_t

cdef extern from *:
    """
    #ifndef KVD_IDENTITY
    #define KVD_IDENTITY
    #define IDENTITY_VALKEY_VERSION "9.1.2"
    #define IDENTITY_REDIS_VERSION "7.2.4"
    #define IDENTITY_REDIS6_VERSION "6.2.14"
    #endif
    """
    const char* IDENTITY_VALKEY_VERSION
    const char* IDENTITY_REDIS_VERSION
    const char* IDENTITY_REDIS6_VERSION

cdef enum identity_t:
    IDENTITY_VALKEY = 0
    IDENTITY_REDIS = 1
    IDENTITY_REDIS6 = 2

# What redis_version says.
cdef inline const char* identity_redis_version(int identity) noexcept nogil:
    return IDENTITY_REDIS6_VERSION if identity == IDENTITY_REDIS6 else IDENTITY_REDIS_VERSION

# Whether a command is later than what we present. `since` is "6.2.0": one digit, a point, another.
cdef inline bint identity_lacks(int identity, const command_t* cmd) noexcept nogil:
    return (identity == IDENTITY_REDIS6 and cmd is not NULL
            and (cmd.since[0] > c'6' or (cmd.since[0] == c'6' and cmd.since[2] > c'2')))
