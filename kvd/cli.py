"""The `kvd` command: finds the verb and hands over.

`serve` is imported by itself, since a server that starts fast is restarted gladly and a serving
process imports only what it needs. Every other verb lives in terminal/.
"""
import os
import sys


def main(argv: list[str] | None = None) -> int:
    """Run one verb.

    Returns:
        Exit status; errors.EXIT_CODES says what each means.
    """
    try:
        return hand_over(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:           # within an import: verbs answer it themselves
        from .errors import INTERRUPTED
        sys.stderr.write("\nkvd: interrupted\n")
        return INTERRUPTED


def hand_over(args: list[str]) -> int:
    """Import no more than the verb needs, and run it."""
    if args[:1] == ["serve"]:
        from . import serve
        return serve.main(args[1:])
    if args[:2] == ["agent", "run"] and len(args) == 2:
        from .agent.main import main as run_agent
        from .home import Home, default_home
        return run_agent(Home(default_home()))
    if args[:1] == ["create"] and "--help" not in args and "KVD_HOST" not in os.environ:
        # It needs an agent, whose start takes as long as importing the rest of us.
        from .home import Home, default_home
        from .launch import launch
        launch(Home(default_home()))
    from .terminal.main import run
    return run(args)
