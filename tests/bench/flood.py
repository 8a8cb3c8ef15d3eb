"""The effect of a flood by unauthenticated peers on known callers: `python -m tests.bench.flood`.

Known callers call one gateway with everything on as fast as it responds, alternately without and with a flood from a
separate process. Prints throughput and latencies of the known callers, CPU of the gateway, and growth of the journal.
The exit code is 1 if the known callers lose more than a fifth of their throughput.

The flood runs on the same machine at the lowest priority, so that the measurement shows what the gateway spends on it.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import tools
from tests.bench.competitors import Surroundings
from tests.bench.generators import Ghz, Load, framed
from tests.bench.processes import Server
from tests.bench.run import scratch, surroundings
from tests.bench.target import Target
from tests.bench.whole_gateway import Identity, gateway

_KNOWN_AT_ONCE: Final = 16
_LOWEST_PRIORITY: Final = 19
_SETTLING_SECONDS: Final = 1.0
_WORST_LOSS: Final = 0.2
_SPARE_SECONDS: Final = 10.0
"""Seconds after which a flood ends by itself."""
_HANDSHAKES_RATE: Final = 300
"""Handshakes per second. Only their number limits their cost, because no peer is identified before the handshake."""

FLOODS: Final[Mapping[Identity, Sequence[str]]] = {
    "jwt": ("tokens on 1 connection", "tokens on 64 connections"),
    "mtls": (f"{_HANDSHAKES_RATE} handshakes a second without a certificate",),
}
"""The floods, by identity kind of the listener."""


@dataclass(frozen=True)
class Turn:
    """One measurement. cpu: CPU seconds of the gateway. journal: bytes added to the journal."""

    load: Load
    cpu: float
    journal: int

    @property
    def rate(self) -> float:
        """Calls per second of the known callers."""
        return self.load.calls / self.load.seconds


@contextmanager
def flood(kind: str, target: Target, seconds: float) -> Iterator[None]:
    """Run a flood while the block runs. seconds: the approximate duration."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(framed(target.body))
        body.flush()
        process = subprocess.Popen(
            ("nice", f"-n{_LOWEST_PRIORITY}", *_command(kind, target, body.name, seconds)),
            cwd=tools.ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(_SETTLING_SECONDS)
            if process.poll() is not None:
                raise RuntimeError(f"the flood has ended: {kind}")
            yield
            if process.poll() is not None:
                raise RuntimeError(f"the flood has ended too early: {kind}")
        finally:
            process.kill()
            process.wait()


def _command(kind: str, target: Target, body: str, seconds: float) -> Sequence[str]:
    h2load = str(tools.find().h2load)
    if kind not in FLOODS["jwt"]:
        begun = (f"-r{_HANDSHAKES_RATE // 100}", "--rate-period=10ms")
        number = round(_HANDSHAKES_RATE * (seconds + _SPARE_SECONDS))
        return (h2load, "-t1", f"-n{number}", f"-c{number}", *begun, target.url)
    connections, streams = (1, 500) if "on 1 " in kind else (64, 8)
    return (
        h2load,
        *("-t1", f"-c{connections}", f"-m{streams}", "--duration=600", f"--data={body}"),
        *("-Hcontent-type: application/grpc", "-Hte: trailers", "-Hauthorization: Bearer nobody.knows.this"),
        target.url,
    )


def measure(server: Server, target: Target, folder: Path, seconds: float) -> Turn:
    """Run the known callers for this many seconds."""
    cpu, journal = server.usage().total, _size(folder / "journal")
    load = Ghz(tools.ghz()).run(target, _KNOWN_AT_ONCE, seconds)
    return Turn(load, server.usage().total - cpu, _size(folder / "journal") - journal)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.jsonl"))


def compare(around: Surroundings, folder: Path, kind: str, identity: Identity, *, rounds: int, seconds: float) -> float:
    """Print a row without and a row with the flood; return the share of throughput that known callers lost."""
    alone: list[Turn] = []
    flooded: list[Turn] = []
    with gateway(around, folder, identity) as (server, target):
        measure(server, target, folder, min(seconds, 1.0))
        for _ in range(rounds):
            alone.append(measure(server, target, folder, seconds))
            with flood(kind, target, seconds):
                flooded.append(measure(server, target, folder, seconds))
        memory = server.peak_memory()
    loss = 1 - statistics.median(after.rate / before.rate for before, after in zip(alone, flooded, strict=True))
    _print("without", alone)
    _print(f"with {kind}", flooded)
    print(f"  lost: {loss:.0%} of the calls; peak memory of the gateway: {memory / 2**20:.0f} MiB\n", flush=True)
    return loss


def _print(name: str, turns: Sequence[Turn]) -> None:
    def median(values: Iterator[float]) -> float:
        return statistics.median(values)

    rate = median(turn.rate for turn in turns)
    p50, p99 = (median(getattr(turn.load, each) * 1000 for turn in turns) for each in ("p50", "p99"))
    cpu = median(turn.cpu / turn.load.calls * 1e6 for turn in turns)
    journal = median(turn.journal / turn.load.calls for turn in turns)
    print(
        f"{name:48} {rate:7.0f} calls/s  p50 {p50:6.2f} ms  p99 {p99:6.2f} ms"
        f"  {cpu:5.0f} us CPU and {journal:5.0f} bytes of journal per call"
    )


def main() -> int:
    """Run all floods."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    losses = []
    with scratch() as folder, surroundings(folder) as around:
        for identity, kinds in FLOODS.items():
            for number, kind in enumerate(kinds):
                own = folder / f"{identity}-{number}"
                own.mkdir()
                losses.append(compare(around, own, kind, identity, rounds=given.rounds, seconds=given.seconds))
    return 1 if max(losses) > _WORST_LOSS else 0


if __name__ == "__main__":
    sys.exit(main())
