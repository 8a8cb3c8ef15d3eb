"""The free ports of tests/support: a server that starts later can still listen on them."""

import asyncio
import os
import sys
from pathlib import Path

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PORTS = """
import os

os.getpid = lambda: {pid}
from tests.support.ports import free_port

print(*(free_port() for _ in range(100)))
"""


async def ports_of_another_process() -> set[int]:
    """Return the ports that another process receives, which looks for them in the same order as this one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PORTS.format(pid=os.getpid()), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return {int(port) for port in output.split()}


def lowest_outgoing_port() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])


async def test_the_kernel_gives_no_free_port_to_an_outgoing_connection() -> None:
    assert max(await ports_of_another_process()) < lowest_outgoing_port()


async def test_another_process_receives_different_ports() -> None:
    own = {free_port() for _ in range(10)}
    assert own.isdisjoint(await ports_of_another_process())


async def test_port_with_a_server_is_not_free() -> None:
    port = free_port()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with server:
        assert port not in await ports_of_another_process()
