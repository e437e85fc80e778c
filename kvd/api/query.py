"""A request's query, read as Render's clients write it.

Lists come as `name=a,b` from some clients and as `name=a&name=b` from others; times as RFC 3339 or
as seconds since the epoch; cursors are those we gave.
"""
import base64
import binascii
import datetime
import math

from ..errors import BadRequest
from ..names import ID

LIMIT_DEFAULT = 20
LIMIT_MAX = 100


class Query:
    """Names and values behind the question mark."""

    def __init__(self, pairs: list[tuple[str, str]]):
        self.pairs = pairs

    def text(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.pairs if key == name), default)

    def words(self, name: str) -> list[str]:
        """Every value of a list, in either style."""
        return [word for key, value in self.pairs if key in (name, f"{name}[]")
                for word in value.split(",") if word]

    def limit(self, most: int = LIMIT_MAX, default: int = LIMIT_DEFAULT) -> int:
        given = self.text("limit")
        if not given:
            return default
        if not given.isdigit() or not 1 <= int(given) <= most:
            raise Coded(f"limit must be a number from 1 to {most}", "invalid_limit")
        return int(given)

    def cursor(self) -> str:
        """The id behind which the page begins; "" for the first."""
        given = self.text("cursor")
        if not given:
            return ""
        try:
            id = base64.urlsafe_b64decode(given.encode() + b"==").decode()
        except (ValueError, binascii.Error, UnicodeError):
            id = ""
        if not ID.fullmatch(id):
            raise Coded("cursor is none that was given out here", "invalid_cursor")
        return id

    def time(self, name: str, default: float) -> float:
        """Seconds since the epoch."""
        given = self.text(name)
        return read_time(name, given) if given else default

    def number(self, name: str, default: float) -> float:
        given = self.text(name)
        try:
            value = float(given or default)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise BadRequest(f"{name} must be a number")
        return value


class Coded(BadRequest):
    """A refusal with one of Render's codes."""

    def __init__(self, message: str, code: str):
        super().__init__(message)
        self.code = code


def read_time(name: str, given: str) -> float:
    """RFC 3339, or seconds since the epoch. Raises BadRequest."""
    try:
        value = float(given)
        if 0 <= value < 1e11:
            return value
    except ValueError:
        pass
    try:
        # A `+` of an offset that nobody escaped has become a space.
        moment = datetime.datetime.fromisoformat(given.replace(" ", "+", 1))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} must be a time such as 2026-06-09T16:25:00Z") from None


def make_cursor(id: str) -> str:
    return base64.urlsafe_b64encode(id.encode()).decode().rstrip("=")
