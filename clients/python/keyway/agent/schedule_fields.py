"""Reading of jitter and maintenance windows from the configuration file."""

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from keyway.agent.fields import ConfigurationError, Fields
from keyway.agent.schedule import Schedule, Window

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_LONGEST_JITTER: Final = 7 * 24 * 3600.0


def schedule_of(fields: Fields, default: Schedule) -> Schedule:
    """Return when to install. default: for the fields that are not set."""
    windows, zone = default.windows, default.zone
    if fields.has("maintenance"):
        windows, zone = _maintenance(fields.mapping("maintenance"))
    else:
        fields.value("maintenance", dict, None)
    return Schedule(
        windows=windows,
        zone=zone,
        jitter=fields.seconds("jitter", default.jitter, most=_LONGEST_JITTER),
        override_seconds=fields.seconds("override_before_expiry", default.override_seconds),
    )


def _maintenance(fields: Fields) -> tuple[tuple[Window, ...], dt.tzinfo]:
    zone = fields.text("time_zone", "UTC")
    try:
        found = ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise fields.error("time_zone", f"unknown time zone {zone!r}; example: Asia/Seoul") from None
    windows = tuple(_window(each) for each in fields.mappings("windows"))
    fields.close()
    return windows, found


def _window(fields: Fields) -> Window:
    names = fields.texts("days", list(_DAYS))
    for number, name in enumerate(names):
        if name not in _DAYS:
            raise ConfigurationError(f"{fields.path_of('days')}[{number}]", f"must be one of: {', '.join(_DAYS)}")
    start, end = (_clock_time(fields, name) for name in ("start", "end"))
    fields.close()
    return Window(frozenset(map(_DAYS.index, names)), start, end)


def _clock_time(fields: Fields, name: str) -> dt.time:
    text = fields.matching(name, _TIME, 'must be a time in quotes, such as "02:30"')
    return dt.time.fromisoformat(text)
