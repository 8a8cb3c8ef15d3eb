"""`serve` as a process: readiness, files, log, and exit code."""

import os
import resource
import signal
from pathlib import Path

import grpc
import pytest

from keyway.v1 import key_service_pb2 as keys
from tests.support.key_calls import KEY, PLAINTEXT, decrypt, encrypt, key_service
from tests.support.processes import READY, Process, run, write_config
from tests.support.secrecy import configured_secrets
from tests.support.stack import KEY_MANAGER, Stack


async def test_ciphertext_decrypts_after_a_restart(tmp_path: Path) -> None:
    command = ("serve", "--listen", "127.0.0.1:0", "--state", "kept")
    async with Process(tmp_path, *command) as process:
        ciphertext = await encrypt(await process.address())
        first = await process.stopped()
    async with Process(tmp_path, *command) as process:
        assert await decrypt(await process.address(), ciphertext) == PLAINTEXT
        second = await process.stopped()

    assert (first.code, second.code) == (0, 0)
    assert os.listdir(tmp_path) == ["kept"]
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    for file in (tmp_path / "kept").iterdir():
        assert file.stat().st_mode & 0o077 == 0, f"{file.name} is readable by others"


async def test_ephemeral_serves_at_once_after_its_readiness_line_and_leaves_nothing_on_disk(tmp_path: Path) -> None:
    async with Process(tmp_path, "serve", "--ephemeral", "--listen", "127.0.0.1:0") as process:
        address = await process.address()
        assert await decrypt(address, await encrypt(address)) == PLAINTEXT
        ended = await process.stopped(signal.SIGINT)

    assert ended.code == 0
    assert os.listdir(tmp_path) == []


async def test_configured_gateway_serves_its_providers(quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack)
    async with Process(tmp_path, "serve", "--config", config) as process:
        assert await decrypt(await process.address(), await encrypt(await process.address())) == PLAINTEXT
        dumped = resource.prlimit(process.pid, resource.RLIMIT_CORE)
        ended = await process.stopped()

    assert dumped in ((0, 0), (1, 1)), "a core dump would contain its secrets"
    assert ended.code == 0
    assert [request["status"] for request in await quiet_stack.controls[KEY_MANAGER].requests()] == [200, 200]
    assert ended.output == f"{READY}{process.lines[0].removeprefix(READY)}\n"
    assert os.listdir(tmp_path) == ["keyway.yaml"]


async def test_port_in_use_is_reported(quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack)
    ended = await run(tmp_path, "serve", "--config", config, "--listen", quiet_stack.gateway.address)

    assert ended.code == 1
    assert ended.output == ""
    lines = [line for line in ended.errors.splitlines() if not line.startswith("{")]
    address = quiet_stack.gateway.address
    assert lines == [f"keyway: cannot listen on {address}: is port {address.rpartition(':')[2]} already in use?"]


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "localhost:notaport", "127.0.0.1:65536"])
async def test_invalid_address_is_rejected_before_anything_starts(address: str, tmp_path: Path) -> None:
    ended = await run(tmp_path, "serve", "--listen", address)

    assert (ended.code, ended.output) == (2, "")
    assert len(ended.errors.splitlines()) == 1
    assert ended.errors.startswith("keyway: listen: must be ")
    assert os.listdir(tmp_path) == []


async def test_log_and_terminal_state_that_upstreams_are_emulated(tmp_path: Path) -> None:
    async with Process(tmp_path, "serve", "--ephemeral", "--listen", "127.0.0.1:0") as process:
        lines = await process.lines_after(READY, 1)
        ended = await process.stopped()

    assert lines == ["keyway: demo with emulated upstreams; use --config to serve your own providers"]
    warnings = [line["event"] for line in ended.log() if line["level"] == "warning"]
    assert warnings == [
        "serving_emulated_upstreams",
        "callers_not_authenticated",
    ]


async def test_state_directory_that_is_not_writable_is_reported(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")

    ended = await run(tmp_path, "serve", "--listen", "127.0.0.1:0", "--state", "taken")

    assert (ended.code, ended.output, ended.errors) == (1, "", "keyway: taken: File exists\n")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_second_demo_with_the_same_state_directory_is_rejected_with_advice(workers: str, tmp_path: Path) -> None:
    async with Process(tmp_path, "serve", "--listen", "127.0.0.1:0", "--state", "kept") as process:
        await process.address()
        command = ("serve", "--listen", "127.0.0.1:0", "--workers", workers, "--state", "kept")
        second = await run(tmp_path, *command)
        emulators = await run(tmp_path, "emulate", "--state", "kept")
        assert (await process.stopped()).code == 0

    expected = "another process uses this state directory; pass another one with --state DIR, or --ephemeral"
    for ended in (second, emulators):
        assert (ended.code, ended.output, ended.errors) == (1, "", f"keyway: kept: {expected}\n")


async def test_log_lines_are_json_and_contain_no_secret(quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack)
    async with Process(tmp_path, "serve", "--config", config, "--log-level", "debug") as process:
        address = await process.address()
        ciphertext = await encrypt(address)
        await quiet_stack.controls[KEY_MANAGER].fail(mode="html")
        async with key_service(address) as stub:
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Decrypt(keys.DecryptRequest(name=KEY, ciphertext=ciphertext), timeout=20)
            material = await stub.GetSymmetricKey(keys.GetSymmetricKeyRequest(name=KEY), timeout=20)
        ended = await process.stopped()

    events = [line["event"] for line in ended.log()]
    assert [event for event in events if event in ("serving", "draining", "stopped")] == [
        "serving",
        "draining",
        "stopped",
    ]
    secrets = [PLAINTEXT.decode(), ciphertext, material.key_material.hex()]
    for provider in quiet_stack.settings().providers:
        configured = [str(secret.value) for secret in configured_secrets(provider)]
        assert configured, f"{provider.id} is configured without a secret"
        secrets += configured
    for secret in secrets:
        assert secret not in ended.errors + ended.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_directly_after_the_ready_line_ends_with_exit_code_0(
    number: signal.Signals, quiet_stack: Stack, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack)
    async with Process(tmp_path, "serve", "--config", config) as process:
        await process.address()
        ended = await process.stopped(number)

    assert ended.code == 0
    assert "Traceback" not in ended.errors
    assert ended.log()[-1]["event"] == "stopped"


async def test_signal_during_the_start_ends_with_exit_code_0(tmp_path: Path) -> None:
    command = ("serve", "--ephemeral", "--listen", "127.0.0.1:0")
    async with Process(tmp_path, *command) as process:
        await process.logged("emulator_ready")
        ended = await process.stopped()

    assert ended.code == 0
    assert ended.log()[-1]["event"] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_second_signal_ends_immediately(number: signal.Signals, quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, drain_delay=600)
    async with Process(tmp_path, "serve", "--config", config) as process:
        await process.address()
        process.send(signal.SIGTERM)
        await process.logged("draining")
        ended = await process.stopped(number)

    assert ended.code == 128 + number
    assert ended.log()[-1]["event"] == "draining"
