"""The response cache: which responses are stored, for how long, and which are never stored."""

import asyncio
from typing import Any

import pytest

from gateway.errors import GatewayError, UpstreamError
from gateway.providers.base.listing import ListWindow
from gateway.upstream import outcomes
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.cached_upstream import NAME, REQUEST, Upstream, call, settled


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
