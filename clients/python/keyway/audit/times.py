"""Times on the command line and in output, in UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

FORMS: Final = "7d for 7 days ago (units s, m, h, d, w), 2026-11-30, or 2026-11-30T09:00Z"
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DAY: Final = timedelta(days=1)


def point(text: str, now: datetime) -> datetime:
    """Return a time in UTC. Raises ValueError.

    text: a duration before `now`, a date, or a time in ISO 8601. A time without an offset is in UTC. For durations of a
    day or more, the time is rounded down to a full hour. So repetitions of a query within an hour are equal, and the
    gateway records them together.
    """
    try:
        if (duration := _DURATION.fullmatch(text)) is not None:
            return _before(now, timedelta(seconds=int(duration[1]) * _SECONDS[duration[2]]))
        moment = datetime.fromisoformat(text if _ISO.match(text) else "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is not a valid time; use {FORMS}") from None


def _before(now: datetime, duration: timedelta) -> datetime:
    moment = now.astimezone(UTC) - duration
    if duration < _DAY:
        return moment
    return moment - timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)


def time_text(timestamp: Timestamp) -> str:
    """Return a time in UTC with milliseconds, such as `2026-11-30T09:12:33.125Z`."""
    moment = timestamp.ToDatetime(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def duration_text(duration: Duration) -> str:
    """Return a duration in its largest two units, such as `3 d 4 h`."""
    seconds = round(duration.ToNanoseconds() / 1_000_000_000)
    parts: list[str] = []
    for unit, length in _UNITS:
        number, seconds = divmod(seconds, length)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def milliseconds(duration: Duration) -> str:
    """Return a duration as a number of milliseconds, such as `12.5`."""
    return f"{duration.ToNanoseconds() / 1_000_000:.3f}".rstrip("0").rstrip(".")
