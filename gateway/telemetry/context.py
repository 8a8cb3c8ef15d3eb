"""W3C trace context: parses the context of the caller, and formats the header for upstreams.

Invalid values are ignored. `tracestate` is free text of the caller's tracing systems: the span keeps it, but it is not
sent to upstreams, which belong to third parties. Source: https://www.w3.org/TR/trace-context/.
"""

import random
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
SAMPLED: Final = 0x01
RANDOM: Final = 0x02
"""A flag of level 2: the last 56 bits of the trace ID are random."""

_MAXIMUM_TRACESTATE_CHARACTERS: Final = 512
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_FLAGS: Final = {"00": 0, "01": SAMPLED, "02": RANDOM, "03": SAMPLED | RANDOM}

Metadata = Iterable[tuple[str, str | bytes]]


class RemoteSpan(NamedTuple):
    """The span of the caller; its IDs are hexadecimal. state: its `tracestate`, unparsed."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""


def remote(metadata: Metadata) -> RemoteSpan | None:
    """Return the span of the caller; None if the metadata has no valid `traceparent`, or several."""
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
    return RemoteSpan(trace_id, span_id, known, "" if states is None else _state(states))


def _state(parts: list[str]) -> str:
    text = ",".join(parts)
    usable = len(text) <= _MAXIMUM_TRACESTATE_CHARACTERS and text.isascii() and text.isprintable()
    return text if usable else ""


def traceparent(trace_id: str, span_id: str, flags: int) -> str:
    """Return the `traceparent` header of a span."""
    return f"00-{trace_id}-{span_id}-{flags:02x}"


def new_trace_id() -> int:
    """Return a random 128-bit trace ID that is not zero."""
    return random.getrandbits(128) or 1


def new_span_id() -> str:
    """Return a random span ID: 16 hexadecimal digits, not all zero."""
    return f"{random.getrandbits(64) or 1:016x}"
