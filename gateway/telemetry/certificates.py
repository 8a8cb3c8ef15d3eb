"""Expiry dates of certificates, for metrics: of all certificates of polled providers, and of those in responses.

For a polled provider, only the polls count, so that a removed certificate disappears with the next poll.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from google.protobuf.message import Message

from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Point
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import ListCertificatesResponse

MAXIMUM_CERTIFICATES: Final = 1000
_SURPLUS: Final = 100
"""Number of surplus entries before they are sorted and dropped, so that not every response sorts them."""

FORGET_SECONDS: Final = 24 * 3600.0
"""Seconds after which a certificate that no response contained is dropped, because it may no longer exist."""

_BOUNDS: Final = ((0.0, "expired"), (1.0, "1"), (7.0, "7"), (30.0, "30"), (90.0, "90"), (365.0, "365"))
_LATER: Final = "later"

_UNKNOWN: Final = "unknown"

Expiries = Mapping[str, dt.date | None]
"""The last day of each certificate, by its name. None if the upstream does not state it."""


def expiries(certificates: Iterable[Certificate]) -> Expiries:
    """Return the last day of each certificate."""
    return {certificate.name: _last_day(certificate) for certificate in certificates}


class CertificateExpiries:
    """The last day of each known certificate. maximum: number of certificates with a series of their own."""

    def __init__(self, maximum: int = MAXIMUM_CERTIFICATES) -> None:
        self._maximum = maximum
        self._seen: dict[str, tuple[dt.date, float]] = {}
        self._polled: dict[str, Expiries] = {}

    def expect_polls(self, providers: Iterable[str]) -> None:
        """Ignore responses with certificates of these providers. This process or another one polls them."""
        for provider in providers:
            self._polled.setdefault(provider, {})

    def replace(self, provider: str, certificates: Expiries) -> None:
        """Replace all certificates of a polled provider."""
        self._polled[provider] = certificates

    def observe(self, response: Message) -> None:
        """Record the certificates in a response; ignore other messages."""
        if isinstance(response, ListCertificatesResponse):
            for certificate in response.certificates:
                self._take(certificate)
        elif isinstance(single := getattr(response, "certificate", None), Certificate):
            self._take(single)

    def points(self) -> Iterator[Point]:
        """Yield the days until each certificate expires, at the end of its last day (UTC); negative after that.

        If there are too many, yields those that expire soonest, and of the expired ones those that expired last.
        """
        days = {name: left for name, left in self._days_left().items() if left is not None}
        first = sorted(days, key=lambda name: (days[name] < 0, abs(days[name])))[: self._maximum]
        for name in first:
            _, provider, _, certificate = name.split("/", 3)
            attributes = {names.KEYWAY_PROVIDER: provider, names.KEYWAY_CERTIFICATE: certificate}
            yield Point(attributes, round(days[name], 3))

    def counts(self) -> Iterator[Point]:
        """Yield the number of all certificates of each provider by days until they expire."""
        days = self._days_left()
        counts = Counter((name.split("/", 2)[1], _range_of(left)) for name, left in days.items())
        for (provider, within), count in sorted(counts.items()):
            yield Point({names.KEYWAY_PROVIDER: provider, names.KEYWAY_EXPIRES_WITHIN: within}, count)

    def _days_left(self) -> Mapping[str, float | None]:
        now = dt.datetime.now(dt.UTC)
        return {name: _days(last, now) if last is not None else None for name, last in self._known().items()}

    def _known(self) -> Expiries:
        oldest = time.monotonic() - FORGET_SECONDS
        known: dict[str, dt.date | None] = {}
        for name, (last, seen) in self._seen.copy().items():
            if seen < oldest:
                self._seen.pop(name, None)
            else:
                known[name] = last
        for certificates in self._polled.copy().values():
            known |= certificates
        return known

    def _take(self, certificate: Certificate) -> None:
        last = _last_day(certificate)
        if last is None or certificate.name.split("/", 2)[1] in self._polled:
            return
        self._seen[certificate.name] = (last, time.monotonic())
        if len(self._seen) > self._maximum + _SURPLUS:
            first = sorted(self._seen.items(), key=lambda item: item[1][0])
            self._seen = dict(first[: self._maximum])


def _last_day(certificate: Certificate) -> dt.date | None:
    date = certificate.expiration_date
    if not (date.year and date.month and date.day) or certificate.name.count("/") < 3:
        return None
    return dt.date(date.year, date.month, date.day)


def _days(last: dt.date, now: dt.datetime) -> float:
    # The end of 9999-12-31 is not a datetime, so the day is added to the difference.
    left = dt.datetime.combine(last, dt.time(), dt.UTC) - now + dt.timedelta(days=1)
    return left / dt.timedelta(days=1)


def _range_of(days: float | None) -> str:
    if days is None:
        return _UNKNOWN
    return next((name for bound, name in _BOUNDS if days < bound), _LATER)
