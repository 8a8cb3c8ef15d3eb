"""Reused connections that the server closes: which requests are sent again over a new connection."""

import asyncio
import dataclasses

import pytest

from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.breaker import BreakerState
from gateway.upstream.client import HttpClient, HttpRequest
from gateway.upstream.settings import BreakerSettings, RetrySettings
from tests.support.faulty_upstream import FaultyUpstream, Step, hang_up, reset, saying, stall
from tests.support.raw_server import RawServer, Reader, Writer, answering, read_request
from tests.support.traces import SAMPLED, Traces
from tests.support.upstream_client import GET, OK, POST, client, new_call

pytestmark = [pytest.mark.usefixtures("transport"), pytest.mark.asyncio(loop_scope="module")]

RETRY = RetrySettings(attempts=3, initial_backoff=0.001)
BREAKER = BreakerSettings(minimum_calls=1, interval=30)
well = saying(OK)
LARGE = HttpRequest("POST", "/things", body=b"x" * 500_000)


async def fails(http: HttpClient, **call: object) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await http.send(GET, new_call(**call))  # type: ignore[arg-type]
    return caught.value


def untouched(http: HttpClient) -> bool:
    """Return whether neither the retry budget nor the breaker has seen a failure."""
    state = http.state
    return (state.breaker, state.retries, state.budget) == (BreakerState.CLOSED, 0, RETRY.reserve)


async def test_server_that_closes_after_each_response_fails_no_call() -> None:
    async with RawServer(answering(OK)) as server, client(server.url, retry=RETRY, breaker=BREAKER) as http:
        for _ in range(300):
            assert (await http.send(POST, new_call(repeatable=True))).body == b"ok"
        assert untouched(http)


@pytest.mark.parametrize("lose", [hang_up, reset])
@pytest.mark.parametrize("request_", [GET, POST, LARGE])
async def test_request_is_sent_again_over_a_new_connection(lose: Step, request_: HttpRequest) -> None:
    traces = Traces()
    call = dataclasses.replace(new_call(repeatable=True), trace=traces.begin(SAMPLED))
    async with (
        FaultyUpstream(well, lose, then=well) as upstream,
        client(upstream.url, breaker=BREAKER, retry=RETRY) as http,
    ):
        await http.send(GET, new_call(repeatable=True))
        assert (await http.send(request_, call)).body == b"ok"
        assert untouched(http)
        assert upstream.connections == 2
    assert [attempt.http_status for attempt in call.attempts] == [None, 200]
    reported = [dict(span.attributes or {}).get("error.type") for span in traces.spans]
    assert reported == ["PROVIDER_CONNECTION_LOST", None]


async def test_second_connection_that_is_lost_is_a_failure() -> None:
    async with FaultyUpstream(well, then=hang_up) as upstream, client(upstream.url, breaker=BREAKER) as http:
        await http.send(GET, new_call(repeatable=True))
        assert (await fails(http, repeatable=True)).kind == outcomes.CONNECTION_LOST
        assert http.state.breaker is BreakerState.OPEN
        assert len(upstream.heads) == 3


async def test_all_idle_connections_can_be_closed() -> None:
    arrived = asyncio.Event()
    served = 0

    async def restarts(reader: Reader, writer: Writer) -> None:
        """Respond once all five connections are open, and close each of them when its second request arrives."""
        nonlocal served
        await read_request(reader)
        served += 1
        if served == 5:
            arrived.set()
        await arrived.wait()
        writer.write(OK)
        if served <= 5:
            await read_request(reader)

    async with RawServer(restarts) as server, client(server.url, retry=RETRY, breaker=BREAKER) as http:
        for _ in range(2):
            calls = [new_call(repeatable=True) for _ in range(5)]
            responses = await asyncio.gather(*(http.send(GET, call) for call in calls))
            assert [response.body for response in responses] == [b"ok"] * 5
        assert [len(call.attempts) for call in calls] == [2] * 5
        assert untouched(http)


async def test_request_that_is_not_safe_to_repeat_uses_a_new_connection() -> None:
    async with FaultyUpstream(well, then=well) as upstream, client(upstream.url) as http:
        for _ in range(3):
            await http.send(POST, new_call())
        assert upstream.connections == 3
        await http.send(POST, new_call(repeatable=True))
        assert len(upstream.heads) == 4


async def test_deadline_covers_both_connections() -> None:
    async def late(reader: Reader, writer: Writer) -> None:
        await asyncio.sleep(0.2)
        await hang_up(reader, writer)

    async with FaultyUpstream(well, late, then=stall) as upstream, client(upstream.url) as http:
        await http.send(GET, new_call(repeatable=True))
        began = asyncio.get_running_loop().time()
        assert (await fails(http, seconds=0.5, repeatable=True)).kind == outcomes.TIMEOUT
        assert 0.45 < asyncio.get_running_loop().time() - began < 0.65
        assert len(upstream.heads) == 3
