"""The metrics of the gateway, with names of the semantic conventions where they exist.

The recording methods run for every call and every request to an upstream; they only update plain lists.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import structlog
from google.protobuf.message import Message

from gateway.telemetry import conventions as names
from gateway.telemetry.certificates import CertificateExpiries
from gateway.telemetry.instruments import Attributes, Counter, Description, Gauge, Histogram, Point, Series
from gateway.telemetry.peer import UpstreamPeer

_DURATION_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_ATTEMPT_BOUNDS: Final = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 25.0, 100.0)

_CALLS: Final = Description(names.RPC_SERVER_CALL_DURATION, "s", "Duration of calls to the gateway.")
_REQUESTS: Final = Description(names.HTTP_CLIENT_REQUEST_DURATION, "s", "Duration of HTTP requests to upstreams.")
_ATTEMPTS: Final = Description("keyway.call.attempts", "{request}", "HTTP requests to upstreams per call.")
_FAILED: Final = Description("keyway.calls.failed", "{call}", "Failed calls, including rejected calls.")
_IN_FLIGHT: Final = Description("keyway.calls.in_flight", "{call}", "Calls in flight.")
_EXPIRY: Final = Description(
    "keyway.certificate.expiry.days", "d", "Days until a certificate expires, for certificates in responses."
)

AUDIT_BACKLOG: Final = Description("keyway.audit.backlog", "{record}", "Audit records that are not shipped yet.")
AUDIT_BACKLOG_AGE: Final = Description(
    "keyway.audit.backlog.age", "s", "Age of the oldest audit record that is not shipped yet."
)
AUDIT_HEAD: Final = Description("keyway.audit.head", "{record}", "Sequence number of the last audit record.")
AUDIT_SYNC: Final = Description("keyway.audit.sync.duration", "s", "Duration of the last sync of the journal to disk.")
AUDIT_SIZE: Final = Description("keyway.audit.size", "By", "Size of the files of the journal.")
AUDIT_DISK_FREE: Final = Description("keyway.audit.disk.free", "By", "Free space of the file system of the journal.")
AUDIT_DISK_USED: Final = Description(
    "keyway.audit.disk.used", "1", "Used share of the file system of the journal, from 0 to 1."
)
AUDIT_DISK_TIME_TO_FULL: Final = Description(
    "keyway.audit.disk.time_to_full",
    "s",
    "Time until the file system of the journal is full, at the rate of the last hour. Absent while free space grows.",
)
AUDIT_UNAVAILABLE: Final = Description("keyway.audit.unavailable", "1", "1 while the journal accepts no records.")

BREAKER: Final = Description("keyway.provider.breaker", "1", "Circuit breaker state: 0 closed, 1 half-open, 2 open.")
REQUESTS_IN_FLIGHT: Final = Description("keyway.provider.requests.in_flight", "{request}", "HTTP requests in flight.")
REQUESTS_QUEUED: Final = Description(
    "keyway.provider.requests.queued", "{request}", "Requests that wait for a connection."
)
RETRIES: Final = Description("keyway.provider.retries", "{request}", "Retries since the start.")
RETRY_BUDGET: Final = Description("keyway.provider.retry.budget", "{request}", "Retries that the retry budget allows.")
CACHE_HITS: Final = Description("keyway.cache.hits", "{call}", "Cache hits since the start.")
CACHE_MISSES: Final = Description("keyway.cache.misses", "{call}", "Cache misses since the start.")
CACHE_SIZE: Final = Description("keyway.cache.size", "By", "Approximate size of cached responses.")

_log = structlog.get_logger(__name__)


class Metrics:
    """All metrics of the gateway. The event loop records them; exporter threads call `read`."""

    def __init__(self) -> None:
        self.started = time.time_ns()
        self._calls = Histogram(_CALLS, _DURATION_BOUNDS, _call_attributes)
        self._requests = Histogram(_REQUESTS, _DURATION_BOUNDS, _request_attributes)
        self._attempts = Histogram(_ATTEMPTS, _ATTEMPT_BOUNDS, _method_attributes)
        self._failed = Counter(_FAILED, _failure_attributes)
        self._in_flight = 0
        self._expiries = CertificateExpiries()
        self._gauges = [
            Gauge(_IN_FLIGHT, lambda: [Point({}, self._in_flight)], level=True),
            Gauge(_EXPIRY, self._expiries.points),
        ]

    def call_began(self) -> None:
        """Record the start of a call."""
        self._in_flight += 1

    def call_ended(self, method: str, code: int, seconds: float, *, reason: str = "", attempts: int = 0) -> None:
        """Record the end of a call. method: its full name. reason: of a failure. attempts: its HTTP requests."""
        self._in_flight -= 1
        self._calls.record((method, code), seconds)
        self._attempts.record(method, attempts)
        if reason:
            self._failed.add((method, reason))

    def attempt_ended(
        self, peer: UpstreamPeer, method: str, status: int | None, seconds: float, failure: str | None = None
    ) -> None:
        """Record the end of an HTTP request. status: of the response. failure: the `error.type`."""
        self._requests.record((peer, method, status, failure), seconds)

    def answered(self, response: Message) -> None:
        """Record the expiry dates of certificates in the response to a call."""
        self._expiries.observe(response)

    def observe(self, about: Description, read: Callable[[], float | None]) -> None:
        """Register a gauge. read: called by exporter threads; None if there is no value now."""

        def points() -> Iterator[Point]:
            value = read()
            if value is not None:
                yield Point({}, value)

        self._gauges.append(Gauge(about, points))

    def observe_providers(self, about: Description, read: Callable[[], Mapping[str, float]]) -> None:
        """Register a gauge with one value per provider. read: returns the values by provider ID."""

        def points() -> Iterator[Point]:
            for provider, value in read().items():
                yield Point({names.KEYWAY_PROVIDER: provider}, value)

        self._gauges.append(Gauge(about, points))

    def read(self) -> Sequence[Series]:
        """Return all series that have points."""
        instruments = (self._calls, self._requests, self._attempts, self._failed)
        series = [instrument.read() for instrument in instruments]
        series += [read for gauge in self._gauges if (read := _read_gauge(gauge)) is not None]
        return [one for one in series if one.points]


def _read_gauge(gauge: Gauge) -> Series | None:
    """Read a gauge; an error in one gauge does not affect the other metrics."""
    try:
        return gauge.read()
    except Exception:  # noqa: BLE001 - the owner of the value can raise anything
        _log.warning("metric_read_failed", exc_info=True)
        return None


def _method_attributes(method: str) -> Attributes:
    return {names.RPC_SYSTEM_NAME: names.GRPC, names.RPC_METHOD: method}


def _call_attributes(key: tuple[str, int]) -> Attributes:
    method, code = key
    name = names.code_name(code)
    attributes = {**_method_attributes(method), names.RPC_RESPONSE_STATUS_CODE: name}
    return {**attributes, names.ERROR_TYPE: name} if code in names.SERVER_FAULTS else attributes


def _failure_attributes(key: tuple[str, str]) -> Attributes:
    method, reason = key
    return {names.RPC_METHOD: method, names.KEYWAY_REASON: reason}


def _request_attributes(key: tuple[UpstreamPeer, str, int | None, str | None]) -> Attributes:
    peer, method, status, failure = key
    attributes: dict[str, str | int] = {
        names.HTTP_REQUEST_METHOD: method,
        names.SERVER_ADDRESS: peer.address,
        names.SERVER_PORT: peer.port,
        names.KEYWAY_PROVIDER: peer.provider,
    }
    if status is not None:
        attributes[names.HTTP_RESPONSE_STATUS_CODE] = status
        if failure is None and status >= 400:
            failure = str(status)
    if failure is not None:
        attributes[names.ERROR_TYPE] = failure
    return attributes
