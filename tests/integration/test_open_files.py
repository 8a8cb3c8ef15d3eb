"""The limit on open files is reached while the gateway serves, and lifted again."""

import contextlib
import resource
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.journal.verify.verification import verify
from keyway.v1 import key_service_pb2 as keys
from tests.support.key_calls import KEY, PLAINTEXT, encrypt, key_service
from tests.support.processes import Process, run, write_config
from tests.support.stack import Stack
from tests.support.waiting import eventually
from tests.support.wire import DETAILS, read, trailers_of


def limit_open_files(process: Process, count: int | None = None) -> None:
    """Let the process open no more files than now, or `count`."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.descriptors if count is None else count, hard))


async def reason(call: Awaitable[Any]) -> str:
    """Return the reason of a failed call; empty if it succeeds."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return read(error).reason if DETAILS in trailers_of(error) else error.code().name
    return ""


@pytest.mark.parametrize("listener", ["iomgr", "event_engine"])
async def test_gateway_recovers_after_the_limit_on_open_files_was_reached(
    listener: str, quiet_stack: Stack, tmp_path: Path
) -> None:
    """The gateway can accept no connection, and begin no segment of the journal."""
    options: dict[str, Any] = {
        "audit": {"directory": str(tmp_path / "audit"), "segment_bytes": 8192},
        "health_listen": "127.0.0.1:0",
        "grpc_listener": listener,
    }
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, **options)
    async with Process(tmp_path, "serve", "--config", config) as process, contextlib.AsyncExitStack() as stack:
        address = await process.address()
        health = str((await process.logged("serving_health"))["address"])
        connected = await stack.enter_async_context(key_service(address))

        def call() -> Awaitable[Any]:
            return connected.Encrypt(keys.EncryptRequest(name=KEY, plaintext=PLAINTEXT), timeout=20)

        async def journal_is_unavailable() -> bool:
            return await reason(call()) == "AUDIT_UNAVAILABLE"

        async def new_callers_fail() -> bool:
            return await reason(encrypt(address, seconds=1)) != ""

        async def everybody_succeeds() -> bool:
            return not await reason(call()) and not await reason(encrypt(address, seconds=3))

        await call()
        before, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        limit_open_files(process)
        await eventually(journal_is_unavailable)
        await eventually(new_callers_fail)
        limit_open_files(process, before)
        await eventually(everybody_succeeds)
        for _ in range(20):
            await encrypt(address)
        assert (await run(tmp_path, "health", "--address", health)).output == "SERVING\n"
        await stack.aclose()
        assert (await process.stopped()).code == 0
    assert verify(tmp_path / "audit").good
