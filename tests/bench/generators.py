"""Load generators that are native programs: how to call them and how to read their output.

h2load uses the least CPU, which it shares with the measured server. It does not know gRPC statuses or client
certificates. Failures are detected by the number of bytes received, because a failed call has no message.
"""

import datetime as dt
import json
import os
import re
import resource
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor

from keyway.v1 import key_service_pb2
from tests.bench.target import Target

CONNECTIONS: Final = {1: 1, 4: 1, 16: 4, 32: 4, 64: 8, 256: 16, 1024: 64}
"""HTTP/2 connections per concurrency level: several callers, each with several calls on one connection."""
_FRAME: Final = 5
_GRACE_SECONDS: Final = 60.0
_RAMP_SECONDS: Final = 1.0


class LoadError(Exception):
    """The generator or a call failed."""


@dataclass(frozen=True, slots=True)
class Load:
    """Result of a load. p50, p99: seconds. cpu: CPU seconds of the generator. durations: of all calls, in order."""

    calls: int
    seconds: float
    p50: float
    p99: float
    cpu: float
    durations: Sequence[float] = field(default=(), repr=False, compare=False)


def framed(message: bytes) -> bytes:
    """A message in gRPC framing: uncompressed flag, length, message."""
    return struct.pack(">BI", 0, len(message)) + message


class H2load:
    """h2load: HTTP/2 with gRPC headers, or HTTP/1.1."""

    name = "h2load"

    def __init__(self, program: Path) -> None:
        self._program = program

    def run(self, target: Target, concurrency: int, seconds: float, rate: float | None = None) -> Load:
        """Keep this many calls in progress for the given time; with a rate, at most so many, started at that rate."""
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            command = [*self._command(target, Path(folder), concurrency), f"--log-file={log}"]
            if rate is not None:
                command.append(f"--rps={rate / CONNECTIONS[concurrency]:.0f}")
            output, cpu = _output([*command, f"--duration={round(seconds * 1000)}ms", target.url], seconds)
            durations = sorted(_durations(log.read_text()))
        return _read_h2load(output, durations, target, concurrency, cpu)

    def _command(self, target: Target, folder: Path, concurrency: int) -> list[str]:
        connections = CONNECTIONS.get(concurrency, 1) if target.grpc else concurrency
        command = [str(self._program), "-t1", f"-c{connections}", f"-m{concurrency // connections}"]
        if target.body:
            data = folder / "body"
            data.write_bytes(framed(target.body) if target.grpc else target.body)
            command.append(f"--data={data}")
        command += ["-Hcontent-type: application/grpc", "-Hte: trailers"] if target.grpc else ["--h1"]
        command += [f"-H{name}: {value}" for name, value in target.headers.items()]
        return command


def _durations(log: str) -> list[float]:
    """Seconds of each request in h2load's log: start, status, microseconds."""
    rows = (line.split("\t") for line in log.splitlines())
    return [int(row[2]) / 1e6 for row in rows if len(row) >= 3 and row[1].startswith("2")]


