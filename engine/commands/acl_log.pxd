"""The log of refusals: ACL LOG.

Terms
    reason    what was lacking: a denied_t of wire/acl
    context   where the command came from
    object    what was asked for: a command, a key, a channel, a database
    entry     one refusal, or several alike within a minute: then `count` tells how many
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

from ..core.types cimport slice_t
from ..wire.acl cimport denial_t, denied_t
from ..wire.command cimport client_t, command_t
from .state cimport server_t

cdef enum acl_context_t:
    ACL_TOPLEVEL = 0
    ACL_MULTI = 1
    ACL_SCRIPT = 2
    ACL_MODULE = 3

# A single block: texts behind it, in the order of their sizes.
cdef struct acl_entry_t:
    acl_entry_t* older
    acl_entry_t* newer
    size_t size                         # of the block
    uint64_t id
    uint64_t count
    int64_t created_ms                  # wall clock
    int64_t updated_ms
    denied_t reason
    acl_context_t context
    size_t object_size
    size_t user_size
    size_t client_size                  # the line of CLIENT INFO, as of the last time
    char text[1]

cdef struct acl_log_t:
    acl_entry_t* newest
    acl_entry_t* oldest
    uint64_t next_id
    int64_t count

# A command was refused: count it by its reason, and keep an entry. `c` is the client of a
# connection, also where a script runs on its behalf.
cdef void acl_log_denied(server_t* srv, const client_t* c, const command_t* cmd,
                         const slice_t* argv, const denial_t* denial,
                         acl_context_t context) noexcept nogil
# Somebody could not say who he is: `name` is whom he said to be.
cdef void acl_log_auth(server_t* srv, const client_t* c, slice_t name) noexcept nogil
cdef void acl_log_reset(server_t* srv) noexcept nogil
# acllog-max-len has changed.
cdef void acl_log_trim(server_t* srv) noexcept nogil
cdef void acl_log_free(server_t* srv) noexcept nogil
