"""The response cache: which responses are stored, for how long, and which are never stored."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.call_context import CallContext
from gateway.errors import GatewayError, UpstreamError
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.base.settings import CacheSettings
from gateway.providers.caching import ReadCache
from gateway.upstream import outcomes
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys

NAME = "providers/p/keys/k"
REQUEST = keys.GetPublicKeyRequest(name=NAME)


def call(seconds: float = 30.0, *, fresh: bool = False, background: bool = False) -> CallContext:
    made = CallContext("r", time.monotonic() + seconds, idempotent=True, background=background)
    made.fresh = fresh
    return made


class Upstream:
    """Returns the number of its call. failure: raised instead. gate: an event that the upstream waits for first."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1000.0
        self.calls = 0
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.cache = ReadCache("p", CacheSettings(**{"ttl": 60.0, **settings}), 30.0, lambda: self.now)
        self.operations = self.cache.wrap(
            dict.fromkeys(
                ("get_public_key", "get_certificate", "list_certificates", "get_private_key", "encrypt"), self._answer
            )
            | {"delete_certificate": self._answer}
        )

    async def _answer(self, request: Any, _call: CallContext) -> Any:
        self.calls += 1
        number = self.calls
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if isinstance(request, ListWindow):
            return CertificatePage([certificate_pb2.Certificate(name=str(number))], 1)
        return keys.GetPublicKeyResponse(key_version=number)

    async def public_key(self, request: Any = REQUEST, **options: Any) -> int:
        answer = await self.operations["get_public_key"](request, call(**options))
        return int(answer.key_version)


async def test_response_is_cached_for_its_lifetime() -> None:
    upstream = Upstream()
    assert [await upstream.public_key() for _ in range(3)] == [1, 1, 1]
    upstream.now += 59.9
    assert await upstream.public_key() == 1
    upstream.now += 0.1
    assert await upstream.public_key() == 2
    assert (upstream.cache.hits, upstream.cache.misses) == (3, 2)


async def test_different_requests_have_separate_responses() -> None:
    upstream = Upstream()
    assert await upstream.public_key() == 1
    assert await upstream.public_key(keys.GetPublicKeyRequest(name=f"{NAME}/versions/1")) == 2
    window = ListWindow(0, 50, certificates.CERTIFICATE_STATE_FILTER_ALL)
    first = await upstream.operations["list_certificates"](window, call())
    other = await upstream.operations["list_certificates"](ListWindow(50, 50, window.state), call())
    again = await upstream.operations["list_certificates"](window, call())
    assert (first, again) == (again, first)
    assert first != other


async def test_no_cache_reads_from_the_upstream_and_stores_the_response() -> None:
    upstream = Upstream()
    assert await upstream.public_key() == 1
    assert await upstream.public_key(fresh=True) == 2
    assert await upstream.public_key() == 2


@pytest.mark.parametrize("operation", ["get_private_key", "encrypt"])
async def test_response_that_is_not_cacheable_is_not_stored(operation: str) -> None:
    upstream = Upstream()
    for _ in range(2):
        await upstream.operations[operation](REQUEST, call())
    assert upstream.calls == 2


async def test_response_to_a_request_with_a_password_is_not_stored() -> None:
    upstream = Upstream()
    request = certificates.GetCertificateRequest(name="providers/p/certificates/server", keystore_password="changeit")
    for _ in range(2):
        await upstream.operations["get_certificate"](request, call())
    assert upstream.calls == 2
    request.keystore_password = ""
    for _ in range(2):
        await upstream.operations["get_certificate"](request, call())
    assert upstream.calls == 3


async def test_every_change_clears_the_cache_even_if_it_fails() -> None:
    upstream = Upstream()
    assert await upstream.public_key() == 1
    await upstream.operations["delete_certificate"](REQUEST, call())
    assert await upstream.public_key() == 3
    upstream.failure = UpstreamError(outcomes.CONNECTION_LOST, "gone", provider="p")
    with pytest.raises(UpstreamError):
        await upstream.operations["delete_certificate"](REQUEST, call())
    upstream.failure = None
    assert await upstream.public_key() == 5


