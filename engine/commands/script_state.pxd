"""What scripts stand on: the machines of a server, what runs on them, what is kept.

Terms
    machine   a vm_t: one for EVAL's scripts, one for libraries of functions; made when needed
    script    a Lua function, known by its reference in the machine's registry
    run       one script from its start to its end; runs do not nest
    caller    the client whose command the run is
    inner     the client without a socket that redis.call runs commands as
    busy      a run that has taken longer than busy-reply-threshold: meanwhile other clients are
              served, and mostly told so
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t, uint64_t

from ..core.buf cimport buf_t
from ..core.lua cimport lua_State
from ..core.lua_vm cimport vm_of, vm_t
from ..core.sha1 cimport SHA1_HEX_SIZE
from ..core.table cimport table_t
from ..core.types cimport slice_t
from ..wire.command cimport client_t
from .script_watch cimport watchdog_t
from .state cimport server_t

cdef enum:                              # what a script says of itself
    SCRIPT_NO_WRITES = 1 << 0
    SCRIPT_ALLOW_OOM = 1 << 1
    SCRIPT_ALLOW_STALE = 1 << 2
    SCRIPT_NO_CLUSTER = 1 << 3
    SCRIPT_ALLOW_CROSS_SLOT = 1 << 4
    SCRIPT_SILENT = 1 << 5              # it says nothing: no shebang

cdef enum machine_t:
    MACHINE_EVAL = 0
    MACHINE_FUNCTION = 1

cdef enum kill_t:
    KILL_NO = 0
    KILL_ASKED = 1                      # SCRIPT KILL, FUNCTION KILL
    KILL_STOP = 2                       # the server ends

cdef enum:
    REPL_AOF = 1
    REPL_REPLICA = 2
    REPL_ALL = 3

cdef enum:
    ERROR_MAX = 1024                    # bytes of an error's text that a client sees

# A script of EVAL, by the SHA-1 of its text; one block.
cdef struct script_t:
    script_t* newer                     # of those that may be forgotten
    script_t* older
    bint forgettable
    uint32_t flags                      # SCRIPT_*
    int reference
    size_t size                         # of the text
    char name[SHA1_HEX_SIZE]
    char text[0]

# A function of a library; one block.
cdef struct function_t:
    function_t* next                    # of the same library
    library_t* library
    uint32_t flags                      # SCRIPT_*
    int reference
    size_t name_size
    size_t description_size
    bint described
    char* name                          # in the block: as given, in lower case, description

cdef struct library_t:
    function_t* functions               # owned
    int function_count
    size_t name_size
    size_t code_size
    char* name                          # in the block: name, code
    char* code

cdef struct run_t:
    bint active
    client_t* caller
    machine_t machine
    uint32_t flags                      # SCRIPT_*
    bint read_only                      # by its flags, or by the command that runs it
    bint wrote                          # it ran a command that writes
    bint oom                            # memory was beyond maxmemory when it began
    bint nested                         # inside EXEC, which ends the journal's transaction itself
    int repl                            # REPL_*: who hears of its effects
    kill_t kill
    int64_t started_us
    uint64_t aof_size                   # of the journal's buffer when it began
    slice_t name                        # of a function, borrowed
    int reference                       # the function in the machine's registry
    int key_count
    slice_t* keys                       # the caller's arguments: keys, and after them the others
    int arg_count
    bint failed
    bint counted                        # the error was counted where it came from
    size_t error_size
    char error[ERROR_MAX]               # "ERR ...": what the caller reads
    char source[64]                     # "@user_script", or empty
    int line

cdef struct scripting_t:
    server_t* srv
    vm_t machines[2]
    bint open[2]
    client_t* inner
    slice_t* argv                       # owned: of the command that redis.call runs
    int argv_max
    buf_t numbers                       # texts of arguments that are numbers
    run_t run
    watchdog_t* watchdog                # owned, NULL until a script has run
    # EVAL's scripts
    table_t scripts
    script_t* oldest                    # of those that may be forgotten
    script_t* newest
    int forgettable
    size_t scripts_memory
    uint64_t evicted
    script_t* last                      # run last
    # Functions
    table_t libraries
    table_t functions                   # by their names in lower case
    library_t* loading                  # whose code runs to register functions
    size_t libraries_memory

cdef inline scripting_t* scripting_of_state(lua_State* L) noexcept nogil:
    return <scripting_t*>vm_of(L).owner
