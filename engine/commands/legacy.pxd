"""Older commands as they were in Redis 6.2, for whom server-identity redis6 has told so.

Terms
    later      of an option or of a reply: Redis 7 or Valkey brought it

Commands that are later are not there at all (wire/identity). Of the older ones, each says itself
where it reads a later option, or where its reply had another shape, by asking client_is_legacy:
so nobody else pays for it. The owner's socket and the journal may use everything.
"""
from ..wire.command cimport CLIENT_CONTROL, CLIENT_LOADING, client_t
from ..wire.identity cimport IDENTITY_REDIS6
from .state cimport server_of

cdef inline bint client_is_legacy(const client_t* c) noexcept nogil:
    return (server_of(c).config.identity == IDENTITY_REDIS6
            and not c.flags & (CLIENT_CONTROL | CLIENT_LOADING))
