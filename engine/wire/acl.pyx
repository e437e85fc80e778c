"""Users.

A password is hashed whoever it is for, and compared with something: the digest of an unknown user
is that of `default`, and the answer is no. So neither which users there are nor how much of a
password was right can be told from the time that AUTH takes.
"""
from libc.string cimport memcmp, memset

from ..core.sha256 cimport sha256, sha256_equal


cdef void users_init(users_t* users) noexcept nogil:
    users.first.name = slice_t(b"default", 7)
    users.first.nopass = True
    memset(users.first.digest, 0, SHA256_SIZE)


cdef void users_set_default_password(users_t* users, slice_t password) noexcept nogil:
    users.first.nopass = password.size == 0
    memset(users.first.digest, 0, SHA256_SIZE)
    if password.size:
        sha256(password.data, password.size, users.first.digest)


cdef const user_t* users_find(const users_t* users, slice_t name) noexcept nogil:
    cdef const user_t* user = &users.first
    if name.size == user.name.size and memcmp(name.data, user.name.data, name.size) == 0:
        return user
    return NULL


cdef const user_t* users_authenticate(const users_t* users, slice_t name,
                                      slice_t password) noexcept nogil:
    cdef uint8_t digest[SHA256_SIZE]
    cdef const user_t* user = users_find(users, name)
    cdef const user_t* other = user if user is not NULL else &users.first
    cdef bint equal
    sha256(password.data, password.size, digest)
    equal = sha256_equal(digest, other.digest) or other.nopass
    return user if equal else NULL
