"""What the supervisor and a worker say to each other: lines, down through standard input, up through standard output.

Down goes the assignment, which holds secrets and so stands neither on a command line nor in the environment, then
orders; the end of the pipe is the last of them. Up goes JSON, of which nothing but the known forms is believed: a
worker talks to strangers, the supervisor only to workers.
"""

import base64
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

from gateway.gateway_settings import GatewaySettings, LogSettings
from gateway.telemetry.instruments import Description, Distribution, Point, Series
from gateway.workers.errors import Fault

DRAIN: Final = b"drain\n"
"""End, as at SIGTERM: balancers have the whole drain_delay to move on."""
RETIRE: Final = b"retire\n"
"""End, since a successor serves already: only connections have to move on."""
MEASURE: Final = b"measure\n"
"""Say what the metrics are now."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is to do. number: of its chain in the journal; no two that live have the same."""

    number: int
    settings: GatewaySettings
    log: LogSettings

    def line(self) -> bytes:
        """As it goes through the pipe. Settings are handed over as they are: the file may have changed since."""
        return base64.b64encode(pickle.dumps((self.number, self.settings, self.log))) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """What `line` made."""
        number, settings, log = pickle.loads(base64.b64decode(line))  # noqa: S301 - from who started this process
        return cls(number, settings, log)


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker said. Each part is None where the line was about another."""

    available: bool | None = None
    fault: Fault | None = None
    metrics: Sequence[Series] | None = None


BEAT_SECONDS: Final = 1.0
"""How often a worker says that it serves: its event loop goes round."""


def serving(*, available: bool) -> bytes:
    """The worker takes calls, unless its journal can't."""
    return orjson.dumps({"available": available}) + b"\n"


def failed(fault: Fault) -> bytes:
    """The worker ends without having served."""
    return orjson.dumps({"fault": {"code": fault.code, "lines": fault.lines}}) + b"\n"


def measured(series: Sequence[Series]) -> bytes:
    """The answer to MEASURE."""
    return orjson.dumps({"metrics": [_plain(one) for one in series]}) + b"\n"


def parse(line: bytes) -> Told:
    """What a worker's line says; nothing where it has no known form."""
    try:
        value = orjson.loads(line)
        if (fault := value.get("fault")) is not None:
            return Told(fault=Fault(int(fault["code"]), tuple(map(str, fault["lines"]))))
        if (metrics := value.get("metrics")) is not None:
            return Told(metrics=[_series(one) for one in metrics])
        available = value.get("available")
        return Told(available=available if isinstance(available, bool) else None)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Told()


def _plain(series: Series) -> dict[str, Any]:
    points = [
        [dict(point.attributes), list(point.value) if isinstance(point.value, Distribution) else point.value]
        for point in series.points
    ]
    return {"kind": series.kind, "about": list(series.about), "points": points, "bounds": list(series.bounds)}


def _series(value: dict[str, Any]) -> Series:
    points = [
        Point(attributes, Distribution(*measure) if isinstance(measure, list) else measure)
        for attributes, measure in value["points"]
    ]
    return Series(value["kind"], Description(*value["about"]), points, value["bounds"])
