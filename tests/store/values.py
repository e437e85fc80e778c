"""What tests of sets, hashes and lists do alike."""
import pytest


def maker(kind):
    """A fixture: makes values of this kind, which must give back all their blocks at the end."""
    @pytest.fixture
    def make():
        made = []

        def create(*args, **options):
            made.append(kind(*args, **options))
            return made[-1]
        yield create
        for each in made:
            assert each.close() == 1, "blocks were not given back"
    return make


def scan_on(value, scanned, present, steps):
    """Some steps of a scan, which shows until it ends what was there all the time.

    Args:
        scanned: (cursor, what must be shown, what was), or None where no scan is begun; who takes
            something out of the value takes it out of what must be shown.
        present: what is there now.
    Returns:
        The same, for the next steps.
    """
    cursor, expected, seen = scanned or (0, set(present), set())
    for _ in range(steps):
        found, cursor = value.scan(cursor)
        seen.update(found)
        if cursor == 0:
            assert expected <= seen
            return None
    return cursor, expected, seen
