"""Answers to reads that need no upstream: kept for a while, and asked for once where many ask at the same time.

Only what the contract lets anybody keep: lists and metadata of certificates, and public keys. Never a secret, a private
key, or an answer to a request that carried a password. Policy, limits and the record stand before this: a call that is
answered from here is decided and recorded like any other.
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
"""What a message takes beside its content, about."""

_DOWN: Final = frozenset(
    {
        outcomes.UNREACHABLE,
        outcomes.CONNECTION_LOST,
        outcomes.TIMEOUT,
        outcomes.CIRCUIT_OPEN,
        outcomes.BUSY,
        outcomes.UNAVAILABLE,
    }
)
"""Failures that tell nothing of what was asked for: an answer from before is better than none."""


@dataclass(slots=True)
class _Kept:
    """An answer, when it was given, and about how many bytes it takes."""

    answer: Any
    moment: float
    size: int


@dataclass(slots=True)
class _Question:
    """What the upstream is being asked for, and by how many who wait for it."""

    task: asyncio.Task[Any]
    waiting: int = 0


class ReadCache:
    """The answers of one provider. timeout: seconds for a question that several wait for. clock: only grows."""

    def __init__(
        self, provider: str, settings: CacheSettings, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._timeout = timeout
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._asking: dict[Hashable, _Question] = {}
        self._generation = 0
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def wrap(self, operations: Mapping[str, Operation]) -> Mapping[str, Operation]:
        """The provider's operations: reads through the cache, and changes that empty it."""
        return {name: self._wrapped(name, operation) for name, operation in operations.items()}

    def _wrapped(self, name: str, operation: Operation) -> Operation:
        if name in CACHEABLE:
            return self._reading(name, operation)
        return self._changing(operation) if name in _CHANGING else operation

    def _reading(self, name: str, operation: Operation) -> Operation:
        async def read(request: Any, call: CallContext) -> Any:
            key = _key(name, request)
            if key is None:
                return await operation(request, call)
            kept = self._kept.get(key)
            if kept is not None and not call.fresh and self._clock() - kept.moment < self._settings.ttl:
                self.hits += 1
                return kept.answer
            self.misses += 1
            try:
                return await self._asked(key, operation, request, call)
            except UpstreamError as error:
                if error.kind not in _DOWN or call.fresh:
                    raise
                return self._stale(key, call, error)

        return read

    def _changing(self, operation: Operation) -> Operation:
        async def change(request: Any, call: CallContext) -> Any:
            try:
                return await operation(request, call)
            finally:
                # Also where it failed: it may have taken effect. What is being asked for at this moment is not kept.
                self._generation += 1
                self._kept.clear()
                self.bytes = 0

        return change

    async def _asked(self, key: Hashable, operation: Operation, request: Any, call: CallContext) -> Any:
        """The upstream's answer, shared by those who ask at the same time. None waits beyond its own deadline.

        Not by those who ask after a change: it may be from before. Who is the last to leave ends the question: it
        would hold a place at the upstream, beyond what its caller's limits allow.
        """
        shared = self._generation, key
        question = self._asking.get(shared)
        if question is None or call.fresh:
            task = asyncio.create_task(self._ask(shared, operation, request, call))
            task.add_done_callback(_seen)
            question = self._asking[shared] = _Question(task)
        question.waiting += 1
        try:
            async with asyncio.timeout(call.remaining()):
                return await asyncio.shield(question.task)
        except TimeoutError:
            message = f"provider {self._provider} did not answer in time"
            raise UpstreamError(outcomes.TIMEOUT, message, provider=self._provider) from None
        finally:
            question.waiting -= 1
            if not question.waiting or question.task.done():
                question.task.cancel()
                if self._asking.get(shared) is question:
                    del self._asking[shared]

    async def _ask(
        self, shared: tuple[int, Hashable], operation: Operation, request: Any, asked_by: CallContext
    ) -> Any:
        # The first caller may give up while others still wait: its deadline is not that of the question.
        call = asked_by.shared(time.monotonic() + self._timeout)
        try:
            answer = await operation(request, call)
        except GatewayError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same
        generation, key = shared
        latest = self._asking.get(shared)
        # What was asked for before a change, or before somebody wanted a fresh one, may be older than what is kept.
        if generation == self._generation and latest is not None and latest.task is asyncio.current_task():
            self._keep(key, answer)
        return answer

    def _keep(self, key: Hashable, answer: Any) -> None:
        """In the place of the oldest ones, where there is no room."""
        before = self._kept.pop(key, None)
        kept = self._kept[key] = _Kept(answer, self._clock(), _size(key, answer))
        self.bytes += kept.size - (before.size if before is not None else 0)
        while self.bytes > self._settings.maximum_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.bytes -= oldest.size

    def _stale(self, key: Hashable, call: CallContext, error: UpstreamError) -> Any:
        kept = self._kept.get(key)
        if kept is None:
            raise error
        age = self._clock() - kept.moment
        if age >= self._settings.ttl + self._settings.stale:
            raise error
        call.stale_seconds = max(age, call.stale_seconds or 0.0)
        return kept.answer


def _seen(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()  # whoever still waits has it; where nobody does, that is no fault


def _size(key: Hashable, answer: Any) -> int:
    """With the question, which may hold much that the contract does not know."""
    asked = sum(len(part) for part in key if isinstance(part, bytes)) if isinstance(key, tuple) else 0
    messages = answer.certificates if isinstance(answer, CertificatePage) else (answer,)
    return asked + _OVERHEAD_BYTES + sum(_OVERHEAD_BYTES + message.ByteSize() for message in messages)


_CHANGING: Final = frozenset(method.operation for method in METHODS if method.state_changing)
_PASSWORDS: Final = {
    method.operation: tuple(secret_fields(method.request.DESCRIPTOR))
    for method in METHODS
    if method.operation in CACHEABLE
}


def _key(name: str, request: Any) -> Hashable | None:
    """What tells a question apart; None for one whose answer must not be kept."""
    if isinstance(request, ListWindow):
        return name, request
    assert isinstance(request, Message)
    if any(getattr(request, field) for field in _PASSWORDS[name]):
        return None
    return name, request.SerializeToString(deterministic=True)
