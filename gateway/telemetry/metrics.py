"""The metrics of the gateway, with names of the semantic conventions where they exist.

The recording methods run for every call and every request to an upstream; they only update plain lists.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import structlog
from google.protobuf.message import Message

from gateway.telemetry import conventions as names
from gateway.telemetry.certificates import MAXIMUM_CERTIFICATES, CertificateExpiries
from gateway.telemetry.descriptions import calls, certificates
from gateway.telemetry.instruments import (
    DURATION_BOUNDS,
    Attributes,
    Counter,
    Description,
    Histogram,
    Instrument,
    Observable,
    Point,
    Series,
)

_ATTEMPT_BOUNDS: Final = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 25.0, 100.0)

_log = structlog.get_logger(__name__)


class Metrics:
    """All metrics of the gateway. The event loop records them; exporter threads call `read`.

    certificates: the known certificates. maximum_certificates: how many of them have a series of their own.
    """

    def __init__(self, maximum_certificates: int = MAXIMUM_CERTIFICATES) -> None:
        self.started = time.time_ns()
        self._calls = Histogram(calls.CALL_DURATION, DURATION_BOUNDS, _call_attributes)
        self._attempts = Histogram(calls.CALL_ATTEMPTS, _ATTEMPT_BOUNDS, _method_attributes)
        self._failed = Counter(calls.CALLS_FAILED, _failure_attributes)
        self._in_flight = 0
        self.certificates: Final = CertificateExpiries(maximum_certificates)
        self._observables: list[Instrument] = [
            Observable(calls.CALLS_IN_FLIGHT, lambda: [Point({}, self._in_flight)]),
            Observable(certificates.CERTIFICATE_EXPIRY, self.certificates.points),
            Observable(certificates.CERTIFICATE_COUNT, self.certificates.counts),
        ]

    def call_began(self) -> None:
        """Record the start of a call."""
        self._in_flight += 1

    def call_ended(
        self, method: str, code: int, seconds: float, *, provider: str = "", reason: str = "", attempts: int = 0
    ) -> None:
        """Record the end of a call.

        method: its full name. provider: the ID of the provider that it names, if it exists. reason: of a failure.
        attempts: the number of its HTTP requests.
        """
        self._in_flight -= 1
        self._calls.record((method, code, provider), seconds)
        self._attempts.record(method, attempts)
        if reason:
            self._failed.add((method, reason, provider))

    def answered(self, response: Message) -> None:
        """Record the expiry dates of certificates in the response to a call."""
        self.certificates.observe(response)

    def include(self, instrument: Instrument) -> None:
        """Include an instrument whose owner records. Exporter threads read it."""
        self._observables.append(instrument)

    def register(self, about: Description, points: Callable[[], Iterable[Point]]) -> None:
        """Register an observable instrument. points: called by exporter threads."""
        self.include(Observable(about, points))

    def observe(self, about: Description, read: Callable[[], float | None]) -> None:
        """Register an observable instrument. read: called by exporter threads; None if there is no value now."""

        def points() -> Iterator[Point]:
            value = read()
            if value is not None:
                yield Point({}, value)

        self.register(about, points)

    def observe_providers(self, about: Description, read: Callable[[], Mapping[str, float]]) -> None:
        """Register an observable instrument with one value per provider. read: returns the values by provider ID."""

        def points() -> Iterator[Point]:
            for provider, value in read().items():
                yield Point({names.KEYWAY_PROVIDER: provider}, value)

        self.register(about, points)

    def read(self) -> Sequence[Series]:
        """Return all series that have points."""
        instruments = (self._calls, self._attempts, self._failed)
        series = [instrument.read() for instrument in instruments]
        series += [read for each in self._observables if (read := _read_observable(each)) is not None]
        return [one for one in series if one.points]


def _read_observable(observable: Instrument) -> Series | None:
    """Read an instrument; an error in one does not affect the other metrics."""
    try:
        return observable.read()
    except Exception:  # noqa: BLE001 - the owner of the value can raise anything
        _log.warning("metric_read_failed", exc_info=True)
        return None


def _method_attributes(method: str) -> Attributes:
    return {names.RPC_SYSTEM_NAME: names.GRPC, names.RPC_METHOD: method}


def _call_attributes(key: tuple[str, int, str]) -> Attributes:
    method, code, provider = key
    name = names.code_name(code)
    attributes = {**_method_attributes(method), names.RPC_RESPONSE_STATUS_CODE: name, **_provider(provider)}
    return {**attributes, names.ERROR_TYPE: name} if code in names.SERVER_FAULTS else attributes


def _failure_attributes(key: tuple[str, str, str]) -> Attributes:
    method, reason, provider = key
    return {names.RPC_METHOD: method, names.KEYWAY_REASON: reason, **_provider(provider)}


def _provider(provider: str) -> Attributes:
    return {names.KEYWAY_PROVIDER: provider} if provider else {}
