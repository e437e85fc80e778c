"""Users: who a client is, and how it proves that.

Terms
    nopass    any password will do; what `default` is until requirepass is set
    digest    SHA-256 of a password: the password itself is not kept here

There is one user, `default`. Whoever wants more of them changes users_t and users_find, not their
callers: a user_t* is who was found, and stays valid until the users change.
"""
from libc.stdint cimport uint8_t

from ..core.sha256 cimport SHA256_SIZE
from ..core.types cimport slice_t

cdef struct user_t:
    slice_t name                        # borrowed: a constant
    bint nopass
    uint8_t digest[SHA256_SIZE]

cdef struct users_t:
    user_t first                        # `default`

cdef void users_init(users_t* users) noexcept nogil
# requirepass: an empty password makes `default` nopass.
cdef void users_set_default_password(users_t* users, slice_t password) noexcept nogil
cdef const user_t* users_find(const users_t* users, slice_t name) noexcept nogil
# Who this name and password belong to, or NULL. Takes as long for a name that nobody has as for
# a wrong password.
cdef const user_t* users_authenticate(const users_t* users, slice_t name,
                                      slice_t password) noexcept nogil
