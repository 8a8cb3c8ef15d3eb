"""What a simulation shows: requests at the upstream per call, the burst when it returns, and the time to full service.

Each figure has a bound. The bounds follow from the default settings of a provider, not from a measurement.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.upstream.settings import BreakerSettings, RetrySettings
from tests.bench.fleet.simulation import CALLERS, DEADLINE, Plan, Recording
from tests.bench.fleet.upstream import Condition
from tests.bench.verdicts import Verdict

_GOOD: Final = 0.99
_QUIET_SECONDS: Final = 3.0
_NOISE: Final = 1.0
"""Calls arrive at random, so a short step has more of them than the mean."""
_RETRY_FACTOR: Final = 1 + RetrySettings().budget
_INTERVAL: Final = BreakerSettings().interval


@dataclass(frozen=True)
class Findings:
    """The figures of one recording.

    slow, failed, after: requests at the upstream per call, while it is slow, while it fails, and after its return.
    burst: the most requests within one step after the return, as a multiple of the usual number. attempts: the same
    for calls that arrive at the gateways. full_service: seconds from the return until 99 % of the calls of each second
    succeed within a second. lost: share of the calls after the return that failed.
    """

    slow: float
    failed: float
    after: float
    burst: float
    attempts: float
    full_service: float
    lost: float


def find(recording: Recording) -> Findings:
    """Compute the figures."""
    plan = recording.plan
    after = (plan.returns, plan.ends)
    usual = plan.load * plan.step
    return Findings(
        slow=_per_call(recording, plan.slows, plan.fails),
        failed=_per_call(recording, plan.fails, plan.returns),
        after=_per_call(recording, *after),
        burst=max(counts(recording.requests, *after, plan.step)) / usual,
        attempts=max(counts(recording.attempts, *after, plan.step)) / usual,
        full_service=_full_service(recording),
        lost=1 - count(recording.succeeded, *after) / count(recording.calls, *after),
    )


def outage_bound(plan: Plan) -> float:
    """Return the most requests per call while the upstream fails.

    Of each gateway: the failures in a row that open the breaker, the retries in the budget, and one probe per pause. If
    an upstream stops to respond that was not slow before, also all requests until the first deadline.
    """
    breaker = BreakerSettings()
    probes = plan.failed / (0.75 * breaker.interval) + 1
    unanswered = plan.rate * DEADLINE if plan.failure is Condition.HANGING and not plan.slow else 0
    requests = 2 * breaker.minimum_calls + RetrySettings().reserve + probes + unanswered
    return requests / (plan.rate * plan.failed)


def burst_bound(plan: Plan) -> float:
    """Return the most requests per step after the return, as a multiple of the usual number.

    A caller that obeys its RetryInfo makes at most one attempt per interval, until its deadline. The limits hold back
    the others.
    """
    if plan.impatient is not None:
        return CALLERS * plan.limits.caller.rate / plan.rate + _NOISE
    return 1 + DEADLINE / _INTERVAL + _NOISE


def full_service_bound(plan: Plan) -> float:
    """Return the most seconds from the return to full service.

    One interval, until every breaker has sent a probe, and another one, in which the rejected callers retry. The limits
    delay callers that retry at once, until the deadlines of the calls from before the return are over.
    """
    return _INTERVAL + (_INTERVAL if plan.impatient is None else DEADLINE)


def verdicts(recording: Recording) -> Sequence[Verdict]:
    """Compare the figures with their bounds."""
    found, plan = find(recording), recording.plan
    name = plan.name
    slow = Verdict(f"{name}: requests per call while the upstream is slow", found.slow, _RETRY_FACTOR)
    return [
        *([slow] if plan.slow else []),
        Verdict(f"{name}: requests per call while the upstream fails", found.failed, outage_bound(plan)),
        Verdict(f"{name}: most requests in {plan.step:g} s after the return ÷ usual", found.burst, burst_bound(plan)),
        Verdict(f"{name}: time from the return to full service", found.full_service, full_service_bound(plan), "s"),
    ]


def count(times: Sequence[float], start: float, end: float) -> int:
    """Return how many of the times are in the period."""
    return sum(start <= moment < end for moment in times)


def counts(times: Sequence[float], start: float, end: float, step: float) -> Sequence[int]:
    """Return the number of times in each step of the period."""
    ordered = sorted(times)
    edges = [start + step * number for number in range(round((end - start) / step) + 1)]
    places = [bisect_left(ordered, edge) for edge in edges]
    return [last - first for first, last in pairwise(places)]


def _per_call(recording: Recording, start: float, end: float) -> float:
    calls = count(recording.calls, start, end)
    return count(recording.requests, start, end) / calls if calls else float("nan")


def _full_service(recording: Recording) -> float:
    """Return the seconds until the service is good and stays so; infinity if it never is."""
    plan = recording.plan
    period = (plan.returns, plan.ends)
    bad = [second for second, good in enumerate(_good_seconds(recording, *period)) if not good]
    seconds = bad[-1] + 1 if bad else 0
    return float(seconds) if seconds <= plan.after - _QUIET_SECONDS else float("inf")


def _good_seconds(recording: Recording, start: float, end: float) -> Iterator[bool]:
    calls, good = (counts(times, start, end, 1.0) for times in (recording.calls, recording.in_time))
    return (served >= _GOOD * called for called, served in zip(calls, good, strict=True))
