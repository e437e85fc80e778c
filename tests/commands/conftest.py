"""The engine that commands are tried on."""
import pytest

from kvd.engine.server.server import Server

# No statistics, so that its memory is what clients and keys hold.
QUIET = {"latency_tracking": "no", "commandlog_execution_slower_than": -1,
         "commandlog_request_larger_than": -1, "commandlog_reply_larger_than": -1}


@pytest.fixture
def server(request):
    """An engine in process, empty; it must give back every byte. SETTINGS of the test's module are
    directives for it."""
    server = Server(**QUIET, **getattr(request.module, "SETTINGS", {}))
    yield server
    assert server.close(), "the engine kept memory"
