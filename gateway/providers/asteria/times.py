"""Times as ASTERIA gives them: `YYYY-MM-DD HH:MM:SS` without a zone, which is the provider's setting."""

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.providers.common.formats import FormatError

_TIME = re.compile(r"\s*(\d{4,5})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)\s*", re.ASCII)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def parse(text: str) -> datetime:
    """The local time, without its zone; FormatError where the text is none.

    9999-12-31 23:59:59Z, a certificate's usual "never", is a time of the year 10000 east of Greenwich: it and all
    after it become the last second that there is.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise FormatError("a time is not YYYY-MM-DD HH:MM:SS")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    if year > _LAST.year:
        return _LAST.replace(tzinfo=None)
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise FormatError("a time is not one of the calendar") from None


def moment(local: datetime, timezone: ZoneInfo) -> Timestamp:
    """The moment of a local time. Of an hour that the clock has twice it is the first; one that it skips follows on."""
    aware = local.replace(tzinfo=timezone)
    try:
        utc = aware.astimezone(UTC)
    except OverflowError:
        utc = _LAST if local.year == _LAST.year else datetime.min.replace(tzinfo=UTC)
    stamp = Timestamp()
    stamp.FromDatetime(utc)
    return stamp
