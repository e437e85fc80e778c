"""Python face of engine/core/crc.pxd, for tests/core/test_crc.py only."""
from libc.stdint cimport uint64_t

from kvd.engine.core.crc cimport crc16, crc64


def sum64(const unsigned char[::1] data, uint64_t crc=0):
    """Any buffer, so that a slice of a memoryview starts at an odd address."""
    return crc64(crc, &data[0] if len(data) else NULL, len(data))


def sum16(bytes data):
    return crc16(<const char*>data, len(data))
