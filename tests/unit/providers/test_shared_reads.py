"""Equal concurrent reads through the response cache: which of them share one request."""

import asyncio

import pytest

from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from tests.support.cached_upstream import Upstream, settled


async def test_caller_does_not_share_a_read_of_a_background_call() -> None:
    upstream = Upstream()
    gate = upstream.gate = asyncio.Event()
    poll = asyncio.ensure_future(upstream.public_key(background=True))
    await settled(lambda: upstream.calls == 1)
    caller = asyncio.ensure_future(upstream.public_key())
    await settled(lambda: upstream.calls == 2)
    other_poll = asyncio.ensure_future(upstream.public_key(background=True))
    gate.set()
    assert list(await asyncio.gather(poll, caller, other_poll)) == [1, 2, 2]
    assert await upstream.public_key() == 2


class TestManyAtOnce:
    async def test_concurrent_equal_reads_share_one_request(self) -> None:
        upstream = Upstream()
        upstream.gate = asyncio.Event()
        reads = [asyncio.ensure_future(upstream.public_key()) for _ in range(50)]
        await settled(lambda: upstream.calls == 1)
        upstream.gate.set()
        assert await asyncio.gather(*reads) == [1] * 50
        assert upstream.calls == 1

    async def test_first_caller_can_give_up_a_shared_read(self) -> None:
        upstream = Upstream()
        upstream.gate = asyncio.Event()
        first = asyncio.ensure_future(upstream.public_key())
        await settled(lambda: upstream.calls == 1)
        second = asyncio.ensure_future(upstream.public_key())
        await asyncio.sleep(0)
        first.cancel()
        upstream.gate.set()
        assert await second == 1
        assert first.cancelled()

    async def test_read_is_canceled_when_the_last_caller_leaves(self) -> None:
        upstream = Upstream()
        upstream.gate = asyncio.Event()
        reads = [asyncio.ensure_future(upstream.public_key()) for _ in range(2)]
        await settled(lambda: upstream.calls == 1)
        [pending_task] = [one.task for one in upstream.cache._pending.values()]
        reads[0].cancel()
        await asyncio.gather(reads[0], return_exceptions=True)
        assert not pending_task.cancelling()
        reads[1].cancel()
        await asyncio.gather(reads[1], return_exceptions=True)
        assert pending_task.cancelling()
        upstream.gate.set()
        assert await upstream.public_key() == 2
        assert pending_task.cancelled()
        assert not upstream.cache._pending

    async def test_caller_waits_until_its_own_deadline_at_most(self) -> None:
        upstream = Upstream()
        upstream.gate = asyncio.Event()
        first_read = asyncio.ensure_future(upstream.public_key())
        await settled(lambda: upstream.calls == 1)
        with pytest.raises(UpstreamError) as caught:
            await upstream.public_key(seconds=0.01)
        assert caught.value.kind == outcomes.TIMEOUT
        upstream.gate.set()
        assert await first_read == 1

    async def test_failure_reaches_all_callers_and_is_not_stored(self) -> None:
        upstream = Upstream()
        upstream.gate = asyncio.Event()
        upstream.failure = UpstreamError(outcomes.INTERNAL, "broken", provider="p")
        reads = [asyncio.ensure_future(upstream.public_key()) for _ in range(3)]
        await settled(lambda: upstream.calls == 1)
        upstream.gate.set()
        ended = await asyncio.gather(*reads, return_exceptions=True)
        assert all(isinstance(each, UpstreamError) for each in ended)
        upstream.failure = None
        assert await upstream.public_key() == 2
