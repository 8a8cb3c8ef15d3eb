"""Export results: the next step after a collector's response to an export. Uses gRPC statuses by name only.

Follows the OTLP specification with one exception: the specification drops records that are rejected permanently, and
this shipper drops nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.known_messages import KnownMessages
from gateway.redaction import DEFAULT_REDACTION

_KNOWN_MESSAGES: Final = KnownMessages(
    (
        # the OpenTelemetry Collector
        "data refused due to high memory usage",
        "sending queue is full",
        "the request is empty",
        "unknown service opentelemetry.proto.collector.logs.v1.LogsService",
        # gRPC, in the collector or in this process
        "Broken pipe",
        "Connection reset by peer",
        "Deadline Exceeded",
        "Method not found!",
        "Socket closed",
        "Stream removed",
        "Too many pings",
        "grpc: received message larger than max ({} vs. {})",
    )
)
"""The messages that are logged. Other text of a collector can repeat the header with the token."""


class ExportStatus(Enum):
    """What to do next."""

    ACCEPTED = "accepted"
    """Continue with the next records."""
    RETRY = "retry"
    """Send the same records again after a pause."""
    REJECTED = "rejected"
    """Send fewer records in one export, to find the record that the collector rejects."""
    DENIED = "denied"
    """The collector rejects every export: its configuration or the shipper's is wrong."""
    LOST = "lost"
    """The connection is broken or hangs: the state of the collector is unknown."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The result of one export. delay: the retry delay that the collector requests, in seconds. detail: for the log."""

    status: ExportStatus
    detail: str = ""
    delay: float | None = None


ACCEPTED: Final = ExportResult(ExportStatus.ACCEPTED)

_STATUSES: Final[Mapping[str, ExportStatus]] = {
    "UNAVAILABLE": ExportStatus.RETRY,
    "ABORTED": ExportStatus.RETRY,
    "OUT_OF_RANGE": ExportStatus.RETRY,
    "DATA_LOSS": ExportStatus.RETRY,
    "UNKNOWN": ExportStatus.RETRY,  # components of a collector return it if they have no better status
    "CANCELLED": ExportStatus.RETRY,
    "DEADLINE_EXCEEDED": ExportStatus.LOST,
    "UNAUTHENTICATED": ExportStatus.DENIED,
    "PERMISSION_DENIED": ExportStatus.DENIED,
    "UNIMPLEMENTED": ExportStatus.DENIED,
    "NOT_FOUND": ExportStatus.DENIED,
}
"""By gRPC status. Every other status concerns the records that were sent, and means REJECTED."""


def of_status(status: str, detail: str, delay: float | None) -> ExportResult:
    """Return the result of a gRPC status other than OK. delay: from the RetryInfo of the status."""
    text = f"{status}: {_known(detail)}" if detail else status
    if status == "RESOURCE_EXHAUSTED":
        # With RetryInfo, the collector is overloaded. Without, the message is larger than the collector accepts.
        return ExportResult(ExportStatus.REJECTED if delay is None else ExportStatus.RETRY, text, delay)
    return ExportResult(_STATUSES.get(status, ExportStatus.REJECTED), text, delay)


def of_partial_success(rejected: int, detail: str) -> ExportResult:
    """Return the result of an OK, which can say how many records were rejected, but not which."""
    return (
        ExportResult(ExportStatus.REJECTED, f"{rejected} records rejected: {_known(detail)}") if rejected else ACCEPTED
    )


def _known(detail: str) -> str:
    """Return a known message of a collector, or the length and the digest of another one."""
    found = _KNOWN_MESSAGES.match(detail)
    return found.known if found is not None and not found.rest else DEFAULT_REDACTION.placeholder(detail)
