"""HTTP request and response messages, independent of the transport that carries them."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from multidict import CIMultiDictProxy


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


@dataclass(slots=True)
class HttpResponse:
    """A complete response with any status."""

    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(repr=False)

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
