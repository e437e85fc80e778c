"""What a serving process asks of the system that Python cannot: signals and its title.

Signals. Python runs its handlers between bytecodes, and the loop runs none for hours. So the
handlers here are C: the first signal that ends us is written to a descriptor on which the loop
waits; a second one ends the process at once, whatever it is doing. Some senders (timeout(1), a
shell that signals a group and its leader) send everything twice, so what comes within SAME_MS of
the first is the same signal.

Title. The list of processes shows the memory that held the arguments, which nobody reads after
start; we write the title there. A password among the arguments is gone with them.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <signal.h>
    #include <sys/prctl.h>
    #include <time.h>
    #include <unistd.h>

    #define SAME_MS 250

    static volatile sig_atomic_t kvd_signals_seen = 0;
    static int kvd_signal_fd = -1;

    static struct timespec kvd_signal_first;

    static void kvd_on_signal(int number) {
        char byte = (char)number;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (kvd_signals_seen++) {
            if ((now.tv_sec - kvd_signal_first.tv_sec) * 1000
                    + (now.tv_nsec - kvd_signal_first.tv_nsec) / 1000000 < SAME_MS)
                return;
            static const char text[] = "second signal: ending at once\\n";
            if (write(2, text, sizeof(text) - 1) < 0) {}
            _exit(1);
        }
        kvd_signal_first = now;
        if (write(kvd_signal_fd, &byte, 1) < 0) _exit(1);
    }

    static int kvd_catch_signals(int fd) {
        static const int caught[] = {SIGTERM, SIGINT};
        struct sigaction action = {0};
        kvd_signal_fd = fd;
        kvd_signals_seen = 0;
        sigemptyset(&action.sa_mask);
        action.sa_handler = kvd_on_signal;
        for (int i = 0; i < 2; i++)
            if (sigaction(caught[i], &action, NULL)) return -1;
        return 0;
    }
    static void kvd_set_name(const char* name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
    """
    int kvd_catch_signals(int fd)
    void kvd_set_name(const char* name)


def catch_signals(fd: int) -> None:
    """SIGTERM and SIGINT write their number to this descriptor, once; a second one ends us.

    Args:
        fd: the writing end of a pipe.
    """
    if kvd_catch_signals(fd):
        raise OSError("sigaction failed")


def set_title(title: bytes) -> None:
    """Show this in the list of processes, cut where the arguments ended."""
    cdef size_t start, size, shown
    cdef const char* text = title
    kvd_set_name(title.split(b" ")[0][:15])
    try:
        with open("/proc/self/stat", "rb") as stat:
            # Fields from the third on stand behind the name, which may hold spaces: arg_start is
            # field 48, arg_end 49.
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return
    start = <size_t>int(fields[45])
    size = <size_t>int(fields[46]) - start
    if start == 0 or size < 2:
        return                          # we are not allowed to know
    shown = min(<size_t>len(title), size - 1)
    memset(<void*><uintptr_t>start, 0, size)
    memcpy(<void*><uintptr_t>start, text, shown)
