"""The commands in docs/central-audit.md work in their order, with servers on free ports."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from gateway import app
from tests.support.docs import ROOT, blocks, run
from tests.support.ports import free_port
from tests.support.programs import program, unavailable
from tests.support.stack import Gateway, Stack
from tests.support.victoria_logs import PROGRAM
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("central")

PAGE = "docs/central-audit.md"


class Moved:
    """The printed commands with other folders and ports."""

    def __init__(self, folder: Path, gateway: str = "") -> None:
        self._folder = folder
        self.store, self.collector, self.query = free_port(), free_port(), free_port()
        self.gateway = gateway

    def __call__(self, text: str) -> str:
        for printed, here in {
            "../../.keyway": str(self._folder),
            "/etc/victoria-logs-query": f"{self._folder}/query",
            "logs.example.com:9428": f"localhost:{self.store}",
            ".keyway": str(self._folder),
            "localhost:50051": self.gateway,
            "deploy/central/gateway.yaml": f"{self._folder}/gateway.yaml",
            ".venv/bin/": "",
            "9428": str(self.store),
            "4319": str(self.collector),
            "9429": str(self.query),
            "../policies": f"{ROOT}/deploy/policies",
        }.items():
            text = text.replace(printed, here)
        return text


@contextlib.asynccontextmanager
async def running(command: str, port: int) -> AsyncIterator[None]:
    """Run a command until the end of the block; yield when it listens on the port."""
    environment = os.environ | {"PATH": f"{Path(sys.prefix, 'bin')}:{os.environ['PATH']}"}
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        "bash", "-ec", f"exec env {command}", cwd=ROOT, env=environment, stdout=silent, stderr=silent
    )

    async def listens() -> bool:
        assert process.returncode is None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await eventually(listens)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def test_printed_commands_list_and_verify_the_calls_of_the_gateway(stack: Stack, tmp_path: Path) -> None:
    if not PROGRAM.exists():
        unavailable("VictoriaLogs is missing (`make victoria-logs` builds it, with Go)")
    program("openssl")
    start, calls, front, verify = blocks(PAGE, "sh")
    moved = Moved(tmp_path)
    _, certificates, secrets, store, collector, _, _ = start.splitlines()
    await run("bash", "-ec", moved(f"{certificates}\n{secrets}"))
    listen = f"--config 'yaml:receivers::otlp/audit::protocols::grpc::endpoint: localhost:{moved.collector}'"
    async with contextlib.AsyncExitStack() as exits:
        await exits.enter_async_context(running(moved(store), moved.store))
        await exits.enter_async_context(running(f"{moved(collector)} {listen}", moved.collector))
        await exits.enter_async_context(running(second_process(moved, front, tmp_path), moved.query))
        tree = yaml.safe_load((ROOT / "deploy/central/gateway.yaml").read_text(encoding="utf-8"))
        for provider in tree["providers"]:
            provider["endpoint"] = stack.emulators[provider["type"]].url
        moved.gateway = "localhost:0"
        tree |= {"listen": "localhost:0", "health_listen": "127.0.0.1:0"}
        (tmp_path / "gateway.yaml").write_text(moved(yaml.safe_dump(tree)).replace(str(moved.store), str(moved.query)))
        gateway = await exits.enter_async_context(Gateway(app.load_config(tmp_path / "gateway.yaml")))
        moved.gateway = gateway.address
        define, make_call, list_calls, _ = moved(calls).splitlines()
        assert "www.example.com" in await run("bash", "-ec", f"{define}\n{make_call}")

        async def call_is_listed() -> bool:
            return "ListCertificates" in await run("bash", "-ec", f"{define}\n{list_calls} || true")

        await eventually(call_is_listed)

        async def store_is_verified() -> bool:
            # The outcome of the last call can arrive after its intent.
            return (await run("bash", "-ec", f"{moved(verify).rstrip()} || true")).endswith("verified\n")

        await eventually(store_is_verified)


def second_process(moved: Moved, front: str, folder: Path) -> str:
    """Return the printed command for the process that only queries, with its files."""
    (folder / "query").mkdir()
    for name in ("server.pem", "server.key", "ca.pem", "victoria-logs-password"):
        (folder / "query" / name).write_bytes((folder / "tls" / name).read_bytes())
    (folder / "query/storage-password").write_bytes((folder / "tls/victoria-logs-password").read_bytes())
    given = f"VICTORIA_LOGS=build/victoria-logs VICTORIA_LOGS_DATA={folder}/query/data"
    return f"{given} {moved(front)}".replace(f"=:{moved.query}", f"=127.0.0.1:{moved.query}")
