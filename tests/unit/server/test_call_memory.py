"""The memory that a failed call releases, without a run of the garbage collector."""

import contextlib
import gc
import logging
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any, NoReturn

import grpc
import pytest
import structlog

from gateway.call_context import CallContext
from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.fake_providers import Inventory, served

CALLS = 12
FILLING = b"\x7a\x80\x80\x40" + b"k" * (1 << 20)
"""An unknown field of 1 MiB, which messages preserve."""
METHOD = "/keyway.v1.CertificateService/GetCertificate"
VALID = certificates.GetCertificateRequest(name="providers/p/certificates/c").SerializeToString() + FILLING


class Witness:
    """Lives as long as the frame that created it."""


def refuse() -> NoReturn:
    """Create a reference cycle as asyncio does for a refused connection: the frame holds its own exception."""
    error = OSError("refused")
    raise error


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    tracemalloc.start()
    # pytest keeps log records, which hold tracebacks.
    logging.disable(logging.CRITICAL)
    try:
        with structlog.testing.capture_logs():
            yield
    finally:
        logging.disable(logging.NOTSET)
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize(
    ("raw", "code", "calls_provider"),
    [
        (VALID, grpc.StatusCode.RESOURCE_EXHAUSTED, True),
        (VALID, grpc.StatusCode.INTERNAL, True),
        (VALID, grpc.StatusCode.UNAVAILABLE, True),
        (FILLING, grpc.StatusCode.INVALID_ARGUMENT, False),
        (FILLING + b"\xff", grpc.StatusCode.INVALID_ARGUMENT, False),
    ],
    ids=["upstream", "bug", "cycle", "invalid", "not a message"],
)
async def test_failed_call_releases_its_request(raw: bytes, code: grpc.StatusCode, *, calls_provider: bool) -> None:
    witnesses: list[weakref.ref[Witness]] = []

    async def get(request: object, call: CallContext) -> None:
        witness = Witness()
        witnesses.append(weakref.ref(witness))
        if code is grpc.StatusCode.INTERNAL:
            raise ZeroDivisionError
        if code is grpc.StatusCode.UNAVAILABLE:
            try:
                refuse()
            except OSError as error:
                raise UpstreamError(outcomes.UNREACHABLE, "away", provider="p") from error
        raise UpstreamError(outcomes.RATE_LIMITED, "not now", provider="p")

    provider = Inventory("p")
    provider.get = get

    async def fail(channel: grpc.aio.Channel) -> None:
        call: Any = channel.unary_unary(METHOD)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(raw)
        assert caught.value.code() is code

    async with served(provider) as channel:
        await fail(channel)
        with without_collector():
            witnesses.clear()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(CALLS):
                await fail(channel)
            after, _ = tracemalloc.get_traced_memory()
            alive = [witness for witness in witnesses if witness() is not None]
    assert len(witnesses) == CALLS * calls_provider
    # The last call can still be ending.
    assert len(alive) <= 1
    assert after - before < 2 * len(raw)
