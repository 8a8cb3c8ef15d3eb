"""The workers of a running gateway, and clients with the documented settings or with none."""

import ast
import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc
from tests.support.processes import Process
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "clients/python/examples/resilient.py"
KEY = "providers/nhn-keys/keys/orders-key"
_CALL_SECONDS = 20.0


def documented_options() -> Sequence[tuple[str, Any]]:
    """Return the channel options of the example."""
    (value,) = (
        node.value
        for node in ast.parse(EXAMPLE.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OPTIONS"
    )
    options: Sequence[tuple[str, Any]] = eval(
        ast.unparse(value), {"SERVICE_CONFIG": ROOT / "clients/service-config.json"}
    )
    return options


OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
"""The options of a default channel."""


def worker_pids(supervisor: int) -> set[int]:
    """Return the process ids of the workers, including those that are not ready yet."""
    return {pid for pid in _children(supervisor) if b"gateway.workers" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def children_running(module: str, parent: int | None = None) -> set[int]:
    """Return the process ids of the children that run this module, by default of this process."""
    line = f"-m\0{module}\0".encode()
    return {pid for pid in _children(parent or os.getpid()) if line in Path(f"/proc/{pid}/cmdline").read_bytes()}


def zombies_of(supervisor: int) -> set[int]:
    """Return the ended children that the process has not waited for."""
    return {pid for pid in _children(supervisor) if _ended(pid)}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ended(pid: int) -> bool:
    """Return whether the process has ended, also if its parent has not waited for it."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


async def serving(process: Process, times: int) -> None:
    """Wait until workers have started to serve this many times since the start of the gateway."""

    async def enough() -> bool:
        return process.events().count("serving") >= times

    await eventually(enough)


async def gone(*pids: int) -> None:
    """Wait until the processes have ended."""

    async def ended() -> bool:
        return all(map(_ended, pids))

    await eventually(ended)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


class Load:
    """Callers that encrypt without a pause over `channels` separate connections.

    `async with Load(…) as load: …`. answered and failed: the results of the calls.
    """

    def __init__(
        self,
        address: str,
        options: Sequence[tuple[str, Any]],
        *,
        channels: int,
        callers: int,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._address = address
        self._options = options
        self._channels = channels
        self._callers = callers
        self._credentials = credentials
        self._stopping = False
        self.answered = 0
        self.failed: Counter[grpc.StatusCode] = Counter()

    async def __aenter__(self) -> Self:
        self._exits = contextlib.AsyncExitStack()
        self._tasks = []
        for _ in range(self._channels):
            channel = await self._exits.enter_async_context(self._channel())
            stub = key_service_pb2_grpc.KeyServiceStub(channel)
            self._tasks += [asyncio.create_task(self._call(stub)) for _ in range(self._callers)]
        await self.more(2 * len(self._tasks))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)
        await self._exits.aclose()

    async def more(self, calls: int) -> None:
        """Wait until this many more calls are answered."""
        wanted = self.answered + calls

        async def reached() -> bool:
            return self.answered >= wanted

        await eventually(reached)

    @contextlib.asynccontextmanager
    async def _channel(self) -> AsyncIterator[grpc.aio.Channel]:
        if self._credentials is None:
            async with grpc.aio.insecure_channel(self._address, options=self._options) as channel:
                yield channel
        else:
            async with grpc.aio.secure_channel(self._address, self._credentials, options=self._options) as channel:
                yield channel

    async def _call(self, stub: "key_service_pb2_grpc.KeyServiceAsyncStub") -> None:
        while not self._stopping:
            try:
                await stub.Encrypt(keys.EncryptRequest(name=KEY, plaintext=b"x"), timeout=_CALL_SECONDS)
            except grpc.aio.AioRpcError as error:
                self.failed[error.code()] += 1
                await asyncio.sleep(0.01)
            else:
                self.answered += 1
