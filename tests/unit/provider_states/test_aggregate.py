"""The aggregate of the reports of several workers."""

from collections import Counter

import pytest

from gateway.provider_states.activity import WINDOW_SECONDS, ActivityWindow
from gateway.provider_states.aggregate import StateAggregate
from gateway.provider_states.reports import (
    ProviderCheck,
    ProviderReport,
    parse_reports,
    parse_snapshots,
    snapshots_line,
)
from gateway.telemetry.upstream_requests import RequestCounts
from gateway.upstream.breaker import BreakerState
from keyway.v1.provider_pb2 import PROVIDER_STATE_DEGRADED, PROVIDER_STATE_READY
from tests.support.clock import ManualClock


def requests(number: int, failures: int = 0) -> RequestCounts:
    return RequestCounts([number] + [0] * 14, Counter({"PROVIDER_TIMEOUT": failures} if failures else {}))


def test_requests_of_all_workers_are_added_and_survive_a_worker() -> None:
    aggregate = StateAggregate()
    aggregate.report(0, {"p": ProviderReport(BreakerState.OPEN, requests(3, failures=2))})
    aggregate.report(1, {"p": ProviderReport(BreakerState.CLOSED, requests(4))})
    aggregate.report(1, {"p": ProviderReport(BreakerState.HALF_OPEN, requests(1, failures=1))})
    both = aggregate.snapshots()["p"]
    assert both.breakers == {0: BreakerState.OPEN, 1: BreakerState.HALF_OPEN}
    assert (both.requests.total, both.requests.failures) == (8, {"PROVIDER_TIMEOUT": 3})

    aggregate.keep({1})
    last = aggregate.snapshots()["p"]
    assert last.breakers == {1: BreakerState.HALF_OPEN}
    assert last.requests == both.requests
    assert parse_snapshots(snapshots_line(aggregate.snapshots())) == {"p": last}
    aggregate.keep(set())
    assert aggregate.snapshots() == {}


def test_latest_check_counts() -> None:
    aggregate = StateAggregate()
    newer = ProviderCheck(7, PROVIDER_STATE_READY, "")
    for number, check in enumerate((ProviderCheck(5, PROVIDER_STATE_DEGRADED, "PROVIDER_INTERNAL"), newer, None)):
        aggregate.report(number, {"p": ProviderReport(BreakerState.CLOSED, requests(0), check)})
    assert aggregate.snapshots()["p"].check == newer


def test_requests_leave_the_window() -> None:
    clock = ManualClock()
    clock.now = started = 3000.0
    window = ActivityWindow(clock)
    window.add(requests(1))
    clock.now = started + WINDOW_SECONDS - 31
    window.add(requests(2, failures=1))
    assert (window.total().total, window.seconds) == (3, 569)
    clock.now = started + WINDOW_SECONDS + 31
    assert (window.total(), window.seconds) == (requests(2, failures=1), 600)
    clock.now = started + 3 * WINDOW_SECONDS
    assert window.total() == requests(0)


def test_window_that_nobody_reads_does_not_grow() -> None:
    clock = ManualClock()
    window = ActivityWindow(clock)
    for _ in range(1000):
        clock.now += 10
        window.add(requests(1))
    assert len(window._parts) == 21
    assert window.total().total in range(60, 64)


@pytest.mark.parametrize(
    "report",
    [
        [0, [[-1] + [0] * 14, {}], None],
        [0, [[], {"PROVIDER_TIMEOUT": -1}], None],
        [0, [[], {"PROVIDER_TIMEOUT": "1"}], None],
        [0, [[2**62] + [0] * 14, {}], None],
        [0, [[], {}], [2**63, PROVIDER_STATE_READY, ""]],
        [3, [[], {}], None],
    ],
)
def test_report_that_no_message_could_hold_is_rejected(report: list[object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any message
        parse_reports({"p": report})


def test_sum_of_the_largest_reports_is_accepted() -> None:
    aggregate = StateAggregate()
    for number in range(100):
        aggregate.report(number, {"p": ProviderReport(BreakerState.CLOSED, requests(2**32))})
    (snapshot,) = parse_snapshots(snapshots_line(aggregate.snapshots())).values()
    assert snapshot.requests.total == 100 * 2**32
