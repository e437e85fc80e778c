"""An engine as Python hands it from the Server face to the rooms that read it."""
from cpython.pycapsule cimport PyCapsule_GetPointer

from ..commands.state cimport server_t

cdef inline server_t* server_from(object capsule) except NULL:
    """Raises ValueError when it is something else."""
    return <server_t*>PyCapsule_GetPointer(capsule, b"kvd.server_t")
