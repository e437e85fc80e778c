"""What can go wrong with a verb, each as one sentence for a person.

The same exception becomes an HTTP status in the API and an exit code in the terminal, so that a
program hears the same answer through either. It must not be raised for our own mistakes: those
are plain exceptions, and answer 500.
"""

INTERRUPTED = 130


class Refused(Exception):
    """A verb that will not be done.

    Attributes:
        status: of the HTTP answer.
        exit_code: of the command.
    """

    status = 400
    exit_code = 2


class BadRequest(Refused):
    """The wish makes no sense: an unknown plan, a name with a slash."""


class NotFound(Refused):
    """There is no such instance, file, or entry of a list."""

    status = 404
    exit_code = 3


class Conflict(Refused):
    """The wish makes sense, but not as things stand: a name in use, a smaller plan."""

    status = 409
    exit_code = 4


class Forbidden(Refused):
    """The key does not open this."""

    status = 403
    exit_code = 4


class Failed(Refused):
    """The world is against it: a full disk, a port in use, an engine that does not start."""

    status = 503
    exit_code = 1


class Unreachable(Failed):
    """Nobody answers: no agent, no engine, no server at a URL."""

    exit_code = 5


class TimedOut(Failed):
    """It may still happen, but not within the time that was given."""

    exit_code = 6


class Interrupted(Refused):
    """Somebody pressed Ctrl-C; what was asked goes on in the agent, and this says so."""

    exit_code = INTERRUPTED


# The codes that `kvd` ends with, for the reference and the tests.
EXIT_CODES = {
    0: "done",
    1: "it failed: the world is against it (disk, port, engine)",
    2: "the command line or a value makes no sense",
    3: "there is no such instance, file or entry",
    4: "refused as things stand: a name in use, a smaller type, a wrong password, not confirmed",
    5: "cannot be reached: the agent (or it does not start), or the server of a URL, TLS included",
    6: "not within the time given",
    INTERRUPTED: "interrupted by Ctrl-C",
}
