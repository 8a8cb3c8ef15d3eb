"""Remaining validity of certificates, in days and with colors."""

import datetime as dt
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from keyway.terminal.styles import Styled

_URGENT: Final = 7
_SOON: Final = 30
_LAST: Final = dt.date.max
_KOREA_AND_JAPAN: Final = dt.timezone(dt.timedelta(hours=9))
"""The time zone of the providers. Neither country has daylight saving time."""


def day(date: Date) -> dt.date | None:
    """Return the date; None if it is missing or incomplete."""
    return dt.date(date.year, date.month, date.day) if date.year and date.month and date.day else None


def moment(timestamp: Timestamp) -> dt.datetime | None:
    """Return the time in the time zone of this machine; None if it is missing."""
    return timestamp.ToDatetime(dt.UTC).astimezone() if timestamp.seconds else None


def providers_today(now: dt.datetime | None = None) -> dt.date:
    """Return the current date in the time zone of the providers."""
    return (now or dt.datetime.now(dt.UTC)).astimezone(_KOREA_AND_JAPAN).date()


def ordering(last_day: dt.date | None) -> dt.date:
    """Return the sort key: soonest first, unknown last."""
    return last_day or _LAST


def text(last_day: dt.date | None) -> str:
    """Return the date; empty if it is unknown."""
    return str(last_day or "")


def days_left(last_day: dt.date | None, today: dt.date | None = None) -> int | None:
    """Return the days until the end of `last_day`, negative if it has passed. today: default: of this machine."""
    return None if last_day is None else (last_day - (today or dt.date.today())).days


def left(last_day: dt.date | None, today: dt.date | None = None) -> Styled:
    """Return the days until the end of `last_day`, such as `12 days`. today: default: the date of this machine."""
    days = days_left(last_day, today)
    if days is None:
        return Styled(days_text(days), "dim")
    style = "bold red" if days < 0 else "red" if days <= _URGENT else "yellow" if days <= _SOON else "green"
    return Styled(days_text(days), style)


def days_text(days: int | None) -> str:
    """Return a number of days left, such as `12 days`, `today`, or `3 days ago`."""
    if days is None:
        return "unknown"
    if days < 0:
        return f"{_days(-days)} ago"
    return _days(days) if days else "today"


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count:,} days"
