"""Times as ASTERIA gives them: `YYYY-MM-DD HH:MM:SS` without a zone, which is the provider's setting.

9999-12-31 23:59:59Z, a certificate's usual "never", is a time of the year 10000 east of Greenwich, where Python's
calendar has ended. It repeats itself every 400 years, so such times are reckoned that much earlier.
"""

import re
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.providers.base.formats import FormatError

_TIME = re.compile(r"\s*(\d{4,5})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)\s*", re.ASCII)
_CYCLE: Final = 400
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class LocalTime(NamedTuple):
    """A time without its zone: `years` after `reckoned`."""

    reckoned: datetime
    years: int

    @property
    def day(self) -> date:
        """Its day, the last one that there is for those after it."""
        year = self.reckoned.year + self.years
        return self.reckoned.date().replace(year=year) if year <= _LAST.year else _LAST.date()


def parse(text: str) -> LocalTime:
    """The local time; FormatError where the text is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise FormatError("a time is not YYYY-MM-DD HH:MM:SS")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    years = _CYCLE * ((year - _LAST.year) // _CYCLE + 1) if year >= _LAST.year else 0
    try:
        return LocalTime(datetime(year - years, month, day, hour, minute, second), years)
    except ValueError:
        raise FormatError("a time is not one of the calendar") from None


def moment(local: LocalTime, timezone: ZoneInfo) -> Timestamp:
    """The moment of a local time, the last second that there is for those after it.

    Of an hour that the clock has twice it is the first; one that it skips follows on.
    """
    try:
        utc = local.reckoned.replace(tzinfo=timezone).astimezone(UTC)
    except OverflowError:
        utc = _FIRST
    year = utc.year + local.years
    stamp = Timestamp()
    stamp.FromDatetime(utc.replace(year=year) if year <= _LAST.year else _LAST)
    return stamp
