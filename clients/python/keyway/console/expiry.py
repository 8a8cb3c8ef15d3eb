"""The expiry of certificates: groups by days left, and the number of certificates that expire in each month."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from keyway.cli.expiry import day
from keyway.v1.certificate_pb2 import Certificate

_BAR_DAYS: Final = 398
"""The length of a full bar: the longest validity of a public certificate in the years up to 2026."""
_SHORTEST: Final = 2
_MONTHS: Final = 13


@dataclass(slots=True)
class ExpiryGroup:
    """Certificates that expire in the same period. key: its name in links. level: `critical`, `soon`, `fine`, …"""

    key: str
    title: str
    level: str
    last_day: int | None
    rows: list["ExpiryRow"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExpiryRow:
    """One certificate. days: the days left; negative if it has expired; None if unknown. date: its last day."""

    certificate: Certificate
    date: dt.date | None
    days: int | None

    @property
    def left(self) -> str:
        """The days left, as text."""
        if self.days is None:
            return "unknown"
        if self.days < 0:
            return f"{_days(-self.days)} ago"
        return _days(self.days) if self.days else "today"

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
    return ExpiryRow(certificate, last, None if last is None else (last - now).days)


def groups(rows: Iterable[ExpiryRow]) -> list[ExpiryGroup]:
    """Return the rows in groups, soonest first."""
    made = [
        ExpiryGroup("expired", "Expired", "expired", -1),
        ExpiryGroup("7", "Within 7 days", "critical", 7),
        ExpiryGroup("30", "8 to 30 days", "soon", 30),
        ExpiryGroup("90", "31 to 90 days", "fine", 90),
        ExpiryGroup("later", "More than 90 days", "fine", dt.timedelta.max.days),
        ExpiryGroup("unknown", "Unknown", "unknown", None),
    ]
    for each in sorted(rows, key=_order):
        _group(made, each.days).rows.append(each)
    return made


def _group(made: Sequence[ExpiryGroup], days: int | None) -> ExpiryGroup:
    if days is None:
        return made[-1]
    return next(group for group in made if group.last_day is not None and days <= group.last_day)


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


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count:,} days"
