"""Publish and subscribe: channels, patterns, shard channels.

Terms
    kind          what a subscription names: a channel, a pattern of channels, a shard channel
    channel       a name of a kind that somebody subscribes to; nobody's is not kept
    subscription  one client's to one channel
    message       complete RESP, encoded once for all who get it

Shard channels are a space of their own: without a cluster they differ from channels in that alone.
"""
from libc.stdint cimport int64_t, uint64_t

from ..core.types cimport slice_t
from ..wire.command cimport client_t
from .state cimport server_t

cdef enum:
    CHANNEL_PLAIN = 0
    CHANNEL_PATTERN = 1
    CHANNEL_SHARD = 2

cdef void pubsub_init(server_t* srv) noexcept nogil
# Every client has left.
cdef void pubsub_free(server_t* srv) noexcept nogil

# Deliver to the subscribers of a channel, and to those of patterns that match it. Returns how many
# messages that were.
cdef int64_t pubsub_publish(server_t* srv, slice_t channel, slice_t message) noexcept nogil
# Somebody may get what is published to a channel. For who makes messages that nobody asked for.
cdef bint pubsub_wanted(const server_t* srv) noexcept nogil
# End all subscriptions of a client, without a word to it: RESET, a client that leaves.
cdef void pubsub_leave(client_t* c) noexcept nogil
# It hears something that its user may not hear, or may no longer.
cdef bint pubsub_forbidden(const client_t* c) noexcept nogil
# Of a client, by kind; of all, likewise.
cdef int64_t pubsub_count(const client_t* c, int kind) noexcept nogil
cdef uint64_t pubsub_channels(const server_t* srv, int kind) noexcept nogil
