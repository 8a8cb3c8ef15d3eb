"""Floods of unauthenticated peers, and what they cost known callers: `python -m tests.bench.peer_floods`.

One gateway with everything on and 512 MiB of memory. Known callers call it at a fixed rate. For each kind of flood,
their p99 is compared with their p99 beside a busy loop; flood and loop have half a processor each. The exit code is 1
if the p99 over all floods is more than twice that beside the loop, if the gateway ended, or if it reached its memory.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.bench import cgroups, tools
from tests.bench.cgroups import Cgroup
from tests.bench.competitors import Surroundings
from tests.bench.generators import Ghz, Load, percentile
from tests.bench.processes import Server, leave_nothing_behind
from tests.bench.run import scratch, surroundings
from tests.bench.target import Target
from tests.bench.whole_gateway import gateway
from tests.support import envoy, programs
from tests.support.hostile_peer import ATTACKS

_MEMORY: Final = 512 << 20
_SHARE: Final = 0.5
_RATE: Final = 200
_AT_ONCE: Final = 16
_WORST_RATIO: Final = 2.0
_SETTLING_SECONDS: Final = 1.0
_SPARE_SECONDS: Final = 30.0
_SOURCE: Final = "127.0.0.2"
"""The address of the flood. Known callers have another one."""
_INSIDE: Final = "KEYWAY_BENCH_NAMESPACE"
_BUSY: Final = (sys.executable, "-c", "while True: pass")


@dataclass
class Comparison:
    """Latencies of known callers beside the busy loop and beside one flood."""

    kind: str
    beside_loop: list[float] = field(default_factory=list)
    beside_flood: list[float] = field(default_factory=list)

    @property
    def row(self) -> str:
        """One line of the table."""
        loop, flood = (percentile(sorted(each), 0.99) * 1000 for each in (self.beside_loop, self.beside_flood))
        return (
            f"{self.kind:16} p99 {loop:7.2f} ms beside the loop, {flood:7.2f} ms beside the flood: {flood / loop:.2f} x"
        )


@contextlib.contextmanager
def _running(command: Sequence[object], group: Cgroup) -> Iterator[None]:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in group.command(command)],
            cwd=tools.ROOT,
            stdout=output,
            stderr=output,
            env={**os.environ, "HOSTILE_PEER_SOURCE": _SOURCE},
        )
        try:
            time.sleep(_SETTLING_SECONDS)
            yield
            if process.poll() is not None:
                output.seek(0)
                raise RuntimeError(f"the flood ended too early: {output.read()[-500:].decode(errors='replace')}")
        finally:
            process.kill()
            process.wait()


def _load(target: Target, seconds: float) -> Load:
    return Ghz(tools.ghz()).run(target, _AT_ONCE, seconds, _RATE, steady=True)


def compare(target: Target, address: str, kind: str, group: Cgroup, seconds: float) -> Comparison:
    """Measure known callers beside the busy loop, and then beside one flood."""
    found = Comparison(kind)
    with _running(_BUSY, group):
        found.beside_loop += _load(target, seconds).durations
    flood = (sys.executable, "-m", "tests.support.hostile_peer", kind, address, seconds + _SPARE_SECONDS)
    with _running(flood, group):
        found.beside_flood += _load(target, seconds).durations
    return found


@contextlib.contextmanager
def _behind_envoy(around: Surroundings, folder: Path, target: Target) -> Iterator[Target]:
    """Run the shipped Envoy configuration in front of the gateway, and yield the target for its callers."""
    certificate, key = around.material.server_files
    files = envoy.ProxyFiles(certificate, key, around.material.authority_file, around.material.jwks_file)
    with envoy.running(programs.envoy(), folder, files, target.port, port=envoy.PORT) as server:
        yield replace(target, port=server.port)


def measure(folder: Path, kinds: Sequence[str], seconds: float, *, proxied: bool) -> bool:
    """Print a row for each flood and one for all. Return whether the gateway meets the target."""
    total = Comparison("all floods")
    with (
        cgroups.memory(_MEMORY) as memory,
        cgroups.processor(_SHARE) as generator,
        surroundings(folder) as around,
        gateway(around, folder, "jwt", within=memory.command) as (server, own),
        _behind_envoy(around, folder, own) if proxied else contextlib.nullcontext(own) as target,
    ):
        _load(target, 2.0)
        for kind in kinds:
            found = compare(target, f"127.0.0.1:{target.port}", kind, generator, seconds)
            print(found.row, flush=True)
            total.beside_loop += found.beside_loop
            total.beside_flood += found.beside_flood
        survived = _survived(server, memory)
    print(total.row)
    loop, flood = (percentile(sorted(each), 0.99) for each in (total.beside_loop, total.beside_flood))
    return survived and flood <= _WORST_RATIO * loop


def _survived(server: Server, memory: Cgroup) -> bool:
    """Print the peak memory. Return whether the gateway still runs and did not reach its limit."""
    peak, reached = server.peak_memory(), memory.read("memory.failcnt")
    print(f"peak memory of the gateway: {peak / 2**20:.0f} MiB; its limit was reached {reached} times")
    return server.alive and not reached


def _in_namespace(arguments: Sequence[str]) -> int:
    """Run this module in a network namespace of its own, with the shipped firewall rules."""
    script = f'ip link set lo up && nft -f {tools.ROOT / "deploy/envoy/nftables.conf"} && exec "$@"'
    command = (sys.executable, "-m", "tests.bench.peer_floods", *arguments)
    environment = {**os.environ, _INSIDE: "1"}
    return subprocess.run(
        ("unshare", "--net", "sh", "-c", script, "sh", *command), env=environment, check=False
    ).returncode


def main() -> int:
    """Run all floods."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each flood")
    parser.add_argument("--only", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument(
        "--envoy", action="store_true", help="with the Envoy and firewall configurations of deploy/envoy"
    )
    given = parser.parse_args()
    if given.envoy and not os.environ.get(_INSIDE):
        return _in_namespace(sys.argv[1:])
    leave_nothing_behind()
    with scratch() as folder:
        return 0 if measure(folder, given.only, given.seconds, proxied=given.envoy) else 1


if __name__ == "__main__":
    sys.exit(main())
