"""A gateway whose audit journal has no free space or a read-only disk: effects on callers, probes, and upstreams."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from gateway.contract.methods import METHODS
from gateway.journal.format.segments import chain_folder, read_records
from gateway.journal.verify.verification import verify
from keyway.v1 import key_service_pb2 as keys
from tests.support.disks import fill, in_memory, remount
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.trusted import CallerStubs, Trusted, record_of, request_id_of
from tests.support.valid_requests import call, upstream_targets
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("container")

SIZE = 3 * 1024 * 1024
IN_FLIGHT = 20
KEY = "providers/nhn-keys/keys/orders-key"
ENCRYPT = keys.EncryptRequest(name=KEY, plaintext=b"order 42")
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with in_memory(tmp_path / "disk", SIZE) as place:
        yield place


@pytest.fixture
async def stack(running_stack: Stack) -> AsyncIterator[Stack]:
    await running_stack.reset()
    yield running_stack
    await running_stack.reset()


@pytest.fixture
def trusted(tmp_path: Path, disk: Path, stack: Stack) -> Trusted:
    trusted = Trusted(tmp_path, stack, audit={"directory": "disk/audit"})
    trusted.audit = disk / "audit"
    return trusted


async def refused(pending: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await pending
    return caught.value


def details(error: grpc.aio.AioRpcError) -> tuple[str, bool]:
    """Return the reason, and whether the status contains RetryInfo."""
    status = rpc_status.from_call(cast("grpc.Call", error))
    assert status is not None
    reason = error_details_pb2.ErrorInfo()
    (packed,) = (each for each in status.details if each.Is(reason.DESCRIPTOR))
    packed.Unpack(reason)
    return reason.reason, any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in status.details)


async def until_health_is(caller: CallerStubs, wanted: int) -> None:
    health: Any = health_pb2_grpc.HealthStub(caller.channel)  # the published type has no methods

    async def shown() -> bool:
        return bool((await health.Check(health_pb2.HealthCheckRequest())).status == wanted)

    await eventually(shown)


async def nothing_is_served(caller: CallerStubs, stack: Stack) -> None:
    """Check that every method is rejected without an upstream request, and that probes report it."""
    await until_health_is(caller, NOT_SERVING)
    before = await upstream_targets(stack)
    errors = await asyncio.gather(*(refused(call(cast("Any", caller), method.name)) for method in METHODS))
    assert {(error.code(), details(error)[0]) for error in errors} == {
        (grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")
    }
    assert await upstream_targets(stack) == before


async def until_it_serves_again(caller: CallerStubs, trusted: Trusted) -> dict[str, Any]:
    """Wait until it serves, and return the interruption in the journal."""
    await until_health_is(caller, SERVING)
    await caller.keys.Encrypt(ENCRYPT)
    assert verify(trusted.audit).good
    records = [stored.record for stored in read_records(chain_folder(trusted.audit, 0))]
    (gap,) = (record.value() for record in records if record.kind == "interruption")
    return dict(gap)


async def encrypt_until_refused(caller: CallerStubs) -> grpc.aio.AioRpcError:
    """Encrypt until a call is rejected, and return the error."""
    while True:
        try:
            await caller.keys.Encrypt(ENCRYPT)
        except grpc.aio.AioRpcError as error:
            return error


async def begin(caller: CallerStubs, stack: Stack, count: int) -> list[tuple[Any, "asyncio.Future[Any]"]]:
    """Start calls that wait for a silent upstream."""
    control = stack.controls[KEY_MANAGER]
    await control.forget_requests()
    pending = [caller.keys.Encrypt(ENCRYPT) for _ in range(count)]
    waiting: list[tuple[Any, asyncio.Future[Any]]] = [(each, asyncio.ensure_future(each)) for each in pending]

    async def all_asked() -> bool:
        return len(await control.requests()) == count

    await eventually(all_asked)
    return waiting


async def test_full_disk_stops_service_until_there_is_space(trusted: Trusted, disk: Path, stack: Stack) -> None:
    async with trusted.served() as address, trusted.caller(address) as caller:
        await stack.controls[KEY_MANAGER].fail(mode="stall", count=IN_FLIGHT)
        given_up = await begin(caller, stack, IN_FLIGHT)
        await stack.controls[KEY_MANAGER].fail(mode=None, delay=1.0, count=IN_FLIGHT)
        answered = await begin(caller, stack, IN_FLIGHT)
        ballast = fill(disk)
        first = await encrypt_until_refused(caller)
        assert (first.code(), details(first)[0]) == (grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")
        await nothing_is_served(caller, stack)

        outcomes = [await task for _, task in answered]
        assert all(answer.ciphertext for answer in outcomes)
        for pending, _ in given_up:
            pending.cancel()
        ids = [request_id_of(await pending.trailing_metadata()) for pending, _ in answered]
        assert {record_of(trusted.audit, each)["outcome"]["status"] for each in ids} == {"Success"}

        async def all_recorded() -> bool:
            return count(trusted, "Unknown") == IN_FLIGHT

        await eventually(all_recorded)
        await nothing_is_served(caller, stack)

        ballast.unlink()
        gap = await until_it_serves_again(caller, trusted)
    assert gap["reason"] == "ENOSPC"
    assert gap["refused"] >= 2 * len(METHODS)


def count(trusted: Trusted, status: str) -> int:
    """Return the number of recorded outcomes with this status."""
    return sum(event["metadata"]["event_code"] == "outcome" and event["status"] == status for event in trusted.events())


async def test_disk_that_is_read_only_at_start_up_stops_service(trusted: Trusted, disk: Path, stack: Stack) -> None:
    remount(disk, "ro")
    async with trusted.served() as address, trusted.caller(address) as caller:
        await nothing_is_served(caller, stack)
        remount(disk, "rw")
        gap = await until_it_serves_again(caller, trusted)
    assert (gap["reason"], gap["refused"]) == ("EROFS", len(METHODS))


async def test_outcome_that_cannot_be_recorded_fails_the_call(trusted: Trusted, disk: Path, stack: Stack) -> None:
    control = stack.controls[KEY_MANAGER]
    async with trusted.served() as address, trusted.caller(address) as caller:
        await control.fail(mode=None, delay=1.0)
        ((_, task),) = await begin(caller, stack, 1)
        reserve = chain_folder(trusted.audit, 0) / "reserve"
        reserve.write_bytes(b"")
        ballast = fill(disk)
        # The rest of the last page is too small for an outcome.
        await encrypt_until_refused(caller)
        error = await refused(task)
        assert error.code() == grpc.StatusCode.UNKNOWN
        assert details(error) == ("AUDIT_OUTCOME_LOST", False)
        ballast.unlink()
        await until_it_serves_again(caller, trusted)
        # The gateway kept the outcome until then.
        assert record_of(trusted.audit, request_id_of(error.trailing_metadata()))["outcome"]["status"] == "Success"


async def test_folder_removed_during_an_upstream_request_fails_the_call(trusted: Trusted, stack: Stack) -> None:
    async with trusted.served() as address, trusted.caller(address) as caller:
        await stack.controls[KEY_MANAGER].fail(mode=None, delay=1.0)
        ((_, task),) = await begin(caller, stack, 1)
        shutil.rmtree(chain_folder(trusted.audit, 0))
        error = await refused(task)
        assert error.code() == grpc.StatusCode.UNKNOWN
        assert details(error) == ("AUDIT_OUTCOME_LOST", False)
        await nothing_is_served(caller, stack)
