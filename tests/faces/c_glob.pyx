"""Python face of engine/core/glob.pxd, for tests/core/test_glob.py only."""
from kvd.engine.core.glob cimport glob_match


def match(bytes pattern, bytes text, bint nocase=False):
    return glob_match(pattern, len(pattern), text, len(text), nocase)
