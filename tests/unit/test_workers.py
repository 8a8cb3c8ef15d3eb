"""Limits, assignments, reports, and the reserved port of workers, without processes."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from gateway import gateway_settings
from gateway.config.base import ConfigError
from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS
from gateway.deliveries.ledger import Delivery, DeliveryKey
from gateway.deliveries.reports import in_parts
from gateway.gateway_settings import LogSettings
from gateway.provider_states.reports import ProviderCheck, ProviderReport
from gateway.providers.catalog import SETTINGS
from gateway.server.transport.port import Reservation
from gateway.telemetry.instruments import Description, Distribution, Point, Series
from gateway.telemetry.upstream_requests import RequestCounts
from gateway.upstream.breaker import BreakerState
from gateway.workers import messages
from gateway.workers.endpoints import merged
from gateway.workers.errors import StartError
from gateway.workers.messages import Assignment, WorkerReport
from gateway.workers.per_worker_limits import per_worker_settings
from gateway.workers.supervisor import check_restart_settings
from keyway.v1.provider_pb2 import PROVIDER_STATE_DEGRADED

SECRET = "the-app-key"
LIMITS = {
    "server_concurrency": 1000,
    "caller": {"rate": 100, "burst": 30, "concurrency": 10},
    "callers": {"spiffe://example.org/batch": {"rate": 5, "burst": 1, "concurrency": 2}},
}


def settings(**options: object) -> gateway_settings.GatewaySettings:
    provider = {
        "id": "keys",
        "type": "nhn-secure-key-manager",
        "endpoint": "http://127.0.0.1:1",
        "api_version": "v1.0",
        "app_key": SECRET,
    }
    return gateway_settings.parse({"providers": [provider], **options}, SETTINGS)


def test_limits_are_divided_among_workers() -> None:
    shared = per_worker_settings(settings(workers=4, limits=LIMITS, health_listen="127.0.0.1:1"), "127.0.0.1:7")

    assert (shared.listen, shared.health_listen) == ("127.0.0.1:7", None)
    assert shared.limits.server_concurrency == 250
    caller = shared.limits.caller
    assert (caller.rate, caller.burst, caller.concurrency) == (25, 8, 3)
    (batch,) = shared.limits.callers.values()
    assert (batch.rate, batch.burst, batch.concurrency) == (1.25, 1, 1)


def test_listeners_of_surfaces_are_shared_and_their_connections_divided() -> None:
    surfaces = {
        "envoy_sds": {"listen": "127.0.0.1:0"},
        "vault_api": {"listen": "127.0.0.1:0", "maximum_connections": 10},
    }
    reserved = {"envoy_sds": "127.0.0.1:8", "vault_api": "127.0.0.1:9"}
    shared = per_worker_settings(settings(workers=4, **surfaces), "127.0.0.1:7", reserved)

    assert shared.envoy_sds is not None
    assert shared.vault_api is not None
    assert (shared.envoy_sds.listen, shared.vault_api.listen) == ("127.0.0.1:8", "127.0.0.1:9")
    assert shared.vault_api.maximum_connections == 3


def test_assignment_survives_a_round_trip_and_repr_has_no_secret() -> None:
    given = Assignment(3, settings(), LogSettings())
    line = given.line()

    assert line.count(b"\n") == 1
    assert Assignment.parse(line) == given
    assert SECRET not in repr(given)


def test_reports_survive_a_round_trip() -> None:
    series = Series(Description("a", "histogram", "s", "A."), [Point({"k": "v"}, Distribution([1, 2], 0.5))], [1.0])
    gauge = Series(Description("b", "gauge", "", "B."), [Point({}, 2.5)])
    fault = StartError(2, ("listen: is wrong", "limits: are too"))

    assert messages.parse(messages.measured([series, gauge])).metrics == [series, gauge._replace(bounds=[])]
    assert messages.parse(messages.failed(fault)) == WorkerReport(start_error=fault)
    check = ProviderCheck(5, PROVIDER_STATE_DEGRADED, "PROVIDER_TIMEOUT")
    requests = RequestCounts([2] * 15, Counter({"PROVIDER_TIMEOUT": 1}))
    reports = {
        "keys": ProviderReport(BreakerState.OPEN, requests, check),
        "certs": ProviderReport(BreakerState.CLOSED, RequestCounts()),
    }
    assert messages.parse(messages.serving(reports, available=True)) == WorkerReport(True, reports)


def test_deliveries_with_the_longest_names_are_reported_in_short_lines() -> None:
    name = "\x01" * MAXIMUM_NAME_CHARACTERS
    changes = {DeliveryKey("dns:edge", str(number), name): Delivery("", name) for number in range(2500)}
    lines = [messages.delivered(report) for report in in_parts(7, changes)]
    assert max(map(len, lines)) < 16 << 20  # the supervisor ends a worker that sends a line of 32 MiB
    reports = [messages.parse(line).deliveries for line in lines]
    assert {key: each for report in reports if report is not None for key, each in report.changes.items()} == changes


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b'{"available": 1}\n',
        b'{"available": true}\n',
        b'{"available": true, "providers": {"keys": [3, [[], {}], null]}}\n',
        b'{"available": true, "providers": {"keys": [0, [[1], {}], null]}}\n',
        b'{"available": true, "providers": {"keys": [0, [[], {}], [1, 99, ""]]}}\n',
        b'{"fault": {}}\n',
        b'{"metrics": [1]}\n',
        b"\xff",
    ],
)
def test_unknown_report_is_empty(line: bytes) -> None:
    assert messages.parse(line) == WorkerReport()


def test_metrics_of_workers_are_merged_with_a_worker_label() -> None:
    about = Description("calls", "counter", "", "Calls.")
    one, other = (Series(about, [Point({"method": "m"}, count)]) for count in (1, 2))

    assert merged([(0, one), (5, other), (None, one)]) == [
        one._replace(
            points=[
                Point({"method": "m", "worker": "0"}, 1),
                Point({"method": "m", "worker": "5"}, 2),
                Point({"method": "m"}, 1),
            ]
        )
    ]


@pytest.fixture(params=["127.0.0.1", "localhost", "0.0.0.0", "[::]"])
def reservation(request: pytest.FixtureRequest) -> Iterator[Reservation]:
    with Reservation(f"{request.param}:0") as held:
        yield held


def port_of(reservation: Reservation) -> int:
    return int(reservation.address.rpartition(":")[2])


def listening(port: int, *, shared: bool) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
    try:
        one.bind(("127.0.0.1", port))
        one.listen()
    except OSError:
        one.close()
        raise
    return one


@pytest.mark.parametrize("workers", [0, 2])
def test_reserved_port_accepts_only_workers(reservation: Reservation, workers: int) -> None:
    port = port_of(reservation)
    sockets = [listening(port, shared=True) for _ in range(workers)]

    with pytest.raises(OSError, match="in use"):
        listening(port, shared=False)
    with pytest.raises(OSError, match="in use"):
        Reservation(reservation.address)
    for one in sockets:
        one.close()


async def test_connections_never_reach_the_reservation(reservation: Reservation) -> None:
    with listening(port_of(reservation), shared=True):
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(reservation))
            writer.close()
            await writer.wait_closed()


def test_port_is_free_after_connections_are_closed() -> None:
    with listening(0, shared=False) as gateway:
        port = gateway.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            gateway.accept()[0].close()  # from here on it is in TIME_WAIT
    with Reservation(f"127.0.0.1:{port}"):
        pass


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("listen", {"listen": "127.0.0.1:2"}),
        ("health_listen", {"health_listen": "127.0.0.1:3"}),
        ("workers", {"workers": 3}),
        ("audit.directory", {"audit": {"directory": "elsewhere"}}),
        ("telemetry.prometheus_listen", {"telemetry": {"prometheus_listen": 9464}}),
    ],
)
def test_reload_rejects_a_setting_that_needs_a_restart(key: str, change: dict[str, object]) -> None:
    old = settings(listen="127.0.0.1:1", workers=2)
    with pytest.raises(ConfigError, match=rf"^{key}: cannot be changed without a restart$"):
        check_restart_settings(old, settings(**{"listen": "127.0.0.1:1", "workers": 2, **change}))
    check_restart_settings(old, settings(listen="127.0.0.1:1", workers=2, drain_delay=7))
