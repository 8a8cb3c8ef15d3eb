"""Parser for ASTERIA's times: `YYYY-MM-DD HH:MM:SS` in the time zone of the provider's settings.

Certificates without expiration usually end at 9999-12-31 23:59:59Z. East of Greenwich this is in the year 10000, which
`datetime` does not support. The calendar repeats every 400 years, so such times are computed 400 years earlier.
"""

import re
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.providers.base.errors import FormatError

_TIME = re.compile(r"\s*(\d{4,5})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)\s*", re.ASCII)
_CYCLE: Final = 400
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class LocalTime(NamedTuple):
    """A time without its zone: `years` after `shifted`."""

    shifted: datetime
    years: int

    @property
    def day(self) -> date:
        """The day; for later times, the last day that `date` supports."""
        year = self.shifted.year + self.years
        return self.shifted.date().replace(year=year) if year <= _LAST.year else _LAST.date()


def parse(text: str) -> LocalTime:
    """Return the local time. Raises FormatError if the text is not a time."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise FormatError("a time is not YYYY-MM-DD HH:MM:SS")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    years = _CYCLE * ((year - _LAST.year) // _CYCLE + 1) if year >= _LAST.year else 0
    try:
        return LocalTime(datetime(year - years, month, day, hour, minute, second), years)
    except ValueError:
        raise FormatError("a time does not exist in the calendar") from None


def moment(local: LocalTime, timezone: ZoneInfo) -> Timestamp:
    """Return the timestamp of a local time; for later times, the last second that `Timestamp` supports.

    At a change of the clock, an hour that occurs twice means the first one, and an hour that is skipped continues the
    hour before.
    """
    try:
        utc = local.shifted.replace(tzinfo=timezone).astimezone(UTC)
    except OverflowError:
        utc = _FIRST
    year = utc.year + local.years
    stamp = Timestamp()
    stamp.FromDatetime(utc.replace(year=year) if year <= _LAST.year else _LAST)
    return stamp
