"""HTTP request and response messages, independent of the transport that carries them."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from multidict import CIMultiDict, CIMultiDictProxy


# Not frozen: the gateway creates these objects for every call, and creating a frozen one takes three times as long.
@dataclass(slots=True)
class HttpRequest:
    """One request, not changed after its creation.

    target: the path with its query, percent-encoded, starting with `/`.
    url_template: the target as telemetry records it, with `{…}` in place of each name and key; None records nothing.
    attempt_headers: returns headers that must be computed for each attempt, such as a timestamp and a signature. The
    client calls it before every attempt, retries included, and adds its headers to `headers`.
    """

    method: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    url_template: str | None = None
    attempt_headers: "AttemptHeaders | None" = field(default=None, repr=False)


AttemptHeaders = Callable[[HttpRequest], Mapping[str, str]]

RawHeaders = Sequence[tuple[bytes, bytes]]
"""The names and values of headers as received."""


def decode_headers(headers: RawHeaders) -> CIMultiDictProxy[str]:
    """Return headers with their values as text, without white space around it."""
    decoded = [(name.decode("ascii"), value.decode("utf-8", "surrogateescape").strip(" \t")) for name, value in headers]
    return CIMultiDictProxy(CIMultiDict(decoded))


class HttpResponse:
    """A complete response with any status.

    headers: decoded, or as names and values in bytes. Those are decoded on first access, because most calls read none.
    """

    __slots__ = ("_headers", "body", "status")

    def __init__(self, status: int, headers: "CIMultiDictProxy[str] | RawHeaders", body: bytes) -> None:
        self.status = status
        self.body = body
        self._headers = headers

    def __repr__(self) -> str:
        """Return the status only: headers and body can contain secrets."""
        return f"HttpResponse(status={self.status})"

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Return the headers."""
        if isinstance(self._headers, CIMultiDictProxy):
            return self._headers
        self._headers = decoded = decode_headers(self._headers)
        return decoded

    @property
    def media_type(self) -> str:
        """Return the content type in lower case without parameters; empty if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> float | None:
        """Return `Retry-After` in seconds, whether it is a number or a date; None if it is absent or invalid."""
        return retry_after(self.headers)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After` header; None if it is absent or invalid."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):  # depending on the library version and the text
        return None
    if moment.tzinfo is None:  # "-0000" states no time zone; dates in HTTP are UTC
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())
