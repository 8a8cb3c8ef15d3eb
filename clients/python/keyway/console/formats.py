"""Filters of the templates: times, durations, names and numbers as text."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from markupsafe import Markup, escape

from keyway.audit.columns import outcome, status
from keyway.audit.times import duration_text, milliseconds
from keyway.cli.names import provider_of
from keyway.terminal.text import clean

_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SIZES: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")


def when(value: Timestamp | dt.datetime) -> str:
    """Return a time in UTC, such as `2026-11-30 09:12:33`."""
    moment = value.ToDatetime(dt.UTC) if isinstance(value, Timestamp) else value
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def duration(value: Duration) -> str:
    """Return a duration: in milliseconds below one second, otherwise in its largest two units (`3 d 4 h`)."""
    if value.ToNanoseconds() < 1_000_000_000:
        return f"{value.ToNanoseconds() / 1_000_000:.1f} ms"
    return duration_text(value)


def size(count: int) -> str:
    """Return a number of bytes, such as `1.2 MB`."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_SIZES[unit]}"


def number(count: int) -> str:
    """Return a number with separators, such as `12,345`."""
    return f"{count:,}"


def short(name: str) -> str:
    """Return the last part of a resource name."""
    return name.rsplit("/", 1)[-1]


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 call` or `2 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def marked(text: str) -> Markup:
    """Return a text whose parts in backquotes are code."""
    parts = [escape(clean(part)) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


def words(text: str) -> Markup:
    """Return a name such as `GetSecret`, which can break between its words."""
    return Markup("<wbr>").join(escape(clean(part)) for part in _WORD.split(text))


def lines(text: str) -> Markup:
    """Return a text with its line breaks, which are otherwise escaped like other control characters."""
    return Markup("\n").join(escape(clean(line)) for line in text.split("\n"))


def link(path: str, /, **parameters: str) -> str:
    """Return a path with a query. Empty parameters are omitted."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "when": when,
    "duration": duration,
    "size": size,
    "number": number,
    "short": short,
    "provider": provider_of,
    "counted": counted,
    "marked": marked,
    "lines": lines,
    "words": words,
    "outcome": outcome,
    "status": status,
    "milliseconds": milliseconds,
}
