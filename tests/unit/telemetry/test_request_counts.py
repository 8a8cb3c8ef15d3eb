"""Counts of requests to an upstream: differences, and quantiles."""

import pytest

from gateway.telemetry.upstream_requests import RequestCounts, UpstreamRequests
from tests.support.traces import PEER


def counted(*seconds: float) -> RequestCounts:
    requests = UpstreamRequests(PEER)
    for each in seconds:
        requests.ended("GET", 200, each)
    return requests.counts()


def test_failures_are_counted_by_reason() -> None:
    requests = UpstreamRequests(PEER)
    requests.ended("GET", None, 0.3, "PROVIDER_TIMEOUT")
    requests.failed("PROVIDER_TIMEOUT")
    before = requests.counts()
    requests.ended("GET", 200, 0.1)
    requests.failed("PROVIDER_CREDENTIALS_REJECTED")
    requests.ended("GET", 404, 0.1)

    assert (before.total, before.failures) == (1, {"PROVIDER_TIMEOUT": 1})
    difference = requests.counts().since(before)
    assert (difference.total, difference.failures) == (2, {"PROVIDER_CREDENTIALS_REJECTED": 1})


@pytest.mark.parametrize(
    ("seconds", "share", "expected"),
    [
        ((), 0.5, None),
        ((0.003,) * 4, 0.5, 0.0025),
        ((0.003, 0.003, 0.02, 0.02), 0.5, 0.005),
        ((0.003,) * 98 + (0.3, 0.3), 0.99, 0.375),
        ((60.0,), 0.99, 10.0),
    ],
)
def test_quantile_is_interpolated_within_its_bucket(
    seconds: tuple[float, ...], share: float, expected: float | None
) -> None:
    assert counted(*seconds).quantile(share) == (pytest.approx(expected) if expected is not None else None)
