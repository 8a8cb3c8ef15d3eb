"""The cost of pushes of Envoy's Secret Discovery Service, with many nodes and secrets.

`python -m tests.bench.secret_pushes` runs a gateway with identity, policy, and a journal over the emulators. Its nodes
subscribe to secrets, one stream for each, as Envoy does. Then all secrets are renewed at once, several times. It
prints the duration of each push (from the first to the last secret that a node receives), the CPU time of the gateway,
and its memory.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench import accounting
from tests.support.certificate_manager import APP_KEY
from tests.support.envoy_sds import DeltaClient, SdsScene, certificate_name
from tests.support.processes import Process
from tests.support.stack import CERTIFICATE_MANAGER, Stack

_PUSH_SECONDS: Final = 120.0
_MIB: Final = 1 << 20


@dataclass
class Receiver:
    """What the nodes have received. expected: the number of secrets of one push."""

    expected: int
    first: float = 0.0
    last: float = 0.0
    count: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """Wait for the next push."""
        self.count, self.first = 0, 0.0
        self.complete.clear()

    def received(self) -> None:
        """Count one secret."""
        now = time.perf_counter()
        self.first = self.first or now
        self.last = now
        self.count += 1
        if self.count == self.expected:
            self.complete.set()


async def follow(stream: DeltaClient, receiver: Receiver) -> None:
    """Accept all secrets of a stream."""
    while True:
        response = await stream.call.read()
        await stream.accept(response)
        receiver.received()


async def renew(scene: SdsScene, count: int) -> None:
    """Renew all secrets at once, with one certificate."""
    leaf = scene.authority.issue(hosts=["edge.example.com"])
    content = (leaf.chain_pem + scene.authority.pem + leaf.key_pem).decode()
    certificates = [
        {"name": f"edge-{number}", "app_key": APP_KEY, "files": [{"file_name": "edge.pem", "content": content}]}
        for number in range(count)
    ]
    await scene.stack.controls[CERTIFICATE_MANAGER].seed({"certificates": certificates})


async def measure(folder: Path, connections: int, secrets: int, pushes: int) -> None:
    """Run the gateway and the nodes, and print one line for each push."""
    async with Stack() as stack, contextlib.AsyncExitStack() as opened:
        scene = SdsScene(folder, stack)
        await renew(scene, secrets)
        process = await opened.enter_async_context(Process(folder, "serve", "--config", scene.trusted.write()))
        await process.address()
        idle = _resident(process.pid)
        total = connections * secrets
        receiver = Receiver(total)
        tasks = []
        for number in range(connections):
            node = await opened.enter_async_context(scene.connected())
            for secret in range(secrets):
                name = certificate_name(f"edge-{secret}")
                stream = await opened.enter_async_context(node.delta(name, node=f"edge-{number}"))
                tasks.append(asyncio.create_task(follow(stream, receiver)))
        async with asyncio.timeout(_PUSH_SECONDS):
            await receiver.complete.wait()
        memory = _resident(process.pid)
        print(f"{total} streams: {(memory - idle) / total / 1024:.1f} KiB for each stream, after the first push")
        for push in range(1, pushes + 1):
            receiver.begin()
            before = accounting.usage(process.pid)
            await renew(scene, secrets)
            async with asyncio.timeout(_PUSH_SECONDS):
                await receiver.complete.wait()
            cpu = accounting.usage(process.pid).since(before).total
            print(
                f"push {push}: {receiver.last - receiver.first:.2f} s, {cpu:.2f} s of CPU time "
                f"({cpu / total * 1e6:.0f} µs for each secret), {_resident(process.pid) / _MIB:.0f} MiB",
                flush=True,
            )
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def main() -> int:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--secrets", type=int, default=100, help="secrets of each node")
    parser.add_argument("--pushes", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), arguments.connections, arguments.secrets, arguments.pushes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
