"""uvicorn as we use it: on sockets that we opened, with signals left to the agent."""
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """One application on one socket."""

    def __init__(self, app: ASGIApp, sock: socket.socket):
        super().__init__(uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", loop="asyncio", http="h11",
            ws="none", timeout_graceful_shutdown=5, server_header=False))
        self.sock = sock

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The agent hears signals itself."""
        yield

    async def run_here(self) -> None:
        """Serve until should_exit."""
        await self.serve([self.sock])
