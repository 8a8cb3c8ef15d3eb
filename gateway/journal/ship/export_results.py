"""What a collector's answer to an export means for the records in it. Knows statuses by name, not how they came.

After the OTLP specification, but for one thing: it has a client drop what is refused for good, and nothing is dropped
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Meaning(Enum):
    """What to do next."""

    ACCEPTED = "accepted"
    """Go on."""
    LATER = "later"
    """The same again after a pause: the collector can't take it now."""
    REFUSED = "refused"
    """The collector will not take this: send less of it at once, to find the record that it means."""
    DENIED = "denied"
    """The collector takes nothing from us: something is wrong with its configuration or ours."""
    LOST = "lost"
    """The connection is broken or hangs: nothing is known of the collector any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. delay: seconds that the collector asked for. detail: for people."""

    meaning: Meaning
    detail: str = ""
    delay: float | None = None


ACCEPTED: Final = Answer(Meaning.ACCEPTED)

_MEANINGS: Final[Mapping[str, Meaning]] = {
    "UNAVAILABLE": Meaning.LATER,
    "ABORTED": Meaning.LATER,
    "OUT_OF_RANGE": Meaning.LATER,
    "DATA_LOSS": Meaning.LATER,
    "UNKNOWN": Meaning.LATER,  # what a collector's middle parts answer for lack of a better status
    "CANCELLED": Meaning.LATER,
    "DEADLINE_EXCEEDED": Meaning.LOST,
    "UNAUTHENTICATED": Meaning.DENIED,
    "PERMISSION_DENIED": Meaning.DENIED,
    "UNIMPLEMENTED": Meaning.DENIED,
    "NOT_FOUND": Meaning.DENIED,
}
"""By gRPC status. All others are about what was sent: refused."""


def of_status(status: str, detail: str, delay: float | None) -> Answer:
    """What a gRPC status other than OK means. delay: of the status's RetryInfo."""
    told = f"{status}: {detail}" if detail else status
    if status == "RESOURCE_EXHAUSTED":
        # With RetryInfo the collector is overloaded; without, the message is larger than it takes.
        return Answer(Meaning.REFUSED if delay is None else Meaning.LATER, told, delay)
    return Answer(_MEANINGS.get(status, Meaning.REFUSED), told, delay)


def of_partial_success(rejected: int, detail: str) -> Answer:
    """What an OK means that says how many records were rejected, but not which."""
    return Answer(Meaning.REFUSED, f"{rejected} records rejected: {detail}") if rejected else ACCEPTED
