"""Expiry dates of certificates, for metrics: from polls, and for other providers from responses to callers.

For a polled provider, responses are ignored, so that a removed certificate disappears with the next poll.
"""

import datetime as dt
import math
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from google.protobuf.message import Message

from gateway.contract.resource_names import provider_id
from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Point
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import ListCertificatesResponse

MAXIMUM_CERTIFICATES: Final = 1000
_SURPLUS: Final = 100
"""Number of surplus entries before they are sorted and dropped, so that not every response sorts them."""

FORGET_SECONDS: Final = 24 * 3600.0
"""Seconds after which a certificate that no response contained is dropped, because it may no longer exist."""

_BOUNDS: Final = ((-1, "expired"), (1, "1"), (7, "7"), (30, "30"), (90, "90"), (365, "365"))
"""The largest number of whole days in each range, and its label."""
_LATER: Final = "later"

_UNKNOWN: Final = "unknown"

_KOREA_AND_JAPAN: Final = dt.timezone(dt.timedelta(hours=9))
"""The time zone of the last days, as in `keyway certs list` and in the console, so that all show the same days."""

Expiries = Mapping[str, dt.date | None]
"""The last day of each certificate, by its name. None if the upstream does not state it."""


def expiries(certificates: Iterable[Certificate]) -> Expiries:
    """Return the last day of each certificate."""
    return {certificate.name: _last_day(certificate) for certificate in certificates}


class ExpiryCalendar:
    """Certificates by their last day, so that a scrape does not iterate over all certificates."""

    def __init__(self, certificates: Expiries) -> None:
        self._by_day: dict[dt.date, list[str]] = {}
        self.unknown = 0
        for name, last in certificates.items():
            if last is None:
                self.unknown += 1
            else:
                self._by_day.setdefault(last, []).append(name)
        self._days = sorted(self._by_day)

    def counts(self) -> Iterator[tuple[dt.date, int]]:
        """Yield the number of certificates of each day."""
        return ((day, len(found)) for day, found in self._by_day.items())

    def soonest(self, today: dt.date) -> Iterator[tuple[dt.date, str]]:
        """Yield the certificates that expire soonest, then those that expired last."""
        place = bisect_left(self._days, today)
        for day in (*self._days[place:], *reversed(self._days[:place])):
            yield from ((day, name) for name in self._by_day[day])


class CertificateExpiries:
    """The last day of each known certificate. maximum: number of certificates with a series of their own."""

    def __init__(self, maximum: int = MAXIMUM_CERTIFICATES) -> None:
        self._maximum = maximum
        self._seen: dict[str, tuple[dt.date, float]] = {}
        self._polled: dict[str, ExpiryCalendar] = {}

    def expect_polls(self, providers: Iterable[str]) -> None:
        """Ignore responses with certificates of these providers. This process or another one polls them."""
        for provider in providers:
            self._polled.setdefault(provider, ExpiryCalendar({}))

    def replace(self, provider: str, certificates: Expiries) -> None:
        """Replace all certificates of a polled provider."""
        self._polled[provider] = ExpiryCalendar(certificates)

    def observe(self, response: Message) -> None:
        """Record the certificates in a response; ignore other messages."""
        if isinstance(response, ListCertificatesResponse):
            for certificate in response.certificates:
                self._take(certificate)
        elif isinstance(single := getattr(response, "certificate", None), Certificate):
            self._take(single)

    def points(self) -> Iterator[Point]:
        """Yield the days until each certificate expires, at the end of its last day (UTC+9); negative after that.

        If there are too many, yields those that expire soonest, and of the expired ones those that expired last.
        """
        now = dt.datetime.now(_KOREA_AND_JAPAN)
        calendars = self._calendars().values()
        found = [one for each in calendars for one in islice(each.soonest(now.date()), self._maximum)]
        found.sort(key=lambda one: _rank(one[0], now.date()))
        for last, name in found[: self._maximum]:
            _, provider, _, certificate = name.split("/", 3)
            attributes = {names.KEYWAY_PROVIDER: provider, names.KEYWAY_CERTIFICATE: certificate}
            yield Point(attributes, round(_days(last, now), 3))

    def counts(self) -> Iterator[Point]:
        """Yield the number of all certificates of each provider by days until they expire."""
        now = dt.datetime.now(_KOREA_AND_JAPAN)
        for provider, calendar in sorted(self._calendars().items()):
            counts = Counter({_UNKNOWN: calendar.unknown}) if calendar.unknown else Counter()
            for last, number in calendar.counts():
                counts[_range_of(_days(last, now))] += number
            for within, number in sorted(counts.items()):
                yield Point({names.KEYWAY_PROVIDER: provider, names.KEYWAY_EXPIRES_WITHIN: within}, number)

    def _calendars(self) -> Mapping[str, ExpiryCalendar]:
        """Return the certificates of each provider."""
        oldest = time.monotonic() - FORGET_SECONDS
        seen: defaultdict[str, dict[str, dt.date | None]] = defaultdict(dict)
        for name, (last, time_seen) in self._seen.copy().items():
            if time_seen < oldest:
                self._seen.pop(name, None)
            else:
                seen[provider_id(name)][name] = last
        return {**{provider: ExpiryCalendar(each) for provider, each in seen.items()}, **self._polled.copy()}

    def _take(self, certificate: Certificate) -> None:
        last = _last_day(certificate)
        if last is None or provider_id(certificate.name) in self._polled:
            return
        self._seen[certificate.name] = (last, time.monotonic())
        if len(self._seen) > self._maximum + _SURPLUS:
            today = dt.datetime.now(_KOREA_AND_JAPAN).date()
            first = sorted(self._seen.items(), key=lambda item: _rank(item[1][0], today))
            self._seen = dict(first[: self._maximum])


def _last_day(certificate: Certificate) -> dt.date | None:
    date = certificate.expiration_date
    if not (date.year and date.month and date.day) or certificate.name.count("/") < 3:
        return None
    return dt.date(date.year, date.month, date.day)


def _days(last: dt.date, now: dt.datetime) -> float:
    # The end of 9999-12-31 is not a datetime, so the day is added to the difference.
    left = dt.datetime.combine(last, dt.time(), _KOREA_AND_JAPAN) - now + dt.timedelta(days=1)
    return left / dt.timedelta(days=1)


def _rank(last: dt.date, today: dt.date) -> tuple[bool, int]:
    """Return the sort key of the order in which certificates are kept: the soonest first, expired ones at the end."""
    return last < today, abs((last - today).days)


def _range_of(days: float) -> str:
    return next((name for bound, name in _BOUNDS if math.floor(days) <= bound), _LATER)
