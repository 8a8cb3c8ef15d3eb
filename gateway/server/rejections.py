"""Audit records and delays for calls that end before authentication.

An unauthenticated peer could fill the journal with one record per call. Instead, rejections are counted: one record per
peer, reason, and second. `tarpit.py` delays the responses when there are many.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.audit import events
from gateway.audit.call_facts import CallSource
from gateway.server.peer_network import peer_host
from gateway.server.rpc_context import RpcContext
from gateway.server.tarpit import Tarpit

_INTERVAL_SECONDS: Final = 1.0
_MAXIMUM_COUNTS: Final = 64
"""Maximum records per second, by peer and reason. Further peers share one record per reason."""

UNKNOWN_METHOD: Final = "unknown"

Append = Callable[[bytes], object]
"""Appends an event to the journal. Raises an exception if the journal cannot take it now."""


class Rejection(NamedTuple):
    """Why a call is rejected. code: the name of the gRPC status. reason: the published reason."""

    code: str
    reason: str


@dataclass(slots=True)
class _Count:
    first: float
    last: float
    methods: dict[str, int] = field(default_factory=dict)


class Rejections:
    """Counts rejections. append: receives the events. failed: the exception that `append` raises if it fails."""

    def __init__(self, append: Append, failed: type[Exception], tarpit: Tarpit | None = None) -> None:
        self._append = append
        self._failed = failed
        self._tarpit = tarpit or Tarpit()
        self._counts: OrderedDict[tuple[str, Rejection], _Count] = OrderedDict()
        self._flush_timer: asyncio.TimerHandle | None = None

    def count(self, call: RpcContext, rejection: Rejection) -> None:
        """Count the rejection of a call."""
        self._count(peer_host(call.source.address), rejection, call.method.full_name)

    async def count_and_delay(self, call: RpcContext, rejection: Rejection) -> None:
        """Count the rejection of a call, and return when the gateway may respond."""
        self.count(call, rejection)
        await self._tarpit.delay_response(peer_host(call.source.address))

    async def count_and_delay_stream(self, source: CallSource, rejection: Rejection, method: str) -> None:
        """Count the rejection of a stream of a surface, and return when the gateway may respond."""
        host = peer_host(source.address)
        self._count(host, rejection, method)
        await self._tarpit.delay_response(host)

    async def count_unknown_method(self, source: CallSource) -> None:
        """Count a call to an unknown method, and return when the gateway may respond.

        The record does not contain the method's name, because the peer can choose any number of names.
        """
        host = peer_host(source.address)
        self._count(host, Rejection("UNIMPLEMENTED", "UNIMPLEMENTED"), UNKNOWN_METHOD)
        await self._tarpit.delay_response(host)

    def stop_delaying(self) -> None:
        """Release all delayed responses, and delay no more."""
        self._tarpit.stop()

    def flush(self) -> None:
        """Append the counts to the journal. Counts that it cannot take are kept for the next attempt."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        while self._counts:
            (peer, rejection), count = next(iter(self._counts.items()))
            event = events.refusals(peer, *rejection, first=count.first, last=count.last, methods=count.methods)
            try:
                self._append(event)
            except self._failed:
                self._schedule_flush()
                return
            self._counts.popitem(last=False)

    def _count(self, host: str, rejection: Rejection, method: str) -> None:
        key = (host, rejection)
        if key not in self._counts and len(self._counts) >= _MAXIMUM_COUNTS:
            key = ("", rejection)
        now = time.time()
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(now, now)
        count.last = now
        count.methods[method] = count.methods.get(method, 0) + 1
        if self._flush_timer is None:
            self._schedule_flush()

    def _schedule_flush(self) -> None:
        self._flush_timer = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self.flush)