_FINISHED: Final = re.compile(r"finished in ([0-9.]+)(us|ms|s)")
_REQUESTS: Final = re.compile(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")
_STATUSES: Final = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
_DATA: Final = re.compile(r"traffic: .* \((\d+)\) data")
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def _read_h2load(output: str, durations: list[float], target: Target, concurrency: int, cpu: float) -> Load:
    finished, requests = _FINISHED.search(output), _REQUESTS.search(output)
    statuses, data = _STATUSES.search(output), _DATA.search(output)
    if not (finished and requests and statuses and data):
        raise LoadError(f"unexpected output of h2load: {output[-500:]}")
    calls, good = int(requests[1]), int(statuses[1])
    others = sum(int(statuses[group]) for group in (2, 3, 4))
    if others or int(requests[4]) or not calls:
        raise LoadError(f"of {calls} calls, {others} returned a status other than 2xx and {requests[4]} failed")
    if target.grpc and target.answer is not None:
        # Calls cut off at the end may already have their response, so more bytes are possible, but not fewer.
        expected = good * (_FRAME + len(target.answer))
        spare = concurrency * (_FRAME + len(target.answer))
        if not expected <= int(data[1]) <= expected + spare:
            raise LoadError(f"expected {expected} response bytes for {good} calls, received {data[1]}")
    seconds = float(finished[1]) * _UNITS[finished[2]]
    return Load(calls, seconds, percentile(durations, 0.5), percentile(durations, 0.99), cpu, durations)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Percentile of sorted values; 0 for an empty sequence."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Ghz:
    """ghz: gRPC only. Knows statuses and client certificates, and uses more CPU than most servers here."""

    name = "ghz"

    def __init__(self, program: Path) -> None:
        self._program = program

    def run(
        self, target: Target, concurrency: int, seconds: float, rate: float | None = None, *, steady: bool = False
    ) -> Load:
        """Like H2load.run, or `rate` calls per second at even intervals with at most this many in progress.

        h2load supports rates too, but starts calls in groups, at most a hundred times per second.

        steady: latencies without the generator's own pauses. One additional second at the start, in which connections
        are made, is excluded, and the generator's garbage collector is off; use it for a few seconds only.
        """
        ramp = _RAMP_SECONDS if steady else 0.0
        seconds += ramp
        with tempfile.TemporaryDirectory() as folder:
            command = self._command(target, Path(folder), concurrency, rate)
            output, cpu = _output(
                [*command, f"--duration={round(seconds * 1000)}ms", f"127.0.0.1:{target.port}"],
                seconds,
                {"GOGC": "off"} if steady else {},
            )
        return _read_ghz(json.loads(output), cpu, ramp)

    def _command(self, target: Target, folder: Path, concurrency: int, rate: float | None) -> list[str]:
        (folder / "body").write_bytes(target.body)
        (folder / "protoset").write_bytes(_descriptors())
        (folder / "metadata.json").write_text(json.dumps(dict(target.headers)))
        command = [
            str(self._program),
            f"--protoset={folder / 'protoset'}",
            f"--call={target.path.removeprefix('/').replace('/', '.')}",
            f"--binary-file={folder / 'body'}",
            f"--concurrency={concurrency}",
            f"--connections={CONNECTIONS.get(concurrency, 1)}",
            f"--metadata-file={folder / 'metadata.json'}",
            "--duration-stop=wait",
            "--format=json",
        ]
        command += ["--insecure"] if target.authority is None else [f"--cacert={target.authority}"]
        if target.client is not None:
            command += [f"--cert={target.client[0]}", f"--key={target.client[1]}"]
        if rate is not None:
            command.append(f"--rps={round(rate)}")
        return command


def _read_ghz(report: Any, cpu: float, ramp: float = 0.0) -> Load:
    """ramp: seconds at the beginning whose calls are counted without their latencies."""
    statuses = report.get("statusCodeDistribution") or {}
    if set(statuses) != {"OK"}:
        raise LoadError(f"calls failed: {statuses} {report.get('errorDistribution')}")
    calls = [_call(call) for call in report["details"]]
    first = min(began for began, _ in calls)
    durations = sorted(seconds for began, seconds in calls if began >= first + ramp)
    p50, p99 = percentile(durations, 0.50), percentile(durations, 0.99)
    return Load(statuses["OK"], report["total"] / 1e9, p50, p99, cpu, durations)


def _call(detail: Any) -> tuple[float, float]:
    """Start time and duration of a call. ghz records the end time."""
    seconds = detail["latency"] / 1e9
    return dt.datetime.fromisoformat(detail["timestamp"]).timestamp() - seconds, seconds


def _descriptors() -> bytes:
    """The contract and its imports as a descriptor set."""
    files: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        files.setdefault(file.name, file)

    add(key_service_pb2.DESCRIPTOR)
    found = descriptor_pb2.FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(found.file.add())
    return found.SerializeToString()


def _output(command: list[str], seconds: float, environment: Mapping[str, str] | None = None) -> tuple[str, float]:
    """Run a generator; return its output and CPU seconds. environment: additional variables."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds + _GRACE_SECONDS,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"{Path(command[0]).name} did not end") from error
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise LoadError(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
