"""The end of a run of the fuzz targets."""

import asyncio
import sys
from pathlib import Path

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


def gateways(pid: int) -> list[Path]:
    """Return the /proc folders of the children of a process that have a journal, as a serving gateway has."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [folder for folder in map(Path("/proc").joinpath, children) if (folder / "cwd/audit").exists()]


async def test_sigterm_also_stops_the_gateway() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fuzz", "--only", "metadata"),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def gateway_serves() -> bool:
        return bool(gateways(process.pid))

    try:
        await eventually(gateway_serves, 60)
        (gateway,) = gateways(process.pid)
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    assert not gateway.exists()
