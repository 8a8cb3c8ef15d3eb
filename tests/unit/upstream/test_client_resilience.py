"""Retries, circuit breaker, and queue of the HTTP client: reported attempts and results."""

import asyncio
import dataclasses

import pytest

from gateway.call_context import CallContext
from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.breaker import BreakerState
from gateway.upstream.client import HttpClient
from gateway.upstream.settings import BreakerSettings, QueueSettings, RetrySettings
from tests.support.faulty_upstream import FaultyUpstream, hang_up, http, saying, stall
from tests.support.traces import SAMPLED, Traces
from tests.support.upstream_client import GET, client, new_call
from tests.support.waiting import eventually

pytestmark = [pytest.mark.usefixtures("transport"), pytest.mark.asyncio(loop_scope="module")]

RETRY = RetrySettings(attempts=3, initial_backoff=0.001)
BREAKER = BreakerSettings(minimum_calls=2, interval=30)
well = saying(http(200, b"ok"))


async def refused(http_client: HttpClient, call: CallContext) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await http_client.send(GET, call)
    return caught.value


async def test_each_attempt_is_recorded_and_has_its_own_span() -> None:
    traces = Traces()
    call = dataclasses.replace(new_call(repeatable=True), trace=traces.begin(SAMPLED))
    async with (
        FaultyUpstream(hang_up, saying(http(503)), then=well) as upstream,
        client(upstream.url, retry=RETRY) as http_client,
    ):
        await http_client.send(GET, call)
        assert http_client.state.retries == 2
        assert http_client.state.budget == pytest.approx(8.1)
    assert [attempt.http_status for attempt in call.attempts] == [None, 503, 200]
    recorded = [dict(span.attributes or {}) for span in traces.spans]
    assert [attributes["keyway.attempt"] for attributes in recorded] == [1, 2, 3]
    assert [attributes.get("error.type") for attributes in recorded] == ["PROVIDER_CONNECTION_LOST", "503", None]
    parents = [head.split(b"traceparent: ")[1].split(b"\r\n")[0] for head in upstream.heads]
    assert len(set(parents)) == 3


async def test_result_of_the_last_attempt_is_the_result_of_the_call() -> None:
    async with (
        FaultyUpstream(hang_up, then=saying(http(503, b"why"))) as upstream,
        client(upstream.url, retry=RETRY) as http_client,
    ):
        response = await http_client.send(GET, new_call(repeatable=True))
    assert (response.status, response.body) == (503, b"why")


async def test_only_successful_requests_add_to_the_retry_budget() -> None:
    few = RetrySettings(attempts=2, initial_backoff=0.001, budget=1, reserve=2)
    async with (
        FaultyUpstream(then=saying(http(429))) as upstream,
        client(upstream.url, retry=few) as http_client,
    ):
        for _ in range(4):
            await http_client.send(GET, new_call())
        assert len(upstream.heads) == 4 + 2
        upstream.then = saying(http(404))
        await http_client.send(GET, new_call())
        assert http_client.state.budget == 1


async def test_error_of_an_open_breaker_has_the_wait() -> None:
    async with FaultyUpstream(then=hang_up) as upstream, client(upstream.url, breaker=BREAKER) as http_client:
        assert http_client.state[:4] == (BreakerState.CLOSED, 0.0, 0, 0)
        for _ in range(2):
            await refused(http_client, new_call())
        state = http_client.state
        assert state.breaker is BreakerState.OPEN
        assert 22 < state.wait <= 30
        call = new_call()
        error = await refused(http_client, call)
        assert error.kind == outcomes.CIRCUIT_OPEN
        assert error.retry_after is not None
        assert 22 < error.retry_after <= 60
        assert not call.attempts
        assert http_client.requests.counts().total == 2


async def test_waiting_requests_fail_when_the_breaker_opens() -> None:
    settings = BreakerSettings(minimum_calls=1, interval=30)
    release = asyncio.Event()

    async def late_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await hang_up(reader, writer)

    async with (
        FaultyUpstream(late_end, then=stall) as upstream,
        client(upstream.url, breaker=settings, maximum_connections=1) as http_client,
    ):
        sending = [asyncio.create_task(refused(http_client, new_call())) for _ in range(4)]
        await asyncio.sleep(0)
        assert (http_client.state.in_flight, http_client.state.queued) == (1, 3)
        release.set()
        errors = await asyncio.gather(*sending)
    assert [error.kind for error in errors] == [outcomes.CONNECTION_LOST] + [outcomes.CIRCUIT_OPEN] * 3
    assert len(upstream.heads) == 1


async def test_full_queue_is_reported_and_counts_no_attempt() -> None:
    async with (
        FaultyUpstream(then=stall) as upstream,
        client(upstream.url, maximum_connections=1, queue=QueueSettings(size=0)) as http_client,
    ):
        first = asyncio.create_task(http_client.send(GET, new_call()))
        await asyncio.sleep(0)
        call = new_call()
        assert (await refused(http_client, call)).kind == outcomes.BUSY
        assert not call.attempts
        first.cancel()
        await asyncio.wait({first})
        assert http_client.state.in_flight == 0


async def test_cancellation_during_the_retry_pause_ends_the_call() -> None:
    slow = RetrySettings(attempts=2, initial_backoff=30, maximum_backoff=30)
    async with FaultyUpstream(then=hang_up) as upstream, client(upstream.url, retry=slow) as http_client:
        sending = asyncio.create_task(http_client.send(GET, new_call(60, repeatable=True)))

        async def pausing() -> bool:
            return http_client.state.budget == slow.reserve - 1

        await eventually(pausing)
        assert http_client.state.in_flight == 0  # a pause takes no slot
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert http_client.state[-2:] == (0, slow.reserve)
    assert len(upstream.heads) == 1


async def test_opening_breaker_does_not_use_the_retry_budget() -> None:
    one = BreakerSettings(minimum_calls=1, interval=30)
    async with FaultyUpstream(then=hang_up) as upstream, client(upstream.url, breaker=one, retry=RETRY) as http_client:
        await refused(http_client, new_call(repeatable=True))
        assert len(upstream.heads) == 1
        assert http_client.state[-2:] == (0, RETRY.reserve)
