"""The parts of long runs: the failing upstream, the callers, and the resource counts."""

import asyncio
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.bench.callers import GIVEN_UP, Callers
from tests.bench.failing_upstream import FailingUpstream, Health
from tests.bench.resource_usage import MemoryLog, ResourceUsage, processes, settled
from tests.bench.soak_report import Memory, SoakResults, verdicts
from tests.bench.target import Target
from tests.bench.verdicts import Verdict, all_met
from tests.support.waiting import eventually

_REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


async def test_the_upstream_fails_as_configured() -> None:
    async def ask(upstream: FailingUpstream) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        try:
            writer.write(_REQUEST)
            return await asyncio.wait_for(reader.readline(), 0.2)
        finally:
            writer.close()

    async with FailingUpstream(b"{}") as upstream:
        assert await ask(upstream) == b"HTTP/1.1 200 OK\r\n"
        await upstream.become(Health.OVERLOADED)
        assert b"503" in await ask(upstream)
        for health, error in (
            (Health.REFUSING, ConnectionRefusedError),
            (Health.HANGING, TimeoutError),
            (Health.RESETTING, ConnectionResetError),
        ):
            await upstream.become(health)
            with pytest.raises(error):
                await ask(upstream)
        await upstream.become(Health.HEALTHY)
        assert await ask(upstream) == b"HTTP/1.1 200 OK\r\n"


async def test_callers_record_every_call() -> None:
    """Every call has a result: answered, rejected, timed out, or canceled."""
    answers = iter(("OK", "OK", "refused"))

    async def answer(request: bytes, context: Any) -> bytes:
        behavior = next(answers, "nothing")
        if behavior == "refused":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "no")
        if behavior == "nothing":
            await asyncio.Event().wait()
        return b""

    class Service(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Service(),))
    target = Target(server.add_insecure_port("127.0.0.1:0"), "/a/b", b"", grpc=True)
    await server.start()
    async with Callers(target, b"", rate=200, deadline=0.2) as callers:

        async def enough() -> bool:
            return len(callers.ended) > 4

        await eventually(enough, 5)
    assert callers.lost == 0
    assert [one.code for one in callers.ended][:3] == ["OK", "OK", "UNAVAILABLE"]
    assert {one.code for one in callers.ended[3:]} == {"DEADLINE_EXCEEDED"}
    async with Callers(target, b"", rate=200, deadline=5, given_up=1.0) as leaving:

        async def one_left() -> bool:
            return bool(leaving.ended)

        await eventually(one_left, 5)
    assert leaving.lost == 0
    assert {one.code for one in leaving.ended} == {GIVEN_UP}
    await server.stop(None)


_WAITING = """
import asyncio, gc, subprocess, sys

async def main(number):
    tasks = [asyncio.create_task(asyncio.sleep(600)) for _ in range(number)]
    asyncio.get_running_loop().call_later(0.01, ready)
    await asyncio.wait(tasks)

def ready():
    gc.freeze()
    print("ready", flush=True)
    tick()

def tick():  # like a server, which never waits without a timer: a signal is handled when the event loop runs
    asyncio.get_running_loop().call_later(0.05, tick)

if sys.argv[1:] == ["child"]:
    asyncio.run(main(3))
child = subprocess.Popen([sys.executable, "-m", "gateway.waiting", "child"], stdout=subprocess.PIPE)
child.stdout.readline()
asyncio.run(main(7))
"""


def test_a_wrapped_program_and_its_children_report_their_tasks(tmp_path: Path) -> None:
    """Waiting tasks are counted, including tasks that were frozen out of garbage collection."""
    package = tmp_path / "code" / "gateway"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "waiting.py").write_text(_WAITING)
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "tests.bench.counted", str(tmp_path), "gateway.waiting"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(package.parent), root))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=package.parent, env=environment) as process:
        children: list[int] = []
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            children = [pid for pid in processes(process.pid) if pid != process.pid]
            found = asyncio.run(settled(process.pid, tmp_path, longest=0))
        finally:
            for pid in (*children, process.pid):
                os.kill(pid, signal.SIGKILL)
    own, child = (found[pid] for pid in (process.pid, *children))
    assert (own.name, child.name) == ("gateway", "gateway.waiting")
    for one, tasks in ((own, 7), (child, 3)):
        assert one.files >= 3
        # Each of the tasks has a future of its own, and so does the program's main task.
        pending = dict(one.pending)
        assert (pending.pop("sleep"), pending.pop("main")) == (tasks, 1)
        assert all(name.startswith("future held by ") and "Task" in name for name in pending)
        assert sum(pending.values()) == tasks + 1


def test_the_memory_of_each_process_is_sampled_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ended:
        log = MemoryLog((os.getpid(), ended.pid))
        log.sample()
        ended.communicate(b"\n")
    log.sample()
    assert [len(samples) for samples in log.samples.values()] == [2, 1]
    assert log.median(os.getpid(), 0, 1) > 2**20
    assert math.isnan(MemoryLog((1,)).median(1, 0, 1))


def _usage(**different: Any) -> ResourceUsage:
    usual: dict[str, Any] = {"name": "w", "files": 9, "threads": 4, "pending": Counter({"sleep": 2}), "objects": 7}
    return ResourceUsage(**{**usual, **different})


def _after(**different: Any) -> Mapping[int, ResourceUsage]:
    """Return the resources after the run. different: the resources of the worker that changed."""
    return {1: _usage(name="gateway"), 2: _usage(**different)}


def _soak(**different: Any) -> Sequence[Verdict]:
    """Verdicts on an hour with 90 good calls, with some differences."""
    usual: dict[str, Any] = {
        "steady": 90,
        "most": 100.0,
        "lost": 0,
        "late": 0,
        "ended": Counter({"OK": 10, "UNAVAILABLE": 5}),
        "before": {1: _usage(name="gateway"), 2: _usage()},
        "after": _after(),
        "memory": {1: Memory("gateway", 100.0, 101.0), 2: Memory("w", 100.0, 101.9)},
        "seconds": 3600.0,
    }
    journal = {"good": True, "chains": [{"records": 200, "outcomes": 105, "open": []}]}
    return verdicts(SoakResults(**{**usual, **different}), journal)


def test_a_soak_without_losses_meets_every_verdict() -> None:
    assert [one.what for one in _soak() if not one.met] == []


@pytest.mark.parametrize(
    ("different", "broken"),
    [
        ({"lost": 1}, "calls that ended without a status"),
        ({"ended": Counter({"OK": 10, "strange": 1})}, "calls that ended without a status"),
        ({"late": 1}, "calls that ended more than a second after their deadline"),
        (
            {"memory": {2: Memory("w", 100.0, 102.1)}},
            "w: drift of the resident memory from after the warm-up to the end",
        ),
        ({"after": _after(files=10)}, "files and connections not released"),
        ({"after": _after(pending=Counter({"sleep": 3}))}, "tasks and futures not released"),
        ({"after": _after(threads=9)}, "additional threads of a process"),
        ({"after": {1: _usage(), 3: _usage()}}, "processes that ended or were replaced"),
        ({"steady": 96}, "journal: outcomes per answered call"),
    ],
)
def test_one_process_with_more_resources_or_one_lost_call_breaks_a_verdict(
    different: dict[str, Any], broken: str
) -> None:
    assert [one.what for one in _soak(**different) if not one.met] == [broken]


def test_a_short_soak_permits_more_drift_because_memory_still_grows_after_the_start() -> None:
    memory = {2: Memory("w", 100.0, 104.0)}
    assert not all_met(_soak(memory=memory))
    assert all_met(_soak(memory=memory, seconds=600.0))
