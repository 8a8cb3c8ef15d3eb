"""The protocol between supervisor and worker: lines through the standard input and output of the worker.

The supervisor sends the assignment, then commands; the end of the pipe is the last command. The assignment contains
secrets, so it is neither on a command line nor in the environment. The worker sends JSON reports. The supervisor
accepts only known forms of them, because a worker handles untrusted input.
"""

import base64
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

from gateway.deliveries.reports import DeliveryReport
from gateway.gateway_settings import GatewaySettings, LogSettings
from gateway.provider_states.reports import Reports, parse_reports, plain_reports
from gateway.telemetry.instruments import Description, Distribution, Point, Series
from gateway.watch.messages import Interest, Update
from gateway.workers.errors import StartError

DRAIN: Final = b"drain\n"
"""End as after SIGTERM: load balancers have the whole drain_delay to react."""
RETIRE: Final = b"retire\n"
"""End because a successor serves: only open connections must be closed."""
MEASURE: Final = b"measure\n"
"""Report the current metrics."""
POLL: Final = b"poll\n"
"""Begin to poll the certificates of the providers, because no other worker does."""
PROVIDERS: Final = b"providers "
"""The prefix of a command with the state of the providers over all workers."""
INTEREST: Final = b"interest "
"""The prefix of a command with the certificates that a worker watches, for the worker that polls."""
UPDATE: Final = b"update "
"""The prefix of a command with new states of watched certificates."""
DELIVERIES: Final = b"deliveries "
"""The prefix of a command with deliveries of secrets by another worker."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The task of a worker. number: of its journal chain, unique among live workers."""

    number: int
    settings: GatewaySettings
    log: LogSettings

    def line(self) -> bytes:
        """Serialize for the pipe. The settings are included, because the file may have changed since it was loaded."""
        return base64.b64encode(pickle.dumps((self.number, self.settings, self.log))) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Parse the output of `line`."""
        number, settings, log = pickle.loads(base64.b64decode(line))  # noqa: S301 - the parent process is trusted
        return cls(number, settings, log)


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A report of a worker: a heartbeat with `available` and `providers`, or one other field.

    All fields are None for an unknown form. providers: what changed since the last heartbeat.
    watch: a message about watched certificates, which the supervisor passes on. deliveries: of secrets to nodes.
    """

    available: bool | None = None
    providers: Reports | None = None
    start_error: StartError | None = None
    metrics: Sequence[Series] | None = None
    watch: Interest | Update | None = None
    deliveries: DeliveryReport | None = None


HEARTBEAT_SECONDS: Final = 1.0
"""Interval of the heartbeat, with which a worker shows that its event loop runs."""


def serving(providers: Reports, *, available: bool) -> bytes:
    """Return the heartbeat. available: false while the journal accepts no records."""
    return orjson.dumps({"available": available, "providers": plain_reports(providers)}) + b"\n"


def failed(error: StartError) -> bytes:
    """Return the report of a worker that ends without having served."""
    return orjson.dumps({"fault": {"code": error.code, "lines": error.lines}}) + b"\n"


def measured(series: Sequence[Series]) -> bytes:
    """Return the response to MEASURE."""
    return orjson.dumps({"metrics": [_plain(one) for one in series]}) + b"\n"


def watched(message: Interest | Update) -> bytes:
    """Return the report with a message about watched certificates."""
    prefix = b'{"interest":' if isinstance(message, Interest) else b'{"update":'
    return prefix + message.encode() + b"}\n"


def delivered(report: DeliveryReport) -> bytes:
    """Return the report with deliveries of secrets."""
    return b'{"deliveries":' + report.encode() + b"}\n"


def parse(line: bytes) -> WorkerReport:
    """Parse a line of a worker; an unknown form gives an empty report."""
    try:
        value = orjson.loads(line)
        if (fault := value.get("fault")) is not None:
            return WorkerReport(start_error=StartError(int(fault["code"]), tuple(map(str, fault["lines"]))))
        if (metrics := value.get("metrics")) is not None:
            return WorkerReport(metrics=[_series(one) for one in metrics])
        if (interest := value.get("interest")) is not None:
            return WorkerReport(watch=Interest.of(interest))
        if (update := value.get("update")) is not None:
            return WorkerReport(watch=Update.of(update))
        if (deliveries := value.get("deliveries")) is not None:
            return WorkerReport(deliveries=DeliveryReport.of(deliveries))
        if isinstance(available := value.get("available"), bool):
            return WorkerReport(available=available, providers=parse_reports(value["providers"]))
        return WorkerReport()
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return WorkerReport()


def _plain(series: Series) -> dict[str, Any]:
    points = [
        [dict(point.attributes), list(point.value) if isinstance(point.value, Distribution) else point.value]
        for point in series.points
    ]
    about = series.about
    # Without the labels and the advice, which only the reference page shows.
    described = [about.name, about.kind, about.unit, about.text]
    return {"about": described, "points": points, "bounds": list(series.bounds)}


def _series(value: dict[str, Any]) -> Series:
    points = [
        Point(attributes, Distribution(*measure) if isinstance(measure, list) else measure)
        for attributes, measure in value["points"]
    ]
    return Series(Description(*value["about"]), points, value["bounds"])
