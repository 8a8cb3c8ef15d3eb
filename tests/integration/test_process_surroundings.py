"""`serve` and `health` under signals, closed standard streams, proxies, and environment variables."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.support.closed_streams import started_without
from tests.support.key_calls import PLAINTEXT, decrypt, encrypt
from tests.support.ports import free_port
from tests.support.processes import Process, run, write_config
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.waiting import eventually
from tests.support.workers import worker_pids

SECRET = "value-of-a-secret-variable"
PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), "http://127.0.0.1:9")


@pytest.fixture
def hangup_disposition() -> Iterator[None]:
    """Restore the disposition of SIGHUP, which new processes inherit, after the test. It is the default before it."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.mark.usefixtures("hangup_disposition")
async def test_hangup_drains_a_gateway_without_workers(quiet_stack: Stack, tmp_path: Path) -> None:
    """A service manager, a log rotation, or the end of a login shell sends it. The call in progress is answered."""
    config = write_config(tmp_path / "keyway.yaml", quiet_stack)
    await quiet_stack.controls[KEY_MANAGER].fail(mode=None, delay=0.5)
    async with Process(tmp_path, "serve", "--config", config) as process:
        pending = asyncio.ensure_future(encrypt(await process.address()))
        await eventually(lambda: has_requests(quiet_stack))
        process.send(signal.SIGHUP)
        assert await pending
        ended = await process.ended()
    assert ended.code == 0
    assert process.events()[-2:] == ["draining", "stopped"]


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def has_requests(stack: Stack) -> bool:
    return bool(await stack.controls[KEY_MANAGER].requests())


@pytest.mark.usefixtures("hangup_disposition")
async def test_hangup_is_ignored_if_the_parent_ignores_it(quiet_stack: Stack, tmp_path: Path) -> None:
    """As under `nohup`."""
    config = write_config(tmp_path / "keyway.yaml", quiet_stack)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    async with Process(tmp_path, "serve", "--config", config) as process:
        address = await process.address()
        process.send(signal.SIGHUP)
        assert await decrypt(address, await encrypt(address)) == PLAINTEXT
        assert (await process.stopped()).code == 0


async def test_hangup_during_a_drain_does_not_end_the_process(quiet_stack: Stack, tmp_path: Path) -> None:
    """Service managers can send SIGTERM and SIGHUP together. Only a second SIGTERM or SIGINT ends the drain."""
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, drain_delay=0.5)
    async with Process(tmp_path, "serve", "--config", config) as process:
        await process.address()
        process.send(signal.SIGTERM)
        await process.logged("draining")
        process.send(signal.SIGHUP)
        ended = await process.ended()
    assert ended.code == 0
    assert process.events()[-1] == "stopped"


@pytest.mark.parametrize("streams", [("input", "output"), ("input", "output", "error")], ids=" and ".join)
async def test_gateway_serves_without_standard_streams(
    streams: tuple[str, ...], quiet_stack: Stack, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, workers=2, listen=address)
    command = (sys.executable, "-m", "gateway", "serve", "--config", config)
    async with started_without(streams, tmp_path, *command) as process:
        await eventually(lambda: serves(address))
        standard = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in (0, 1)]
        process.terminate()
        code = await asyncio.wait_for(process.wait(), 20)
    assert standard == ["/dev/null", "/dev/null"]
    assert code == 0


async def serves(address: str) -> bool:
    try:
        return bool(await encrypt(address))
    except grpc.aio.AioRpcError:
        return False


async def test_health_ignores_the_proxies_of_the_environment(quiet_stack: Stack, tmp_path: Path) -> None:
    ended = await run(tmp_path, "health", "--address", quiet_stack.gateway.address, environment=PROXIES)
    assert (ended.code, ended.output, ended.errors) == (0, "SERVING\n", "")


async def test_workers_do_not_inherit_secrets_from_the_environment(quiet_stack: Stack, tmp_path: Path) -> None:
    provider = quiet_stack.provider("nhn-keys", app_key={"env": "KEYS_APP_KEY"})
    app_key = quiet_stack.provider("nhn-keys")["app_key"]
    environment = {"KEYS_APP_KEY": app_key, "UNUSED_SECRET": SECRET, "LC_ALL": "C.UTF-8"}
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, [provider], workers=2)
    async with Process(tmp_path, "serve", "--config", config, environment=environment) as process:
        assert await decrypt(address := await process.address(), await encrypt(address)) == PLAINTEXT
        environments = [environment_of(pid) for pid in worker_pids(process.pid)]
        assert (await process.stopped()).code == 0
    assert len(environments) == 2
    for environ in environments:
        assert b"LC_ALL=C.UTF-8" in environ.split(b"\0")
        for secret in (app_key, SECRET, "KEYS_APP_KEY"):
            assert secret.encode() not in environ
