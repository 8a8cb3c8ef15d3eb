"""Transit encryption through the gateway's Vault API, next to OpenBao's own transit with an audit device.

For information: `python -m tests.bench.vault_transit`, after `make bench-setup` and `make vault-programs`. Both serve
TLS, authenticate a token, and record each call. The gateway also calls an emulated upstream in this process.
"""

import asyncio
import json
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.bench.accounting import usage
from tests.bench.material import PLAINTEXT, Material
from tests.bench.openbao import openbao
from tests.support.processes import Process
from tests.support.stack import Stack
from tests.support.vault_api import KEYS, TOKEN, VaultScene
from tests.support.vault_programs import vault_program

CALLS: Final = 3000
_CONNECTIONS: Final = 4


async def measure(name: str, pid: int, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Print the CPU time of a process and its children per call, and the latency. The first run warms up."""
    await _load(url, headers, body)
    before = usage(pid)
    times = await _load(url, headers, body)
    used = usage(pid).since(before).total / CALLS * 1000
    print(f"{name}: {used:.2f} ms CPU per call, p50 {_percentile(times, 0.5)} ms, p99 {_percentile(times, 0.99)} ms")


async def _load(url: str, headers: Mapping[str, str], body: bytes) -> list[int]:
    """Make the calls, and return their durations in microseconds, sorted. Raises RuntimeError if one failed."""
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder, "body"), Path(folder, "log")
        data.write_bytes(body)  # noqa: ASYNC240 - nothing else runs before the load
        lines = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        numbers = ("-n", str(CALLS), "-c", str(_CONNECTIONS))
        process = await asyncio.create_subprocess_exec(
            "h2load", "--h1", *numbers, "-d", data, *lines, f"--log-file={log}", url, stdout=asyncio.subprocess.DEVNULL
        )
        await process.wait()
        rows = [line.split() for line in log.read_text().splitlines()]  # noqa: ASYNC240 - as above
    times = sorted(int(row[2]) for row in rows if row[1] == "200")
    if len(times) != CALLS:
        raise RuntimeError(f"{CALLS - len(times)} of {CALLS} calls failed")
    return times


def _percentile(times: list[int], share: float) -> float:
    return round(times[int(len(times) * share)] / 1000, 1)


async def main() -> None:
    """Measure both, one after the other."""
    body = json.dumps({"plaintext": b64encode(PLAINTEXT).decode()}).encode()
    with tempfile.TemporaryDirectory() as folder:
        async with Stack() as stack:
            scene = VaultScene(Path(folder), stack)
            async with Process(Path(folder), "serve", "--config", scene.trusted.write()) as process:
                await process.address()
                url = f"{scene.url}/v1/{KEYS}/encrypt/orders-key"
                await measure("Keyway", process.pid, url, {TOKEN: scene.token()}, body)
        with openbao(vault_program("bao"), Material(Path(folder)), Path(folder), tls=True) as (server, target):
            await measure("OpenBao", server.pid, target.url, target.headers, target.body)


if __name__ == "__main__":
    asyncio.run(main())
