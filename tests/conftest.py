"""What all tests share: draws that repeat, and a stock server to ask."""
import pytest
from hypothesis import settings

from tests.oracle import Oracle

# The same examples in every run; `pytest --hypothesis-profile=default` draws new ones.
settings.register_profile("kvd", derandomize=True, deadline=None)
settings.load_profile("kvd")


def oracle(*options: str, server: str = "valkey"):
    try:
        oracle = Oracle(*options, server=server)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def valkey():
    """The oracle, for what must be Valkey's to the byte. Skips where none is installed."""
    yield from oracle()


@pytest.fixture(scope="session")
def redis6():
    """A real Redis 6.2, for what legacy instances answer."""
    yield from oracle(server="redis6")


@pytest.fixture
def stock_valkey():
    """One of its own, for who reads or changes the configuration: nobody has touched it."""
    yield from oracle()


@pytest.fixture(scope="module")
def debugged_valkey():
    """One that has DEBUG open."""
    yield from oracle("--enable-debug-command", "yes")


def pytest_collection_modifyitems(config, items):
    """Tests marked `torture` take hours: they run when `-m` names them."""
    if "torture" not in config.getoption("-m"):
        for item in items:
            if item.get_closest_marker("torture"):
                item.add_marker(pytest.mark.skip(reason="long: -m torture"))
