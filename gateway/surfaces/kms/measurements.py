"""The metrics of the plugin, for Prometheus."""

from collections.abc import Iterator
from typing import Final

from gateway.surfaces.kms.key_probe import KeyProbe
from gateway.telemetry.instruments import (
    DURATION_BOUNDS,
    Attributes,
    Description,
    Histogram,
    Observable,
    Point,
    Series,
)

_BOUNDS: Final = (0.001, 0.0025, *DURATION_BOUNDS)
_DURATION: Final = Description(
    "keyway.kms.request.duration", "histogram", "s", "Duration of requests of kube-apiserver."
)
_VERSION: Final = Description(
    "keyway.kms.key.version", "gauge", "{version}", "Key version of the latest successful probe."
)
_SUCCESS: Final = Description(
    "keyway.kms.probe.success.time", "gauge", "s", "Unix time of the latest successful probe of the key."
)
_READY: Final = Description(
    "keyway.kms.ready", "gauge", "{plugin}", "1 if the latest probe of the key succeeded, otherwise 0."
)


class KmsMetrics:
    """Records the requests, and reads the state of the probe."""

    def __init__(self, probe: KeyProbe) -> None:
        self._probe = probe
        self._durations: Histogram[tuple[str, str]] = Histogram(_DURATION, _BOUNDS, _attributes)
        self._state = (
            Observable(_VERSION, lambda: _point(self._probe.version)),
            Observable(_SUCCESS, lambda: _point(self._probe.succeeded_at)),
            Observable(_READY, lambda: _point(int(self._probe.current is not None))),
        )

    def record(self, method: str, code: str, seconds: float) -> None:
        """Record a finished request. code: the name of its gRPC status."""
        self._durations.record((method, code), seconds)

    def read(self) -> list[Series]:
        """Return all series."""
        return [self._durations.read(), *(each.read() for each in self._state)]


def _attributes(key: tuple[str, str]) -> Attributes:
    method, code = key
    return {"method": method, "code": code}


def _point(value: float | None) -> Iterator[Point]:
    if value is not None:
        yield Point({}, value)
