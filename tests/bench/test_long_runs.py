"""The parts of long runs: the failing upstream, the callers, and the resource counts."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.bench.callers import GIVEN_UP, Callers
from tests.bench.failing_upstream import FailingUpstream, Health
from tests.bench.resource_usage import files
from tests.bench.target import Target
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


def test_a_wrapped_program_reports_its_tasks(tmp_path: Path) -> None:
    """Waiting tasks are counted, including tasks that were frozen out of garbage collection."""
    (tmp_path / "waiting.py").write_text(
        "import asyncio, gc\n"
        "def ready():\n"
        "    gc.freeze()\n"
        "    print('ready', flush=True)\n"
        "async def main():\n"
        "    tasks = [asyncio.create_task(asyncio.sleep(60)) for _ in range(7)]\n"
        "    asyncio.get_running_loop().call_later(0.01, ready)\n"
        "    await asyncio.wait(tasks)\n"
        "asyncio.run(main())\n"
    )
    counts_file = tmp_path / "counts.json"
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "tests.bench.counted", str(counts_file), "waiting"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            assert files(process.pid) >= 3
            process.send_signal(signal.SIGUSR1)
            while not counts_file.exists():
                assert process.poll() is None
        finally:
            process.kill()
    # Each of the seven tasks has a future of its own, and so does the program's main task.
    pending = json.loads(counts_file.read_text())["pending"]
    assert (pending.pop("sleep"), pending.pop("main")) == (7, 1)
    assert all(name.startswith("future held by ") and "Task" in name for name in pending)
    assert sum(pending.values()) == 8
