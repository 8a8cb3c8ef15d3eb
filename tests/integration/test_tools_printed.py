"""The calls that `serve` prints work as printed."""

import asyncio
import re
from pathlib import Path

from gateway.emulators.catalog import EMULATOR_TYPES
from tests.support.processes import Process
from tests.support.tools import execute
from tests.support.waiting import eventually

FOLLOWED_BY = "Try, in another terminal:"
THEN = "Each call is recorded. To list the newest calls:"


async def test_calls_that_serve_prints_succeed(tmp_path: Path) -> None:
    async with Process(tmp_path, "serve", "--listen", "127.0.0.1:0") as process:
        calls = await process.lines_after(FOLLOWED_BY, 3)
        finished = await asyncio.gather(*(execute("sh", "-c", call, folder=tmp_path) for call in calls))
        (audit,) = await process.lines_after(THEN, 1)

        async def is_listed() -> bool:
            listed = await execute("sh", "-c", audit, folder=tmp_path)
            return listed.code == 0 and b"  Encrypt  " in listed.output and b"  CheckProvider  " in listed.output

        await eventually(is_listed)
        ended = await process.stopped()

    assert ended.output.endswith("\n".join([FOLLOWED_BY, *calls, "", THEN, audit]) + "\n")
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
