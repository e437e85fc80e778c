"""Python face of engine/core/sha256.pxd, for tests/core/test_sha256.py only."""
from libc.stdint cimport uint8_t

from kvd.engine.core.sha256 cimport (
    SHA256_SIZE, sha256, sha256_add, sha256_end, sha256_equal, sha256_from_hex, sha256_init,
    sha256_t, sha256_to_hex,
)


def digest(bytes data):
    cdef uint8_t out[SHA256_SIZE]
    sha256(data, len(data), out)
    return (<char*>out)[:SHA256_SIZE]


def digest_of_parts(list parts):
    """The digest of the parts joined, each added by itself."""
    cdef uint8_t out[SHA256_SIZE]
    cdef sha256_t sha
    cdef bytes part
    sha256_init(&sha)
    for part in parts:
        sha256_add(&sha, part, len(part))
    sha256_end(&sha, out)
    return (<char*>out)[:SHA256_SIZE]


def equal(bytes a, bytes b):
    assert len(a) == len(b) == SHA256_SIZE
    return sha256_equal(<const uint8_t*><const char*>a, <const uint8_t*><const char*>b)


def to_hex(bytes value):
    cdef char out[2 * SHA256_SIZE]
    assert len(value) == SHA256_SIZE
    sha256_to_hex(<const uint8_t*><const char*>value, out)
    return out[:2 * SHA256_SIZE]


def from_hex(bytes text):
    cdef uint8_t out[SHA256_SIZE]
    return (<char*>out)[:SHA256_SIZE] if sha256_from_hex(text, len(text), out) else None