async def test_read_that_started_before_a_change_is_not_stored() -> None:
    upstream = Upstream()
    upstream.gate = asyncio.Event()
    read = asyncio.ensure_future(upstream.public_key())
    await settled(lambda: upstream.calls == 1)
    changing = asyncio.ensure_future(upstream.operations["delete_certificate"](REQUEST, call()))
    await settled(lambda: upstream.calls == 2)
    gate, upstream.gate = upstream.gate, None
    # The change ends first.
    changing.cancel()
    await asyncio.gather(changing, return_exceptions=True)
    gate.set()
    assert await read == 1
    assert await upstream.public_key() == 3


async def test_read_after_a_change_does_not_share_an_earlier_read() -> None:
    upstream = Upstream()
    gate = upstream.gate = asyncio.Event()
    before = asyncio.ensure_future(upstream.public_key())
    await settled(lambda: upstream.calls == 1)
    upstream.gate = None
    await upstream.operations["delete_certificate"](REQUEST, call())
    assert await upstream.public_key() == 3
    gate.set()
    assert await before == 1
    assert await upstream.public_key() == 3


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


async def test_slow_response_does_not_replace_a_newer_one() -> None:
    upstream = Upstream()
    gate = upstream.gate = asyncio.Event()
    slow = asyncio.ensure_future(upstream.public_key())
    await settled(lambda: upstream.calls == 1)
    upstream.gate = None
    assert await upstream.public_key(fresh=True) == 2
    gate.set()
    assert await slow == 1
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


class TestStale:
    async def test_expired_response_is_returned_while_the_upstream_is_down(self) -> None:
        upstream = Upstream(stale=100)
        assert await upstream.public_key() == 1
        upstream.now += 120
        upstream.failure = UpstreamError(outcomes.UNREACHABLE, "down", provider="p")
        context = call()
        answer = await upstream.operations["get_public_key"](REQUEST, context)
        assert (answer.key_version, context.stale_seconds) == (1, 120)
        upstream.now += 40
        with pytest.raises(UpstreamError):
            await upstream.public_key()

    @pytest.mark.parametrize("outcome", [outcomes.INTERNAL, outcomes.CREDENTIALS_REJECTED, outcomes.RATE_LIMITED])
    async def test_expired_response_is_not_returned_if_the_upstream_responds(self, outcome: Any) -> None:
        upstream = Upstream(stale=100)
        await upstream.public_key()
        upstream.now += 61
        upstream.failure = UpstreamError(outcome, "no", provider="p")
        with pytest.raises(UpstreamError):
            await upstream.public_key()

    async def test_expired_response_is_not_returned_for_no_cache_or_by_default(self) -> None:
        for settings, fresh in ({"stale": 100}, True), ({}, False):
            upstream = Upstream(**settings)
            await upstream.public_key()
            upstream.now += 61
            upstream.failure = UpstreamError(outcomes.UNREACHABLE, "down", provider="p")
            with pytest.raises(GatewayError):
                await upstream.public_key(fresh=fresh)


async def test_size_is_limited_and_oldest_entries_are_removed() -> None:
    upstream = Upstream(maximum_bytes=4096)
    for number in range(20):
        await upstream.public_key(keys.GetPublicKeyRequest(name=f"{NAME}{number}"))
        assert upstream.cache.bytes <= 4096
    assert upstream.calls == 20
    await upstream.public_key(keys.GetPublicKeyRequest(name=f"{NAME}19"))
    assert upstream.calls == 20
    await upstream.public_key(keys.GetPublicKeyRequest(name=f"{NAME}0"))
    assert upstream.calls == 21


async def test_size_of_an_entry_includes_its_key() -> None:
    """Fields that the contract does not have are part of a message's bytes."""
    upstream = Upstream(maximum_bytes=4096)
    with_unknown_field = keys.GetPublicKeyRequest(name=NAME)
    with_unknown_field.MergeFromString(b"\x7a\x80\x20" + b"x" * 4096)
    await upstream.public_key(with_unknown_field)
    assert upstream.cache.bytes == 0
    assert await upstream.public_key(with_unknown_field) == 2


async def test_equal_read_takes_no_additional_memory() -> None:
    upstream = Upstream()
    await upstream.public_key()
    before = upstream.cache.bytes
    for _ in range(10):
        await upstream.public_key(fresh=True)
    assert upstream.cache.bytes == before


async def settled(condition: Callable[[], bool]) -> None:
    """Run the other tasks of this loop until the condition holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition does not hold")
