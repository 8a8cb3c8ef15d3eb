"""Time ranges of filters, in whole milliseconds."""

from typing import Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from keyway.v1.audit_record_pb2 import AuditFilter

_NANOS_PER_MS: Final = 1_000_000
FOREVER_MS: Final = 1 << 50
"""The value of `end` for a filter without an end."""


class TimeRange(NamedTuple):
    """A time range in milliseconds since 1970. `end` is not included."""

    start: int
    end: int


def time_range(criteria: AuditFilter) -> TimeRange:
    """Return the time range of a filter."""
    start = _milliseconds(criteria.start_time) if criteria.HasField("start_time") else 0
    end = _milliseconds(criteria.end_time) if criteria.HasField("end_time") else FOREVER_MS
    return TimeRange(max(0, start), end)


def _milliseconds(time: Timestamp) -> int:
    """Return a time in milliseconds. It is rounded up, because records have whole milliseconds."""
    return time.seconds * 1000 - (-time.nanos // _NANOS_PER_MS)
