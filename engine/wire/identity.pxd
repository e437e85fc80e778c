"""What we say we are: clients switch features on it.

server-identity valkey says the level that we implement; redis says the version of Redis whose
commands that is. INFO and HELLO agree, since both read this.
"""
cdef extern from *:
    """
    #ifndef KVD_IDENTITY
    #define KVD_IDENTITY
    #define IDENTITY_VALKEY_VERSION "9.1.2"
    #define IDENTITY_REDIS_VERSION "7.2.4"
    #endif
    """
    const char* IDENTITY_VALKEY_VERSION
    const char* IDENTITY_REDIS_VERSION
