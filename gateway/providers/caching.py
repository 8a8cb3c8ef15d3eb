"""The response cache of one provider. It also combines equal concurrent reads into one upstream request.

The cache holds only what the contract marks as cacheable: lists and metadata of certificates, and public keys. It never
holds a secret, a private key, or a response to a request with a password. Authorization, rate limits, and auditing come
before the cache, so they apply to cached responses too.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from gateway.call_context import CallContext
from gateway.contract.descriptors import secret_fields
from gateway.contract.methods import CACHEABLE, METHODS
from gateway.errors import GatewayError, UpstreamError
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.base.settings import CacheSettings
from gateway.upstream import outcomes

Operation = Callable[..., Awaitable[Any]]

_OVERHEAD_BYTES: Final = 512
"""The approximate memory of a message in addition to its content."""

_UPSTREAM_DOWN: Final = frozenset(
    {
        outcomes.UNREACHABLE,
        outcomes.CONNECTION_LOST,
        outcomes.TIMEOUT,
        outcomes.CIRCUIT_OPEN,
        outcomes.BUSY,
        outcomes.UNAVAILABLE,
    }
)
"""Failures after which an expired response is better than none."""


@dataclass(slots=True)
class _CacheEntry:
    """A response, the time when it was stored, and its approximate size in bytes."""

    response: Any
    stored_at: float
    size: int


@dataclass(slots=True)
class _PendingRead:
    """A read that is in progress, and the number of callers that wait for it. background: see `CallContext`."""

    task: asyncio.Task[Any]
    background: bool
    waiting: int = 0


class ReadCache:
    """The cached responses of one provider.

    timeout: seconds for a read that several callers share. clock: a monotonic clock.
    """

    def __init__(
        self, provider: str, settings: CacheSettings, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._timeout = timeout
        self._clock = clock
        self._entries: OrderedDict[Hashable, _CacheEntry] = OrderedDict()
        self._pending: dict[Hashable, _PendingRead] = {}
        self._generation = 0
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def wrap(self, operations: Mapping[str, Operation]) -> Mapping[str, Operation]:
        """Return the operations with caching: reads use the cache, and state-changing operations clear it."""
        return {name: self._wrap(name, operation) for name, operation in operations.items()}

    def _wrap(self, name: str, operation: Operation) -> Operation:
        if name in CACHEABLE:
            return self._cached_read(name, operation)
        return self._invalidating(operation) if name in _STATE_CHANGING else operation

    def _cached_read(self, name: str, operation: Operation) -> Operation:
        async def read(request: Any, call: CallContext) -> Any:
            key = _key(name, request)
            if key is None:
                return await operation(request, call)
            entry = self._entries.get(key)
            if entry is not None and not call.fresh and self._clock() - entry.stored_at < self._settings.ttl:
                self.hits += 1
                return entry.response
            self.misses += 1
            try:
                return await self._shared_read(key, operation, request, call)
            except UpstreamError as error:
                if error.kind not in _UPSTREAM_DOWN or call.fresh:
                    raise
                return self._stale(key, call, error)

        return read

    def _invalidating(self, operation: Operation) -> Operation:
        async def change(request: Any, call: CallContext) -> Any:
            try:
                return await operation(request, call)
            finally:
                # Clear it after failures too, because the change may have taken effect. Pending reads are not stored.
                self._generation += 1
                self._entries.clear()
                self.bytes = 0

        return change

    async def _shared_read(self, key: Hashable, operation: Operation, request: Any, call: CallContext) -> Any:
        """Return the response of the upstream, shared by concurrent callers. Each waits until its own deadline at most.

        Callers that start after a change do not share an earlier read. Callers do not share the read of a background
        call, because it is not retried. When the last caller leaves, the read is canceled, because it would occupy a
        connection that no caller's limits cover.
        """
        shared = self._generation, key
        pending = self._pending.get(shared)
        if pending is None or call.fresh or (pending.background and not call.background):
            task = asyncio.create_task(self._read(shared, operation, request, call))
            task.add_done_callback(_retrieve_exception)
            pending = self._pending[shared] = _PendingRead(task, call.background)
        pending.waiting += 1
        try:
            async with asyncio.timeout(call.remaining()):
                return await asyncio.shield(pending.task)
        except TimeoutError:
            message = f"provider {self._provider} did not respond in time"
            raise UpstreamError(outcomes.TIMEOUT, message, provider=self._provider) from None
        finally:
            pending.waiting -= 1
            if not pending.waiting or pending.task.done():
                pending.task.cancel()
                if self._pending.get(shared) is pending:
                    del self._pending[shared]

    async def _read(self, shared: tuple[int, Hashable], operation: Operation, request: Any, first: CallContext) -> Any:
        # The read has its own deadline, because the first caller can give up while others still wait.
        call = first.shared(time.monotonic() + self._timeout)
        try:
            response = await operation(request, call)
        except GatewayError as error:
            raise error.with_traceback(None)  # noqa: B904 - the same exception
        generation, key = shared
        latest = self._pending.get(shared)
        # A read that started before a change, or before a newer read, can be older than the stored response.
        if generation == self._generation and latest is not None and latest.task is asyncio.current_task():
            self._store(key, response)
        return response

    def _store(self, key: Hashable, response: Any) -> None:
        """Store a response, and remove the oldest ones if the cache is full."""
        before = self._entries.pop(key, None)
        entry = self._entries[key] = _CacheEntry(response, self._clock(), _size(key, response))
        self.bytes += entry.size - (before.size if before is not None else 0)
        while self.bytes > self._settings.maximum_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.bytes -= oldest.size

    def _stale(self, key: Hashable, call: CallContext, error: UpstreamError) -> Any:
        entry = self._entries.get(key)
        if entry is None:
            raise error
        age = self._clock() - entry.stored_at
        if age >= self._settings.ttl + self._settings.stale:
            raise error
        call.stale_seconds = max(age, call.stale_seconds or 0.0)
        return entry.response


def _retrieve_exception(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()  # callers that still wait receive it; without callers it is not an error


def _size(key: Hashable, response: Any) -> int:
    """Return the size of an entry with its key, which can contain large unknown fields."""
    key_bytes = sum(len(part) for part in key if isinstance(part, bytes)) if isinstance(key, tuple) else 0
    messages = response.certificates if isinstance(response, CertificatePage) else (response,)
    return key_bytes + _OVERHEAD_BYTES + sum(_OVERHEAD_BYTES + message.ByteSize() for message in messages)


_STATE_CHANGING: Final = frozenset(method.operation for method in METHODS if method.state_changing)
_SECRET_FIELDS: Final = {
    method.operation: tuple(secret_fields(method.request.DESCRIPTOR))
    for method in METHODS
    if method.operation in CACHEABLE
}


def _key(name: str, request: Any) -> Hashable | None:
    """Return the key of a read; None if its response must not be stored."""
    if isinstance(request, ListWindow):
        return name, request
    assert isinstance(request, Message)
    if any(getattr(request, field) for field in _SECRET_FIELDS[name]):
        return None
    return name, request.SerializeToString(deterministic=True)
