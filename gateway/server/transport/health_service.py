"""The gRPC health service: the status of the gateway, for probes (Check) and for clients that follow it (Watch).

The service of grpcio-health-checking writes to a watcher while it holds a lock. A watcher that does not read blocks the
other watchers, and every change of the status.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.server.rpc_context import ServicerContext
from gateway.server.transport import stalled_peers
from gateway.server.transport.stalled_peers import WRITE_SECONDS

_Status = Any  # the published types of the enum differ between versions
_STATUS: Final = health_pb2.HealthCheckResponse


class HealthService(health_pb2_grpc.HealthServicer):
    """The status of the whole gateway, which is also the status of each service: NOT_SERVING until `report`."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset(("", *services))
        self._status: _Status = _STATUS.NOT_SERVING
        self._draining = False
        self._changed = asyncio.Event()

    @property
    def serving(self) -> bool:
        """Whether the status is SERVING."""
        return bool(self._status == _STATUS.SERVING)

    def report(self, *, available: bool) -> None:
        """Set the status. Has no effect after `drain`."""
        if not self._draining:
            self._set(_STATUS.SERVING if available else _STATUS.NOT_SERVING)

    def drain(self) -> None:
        """Set the status to NOT_SERVING until the end."""
        self._draining = True
        self._set(_STATUS.NOT_SERVING)

    async def Check(  # noqa: N802 - the name of the method
        self, request: health_pb2.HealthCheckRequest, context: ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Return the status of a service. NOT_FOUND for an unknown service."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND)
        return _STATUS(status=self._status)

    async def Watch(  # noqa: N802 - the name of the method
        self, request: health_pb2.HealthCheckRequest, context: ServicerContext
    ) -> None:
        """Send the status of a service, and then each change that the watcher is fast enough to take."""
        sent: _Status = None
        while True:
            changed = self._changed
            status = self._status if request.service in self._services else _STATUS.SERVICE_UNKNOWN
            if status != sent:
                await stalled_peers.write(context, _STATUS(status=status), WRITE_SECONDS)
                sent = status
            await changed.wait()

    def _set(self, status: _Status) -> None:
        self._status = status
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
