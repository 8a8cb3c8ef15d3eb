"""Reads of upstreams that several nodes share. Each node's call is authorized and recorded, and one of them reads.

The result of a read is dropped when nobody waits for it. During a push, it is kept until the push ends.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator

from google.protobuf.message import Message

from gateway.call_context import CallContext
from gateway.contract.methods import Method
from gateway.server.method_handler import Operation

_Read = tuple[str, str, bytes]
"""The resource, the operation, and the request."""


class SharedReads:
    """Shares the reads of operations. seconds: the deadline of a read, which is not that of the call that starts it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._reads: dict[_Read, asyncio.Task[Message]] = {}
        self._pushes: dict[str, int] = {}

    def operation(self, method: Method, read: Operation) -> Operation:
        """Return an operation that shares the results of `read`."""
        field = method.name_field
        assert field is not None

        async def share(request: Message, call: CallContext) -> Message:
            key = (_resource(getattr(request, field)), method.operation, request.SerializeToString(deterministic=True))
            task = self._reads.get(key)
            if task is None:
                task = self._begin(key, read, request, call)
            # A node that disconnects must not end the read of the others.
            return await asyncio.shield(task)

        return share

    @contextlib.contextmanager
    def push(self, resource: str) -> Iterator[None]:
        """Keep the results of reads of a resource until the end of the block. Earlier reads are not used."""
        self._forget(resource)
        self._pushes[resource] = self._pushes.get(resource, 0) + 1
        try:
            yield
        finally:
            self._pushes[resource] -= 1
            if not self._pushes[resource]:
                del self._pushes[resource]
                self._forget(resource)

    def pushing(self, resource: str) -> bool:
        """Return whether a push of the resource is in progress."""
        return resource in self._pushes

    def _begin(self, key: _Read, read: Operation, request: Message, call: CallContext) -> asyncio.Task[Message]:
        context = call.shared(time.monotonic() + self._seconds)
        task = self._reads[key] = asyncio.create_task(_run(read, request, context))
        task.add_done_callback(lambda _: self._ended(key, task))
        return task

    def _ended(self, key: _Read, task: asyncio.Task[Message]) -> None:
        if key[0] not in self._pushes and self._reads.get(key) is task:
            del self._reads[key]
        if not task.cancelled():
            task.exception()  # all nodes can have disconnected, so nobody may have received it

    def _forget(self, resource: str) -> None:
        for key in [key for key in self._reads if key[0] == resource]:
            del self._reads[key]


async def _run(read: Operation, request: Message, call: CallContext) -> Message:
    return await read(request, call)


def _resource(name: str) -> str:
    """Return the certificate or the trust store that a name belongs to."""
    return "/".join(name.split("/", 4)[:4])
