"""The agent as the terminal sees it: its API over the Unix socket, or over HTTP with a key.

When no agent runs on this host, one is started; who has named another host (KVD_HOST) gets that
one or nothing. A request is sent once: a change that may have happened is never repeated blindly.
"""
import http.client
import json
import pathlib
import ssl
import urllib.parse
from typing import Any

from ..errors import (
    BadRequest, Conflict, Failed, Forbidden, NotFound, TimedOut, Unreachable,
)
from ..home import Home, connect_unix
from ..launch import Launch, launched

ANSWER_SECONDS = 90.0
KINDS = {400: BadRequest, 401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict,
         429: Failed, 503: Failed}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: pathlib.Path):
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self.path = path

    def connect(self) -> None:
        self.sock = connect_unix(self.path, ANSWER_SECONDS)


class Remote:
    """The API of an agent."""

    def __init__(self, home: Home, host: str = "", key: str = ""):
        """
        Args:
            host: http://host:port of an agent elsewhere; "" for the one of this home.
            key: a bearer key.
        """
        self.home = home
        self.host = host
        self.key = key

    @property
    def local(self) -> bool:
        return not self.host

    def connection(self) -> http.client.HTTPConnection:
        if self.local:
            return UnixConnection(self.home.socket)
        parts = urllib.parse.urlsplit(self.host if "://" in self.host else f"http://{self.host}")
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.netloc, timeout=ANSWER_SECONDS,
                                               context=ssl.create_default_context())
        return http.client.HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """One request: the decoded answer, None when it is empty.

        Raises:
            Refused: the agent says no, as its kind of no.
            Unreachable: there is no agent and none can be started.
        """
        words = {name: value for name, value in query.items() if value not in (None, "", ())}
        url = f"/v1{path}" + (f"?{urllib.parse.urlencode(words, doseq=True)}" if words else "")
        content = None if body is None else json.dumps(body)
        headers = {"Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        connection = self.connect()
        try:
            connection.request(method, url, content, headers)
            answer = connection.getresponse()
            data = answer.read()
        except TimeoutError:
            raise TimedOut("the agent does not answer; what was asked may still happen") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the connection to the agent is lost: {error}; `kvd list` shows "
                              "what was done") from None
        finally:
            connection.close()
        return self.read(answer.status, data)

    def connect(self) -> http.client.HTTPConnection:
        connection = self.connection()
        try:
            connection.connect()
            return connection
        except OSError as error:
            if not self.local:
                raise Unreachable(f"no agent answers at {self.host}: "
                                  f"{error.strerror or error}") from None
        start_agent(self.home)
        connection = self.connection()
        try:
            connection.connect()
        except OSError as error:
            raise Unreachable(f"the agent does not answer: {error.strerror or error}") from None
        return connection

    @staticmethod
    def read(status: int, data: bytes) -> Any:
        try:
            value = json.loads(data) if data else None
        except ValueError:
            raise Failed(f"the agent answers {status} with something that is no JSON") from None
        if status < 400:
            return value
        message = value.get("message") if isinstance(value, dict) else None
        raise KINDS.get(status, Failed)(message or f"received response code {status}")

    def running(self) -> bool:
        """Whether an agent answers, without starting one."""
        try:
            connection = self.connection()
            connection.connect()
            connection.close()
        except OSError:
            return False
        return True


def start_agent(home: Home) -> None:
    """Start the agent, detached, and wait until it answers.

    Raises:
        Unreachable: it does not start, with its own words.
    """
    (launched.pop() if launched else Launch(home)).wait()
