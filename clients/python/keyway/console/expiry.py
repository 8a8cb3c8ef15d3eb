"""The expiry of certificates: groups by days left, and the number of certificates that expire in each month."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from keyway.cli.expiry import day, days_left, days_text
from keyway.v1.certificate_pb2 import Certificate

_BAR_DAYS: Final = 398
"""The length of a full bar: the longest validity of a public certificate in the years up to 2026."""
_SHORTEST: Final = 2
_MONTHS: Final = 13


@dataclass(frozen=True, slots=True)
class ExpiryGroup:
    """Certificates that expire in the same period. key: its name in links. level: `critical`, `soon`, `fine`, …

    last: the largest number of days left; None for certificates whose expiry is unknown.
    """

    key: str
    title: str
    level: str
    last: int | None
    rows: Sequence["ExpiryRow"] = ()

    def contains(self, days: int | None) -> bool:
        """Return whether the days left are in the period, if they are not in an earlier one."""
        return days is None if self.last is None else days is not None and days <= self.last


_PERIODS: Final = (
    ExpiryGroup("expired", "Expired", "expired", -1),
    ExpiryGroup("7", "Within 7 days", "critical", 7),
    ExpiryGroup("30", "8 to 30 days", "soon", 30),
    ExpiryGroup("90", "31 to 90 days", "fine", 90),
    ExpiryGroup("later", "More than 90 days", "fine", dt.timedelta.max.days),
    ExpiryGroup("unknown", "Unknown", "unknown", None),
)


@dataclass(frozen=True, slots=True)
class ExpiryRow:
    """One certificate. days: the days left; negative if it has expired; None if unknown. date: its last day."""

    certificate: Certificate
    date: dt.date | None
    days: int | None

    @property
    def left(self) -> str:
        """The days left, as text."""
        return days_text(self.days)

    @property
    def level(self) -> str:
        """The level of its group."""
        return _period(self.days).level

    @property
    def bar(self) -> int:
        """The length of the bar of a certificate that has not expired, at most 100."""
        return max(_SHORTEST, min(100, round((self.days or 0) / _BAR_DAYS * 100)))


@dataclass(frozen=True, slots=True)
class ExpiryMonth:
    """The number of certificates that expire in a month. share: of the largest number, from 0 to 100."""

    first: dt.date
    count: int
    share: int
    level: str


def row(certificate: Certificate, now: dt.date) -> ExpiryRow:
    """Return the row of a certificate."""
    last = day(certificate.expiration_date)
    return ExpiryRow(certificate, last, days_left(last, now))


def groups(rows: Iterable[ExpiryRow]) -> list[ExpiryGroup]:
    """Return the rows in groups, soonest first."""
    found: dict[ExpiryGroup, list[ExpiryRow]] = {period: [] for period in _PERIODS}
    for each in sorted(rows, key=_order):
        found[_period(each.days)].append(each)
    return [replace(period, rows=members) for period, members in found.items()]


def _period(days: int | None) -> ExpiryGroup:
    return next(period for period in _PERIODS if period.contains(days))


def _order(each: ExpiryRow) -> tuple[bool, int, str]:
    return each.days is None, each.days or 0, each.certificate.name


def months(rows: Iterable[ExpiryRow], now: dt.date) -> list[ExpiryMonth]:
    """Return the numbers of the current month and the following ones, without certificates that have expired."""
    firsts = [_month(now, number) for number in range(_MONTHS)]
    counts = dict.fromkeys(firsts, 0)
    soon = now + dt.timedelta(days=30)
    for each in rows:
        if each.date is not None and each.days is not None and each.days >= 0 and each.date.replace(day=1) in counts:
            counts[each.date.replace(day=1)] += 1
    largest = max(counts.values()) or 1
    return [
        ExpiryMonth(first, count, round(count / largest * 100), "soon" if first <= soon else "fine")
        for first, count in counts.items()
    ]


def _month(now: dt.date, number: int) -> dt.date:
    years, month = divmod(now.month - 1 + number, 12)
    return dt.date(now.year + years, month + 1, 1)
