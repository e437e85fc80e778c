"""Python face of engine/store/expire.pxd, for tests/store/test_expire.py only."""
from libc.stdint cimport int64_t

from kvd.engine.core.clock cimport clock_mono_us
from kvd.engine.store.expire cimport expire_run, expire_t

from tests.faces.c_keyspace cimport Store


cdef class Expire:
    cdef expire_t expire
    cdef Store store

    def __init__(self, Store store):
        self.store = store

    def run(self, int64_t budget_us=10**9, object mono_us=None):
        return expire_run(&self.expire, &self.store.store,
                          clock_mono_us() if mono_us is None else mono_us, budget_us)

    off = property(lambda self: bool((<Expire>self).expire.off),
                   lambda self, value: (<Expire>self).switch(value))
    capped = property(lambda self: (<Expire>self).expire.capped)
    spent_us = property(lambda self: (<Expire>self).expire.spent_us)
    rest_until_us = property(lambda self: (<Expire>self).expire.rest_until_us)

    def switch(self, bint off):
        self.expire.off = off


def mono_us():
    return clock_mono_us()
