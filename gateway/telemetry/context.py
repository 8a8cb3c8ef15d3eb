"""W3C trace context: what is taken from a call's metadata, and what goes on to the upstream.

Only what is valid is taken. `tracestate` is free text of the caller's tracing systems: it is kept for the span, and not
told to an upstream, which belongs to somebody else. Source: https://www.w3.org/TR/trace-context/.
"""

import random
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
SAMPLED: Final = 0x01
RANDOM: Final = 0x02
"""Of level 2: the trace id is random in its last 56 bits."""

_MAXIMUM_TRACESTATE_CHARACTERS: Final = 512
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_FLAGS: Final = {"00": 0, "01": SAMPLED, "02": RANDOM, "03": SAMPLED | RANDOM}

Metadata = Iterable[tuple[str, str | bytes]]


class Remote(NamedTuple):
    """A caller's span, in hexadecimal digits. `state`: its `tracestate`, not yet parsed."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""


def remote(metadata: Metadata) -> Remote | None:
    """The caller's span; None where it sent none, two, or one that is not valid."""
    parent: str | None = None
    states: list[str] | None = None
    for key, value in metadata:
        if key == TRACEPARENT:
            if parent is not None or not isinstance(value, str):
                return None
            parent = value
        elif key == TRACESTATE and isinstance(value, str):
            states = [value] if states is None else [*states, value]
    if parent is None:
        return None
    found = _TRACEPARENT.fullmatch(parent)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if more is not None and version == "00":
        return None
    known = _FLAGS.get(flags)
    if known is None:
        known = int(flags, 16) & (SAMPLED | RANDOM)
    return Remote(trace_id, span_id, known, "" if states is None else _state(states))


def _state(parts: list[str]) -> str:
    text = ",".join(parts)
    usable = len(text) <= _MAXIMUM_TRACESTATE_CHARACTERS and text.isascii() and text.isprintable()
    return text if usable else ""


def traceparent(trace_id: str, span_id: str, flags: int) -> str:
    """The header that names a span."""
    return f"00-{trace_id}-{span_id}-{flags:02x}"


def new_trace_id() -> int:
    """128 random bits, not all of them zero."""
    return random.getrandbits(128) or 1


def new_span_id() -> str:
    """16 random digits, not all of them zero."""
    return f"{random.getrandbits(64) or 1:016x}"
