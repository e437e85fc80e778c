"""The `kvd` command: finds the verb and hands over.

Each verb is imported when it is asked for, since a server that starts fast is restarted gladly.
"""
import sys

USAGE = """\
usage: kvd serve [FILE | -] [--NAME VALUE ...]   start a server
       kvd --version

`kvd serve --help` lists every option.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb.

    Returns:
        Exit status: 0 success, 1 failure, 2 a command line that makes no sense.
    """
    args = sys.argv[1:] if argv is None else argv
    if args[:1] == ["serve"]:
        from . import serve
        return serve.main(args[1:])
    if args and args[0] in ("-v", "--version"):
        from . import __version__
        print(f"kvd {__version__}")
        return 0
    if args and args[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    sys.stderr.write((f"kvd: there is no verb {args[0]!r}\n" if args else "") + USAGE)
    return 2
