"""The calls that `serve` prints work as printed."""

import asyncio
import re
from pathlib import Path

from gateway.emulators.catalog import EMULATOR_TYPES
from tests.support.processes import Process
from tests.support.tools import execute

FOLLOWED_BY = "Try, in another terminal:"
THEN = "Each call is recorded. To read the newest records:"


async def test_calls_that_serve_prints_succeed(tmp_path: Path) -> None:
    async with Process(tmp_path, "serve", "--listen", "127.0.0.1:0") as process:
        calls = await process.lines_after(FOLLOWED_BY, 3)
        finished = await asyncio.gather(*(execute("sh", "-c", call, folder=tmp_path) for call in calls))
        (tail,) = await process.lines_after(THEN, 1)
        recorded = await execute("sh", "-c", tail, folder=tmp_path)
        ended = await process.stopped()

    assert ended.output.endswith("\n".join([FOLLOWED_BY, *calls, "", THEN, tail]) + "\n")
    assert b"  Encrypt  providers/nhn-keys/keys/orders-key  OK  " in recorded.output
    certificates, encrypted, checked = (result.output.decode() for result in finished)
    assert "nhn-certs/www.example.com" in certificates
    assert "asteria/server" in certificates
    assert encrypted.strip()
    assert " ready " in checked
    assert ended.code == 0


async def test_banner_lists_every_port(tmp_path: Path) -> None:
    async with Process(tmp_path, "serve", "--ephemeral", "--listen", "127.0.0.1:0") as process:
        address = await process.address()
        await process.line(FOLLOWED_BY)
        listed = [line for line in process.lines if line.startswith("  ")]
        entries = {line.split("  ")[1]: re.findall(r"127\.0\.0\.1:\d+", line) for line in listed}

        assert entries.pop("gateway (gRPC)") == [address]
        assert entries.keys() == {f"{kind} emulator" for kind in EMULATOR_TYPES}
        assert all(len(addresses) == 2 for addresses in entries.values())
        await process.stopped()
