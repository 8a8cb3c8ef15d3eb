"""A single connection to the collector, which is never replaced by another one.

A gRPC channel reconnects by itself. After that, a collector that was killed and restarted between two exports would
look like the same process. Therefore a channel here is used for one connection to one address, and closed when that
connection is lost. Acknowledgements from before and after can't be mixed.
"""

import asyncio
import contextlib
import gc
import socket
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from gateway import __version__, pem
from gateway.config.base import content
from gateway.grpc_channel import open_channel
from gateway.journal.ship.export_results import ExportResult, ExportStatus, of_partial_success, of_status
from gateway.journal.ship.settings import ShipSettings
from gateway.tls_verification import system_authorities

_READY: Final = grpc.ChannelConnectivity.READY


class UnreachableError(Exception):
    """The collector can't be reached. The message contains the address and the cause, if it is known."""


class CollectorConnection:
    """An async context manager. Entering connects, or raises UnreachableError."""

    def __init__(self, settings: ShipSettings) -> None:
        self._settings = settings
        self._metadata = tuple((name, value.get_secret_value()) for name, value in settings.headers.items())

    async def __aenter__(self) -> Self:
        fault = "the host name has no address"
        for address in await _addresses(self._settings):
            channel = _channel(self._settings, address)
            try:
                async with asyncio.timeout(self._settings.timeout):
                    ready = await _connected(channel)
            except TimeoutError:
                ready = False
            except BaseException:
                await channel.close()
                raise
            if ready:
                self._channel = channel
                self._stub: Any = LogsServiceStub(channel)  # type: ignore[no-untyped-call]
                # Watch the state before the first export, so that no other connection can acknowledge it.
                self._lost = asyncio.ensure_future(channel.wait_for_state_change(_READY))
                return self
            fault = (
                "no gRPC server accepts the connection" + " with the configured TLS settings" * self._settings.secure
            )
            await channel.close()
        raise UnreachableError(f"{self._settings.target}: {fault}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()
        gc.collect()  # finished gRPC calls are reference cycles that keep the connection open (docs/decisions/0015)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(self._lost, return_exceptions=True), self._settings.timeout)

    @property
    def lost(self) -> "asyncio.Future[None]":
        """A future that is done when the connection is lost."""
        return self._lost

    async def export(self, request: ExportLogsServiceRequest) -> ExportResult:
        """Send an export and return its result. Only one export at a time."""
        call = self._stub.Export(request, timeout=self._settings.timeout, metadata=self._metadata)
        exported = asyncio.ensure_future(_result_of(call))
        try:
            await asyncio.wait({exported, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Cancel also if both are done: the result may belong to another connection.
            if self._lost.done() or not exported.done():
                exported.cancel()
                call.cancel()
        if self._lost.done():
            await asyncio.wait({exported})
            return ExportResult(ExportStatus.LOST, "the connection is closed")
        return exported.result()


async def _connected(channel: grpc.aio.Channel) -> bool:
    """Return whether the first connection attempt succeeds."""
    state = channel.get_state(try_to_connect=True)
    while state not in (_READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
        await channel.wait_for_state_change(state)
        state = channel.get_state()
    return state is _READY


async def _result_of(call: Any) -> ExportResult:
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        return of_status(error.code().name, error.details() or "", _retry_delay(error))
    partial = response.partial_success
    return of_partial_success(partial.rejected_log_records, partial.error_message)


def _retry_delay(error: grpc.aio.AioRpcError) -> float | None:
    """Return the retry delay in seconds, from the RetryInfo of the status."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                status = status_pb2.Status.FromString(value)
                for detail in status.details:
                    retry = error_details_pb2.RetryInfo()
                    if detail.Unpack(retry):
                        return max(0.0, retry.retry_delay.ToTimedelta().total_seconds())
            except ValueError:  # DecodeError is one
                return None
    return None


async def _addresses(settings: ShipSettings) -> list[str]:
    """Return the addresses of the collector in the syntax of gRPC. The caller tries one after the other."""
    host, _, port = settings.target.rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(f"{settings.target}: {error.strerror or error}") from None
    written = {
        socket.AF_INET: lambda address: f"ipv4:{address[0]}:{address[1]}",
        socket.AF_INET6: lambda address: f"ipv6:[{address[0]}]:{address[1]}",
    }
    return list(dict.fromkeys(written[family](address) for family, *_, address in found if family in written))


def _channel(settings: ShipSettings, address: str) -> grpc.aio.Channel:
    options: list[tuple[str, Any]] = [
        ("grpc.use_local_subchannel_pool", 1),  # otherwise channels to one address share a connection
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.default_authority", settings.target),
        ("grpc.primary_user_agent", f"keyway-audit/{__version__}"),
    ]
    if not settings.secure:
        return open_channel(address, options=options)
    host = settings.target.rpartition(":")[0].strip("[]")
    own = settings.client_certificate
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_bundle(content(settings.ca_certificates)) or _system_ca_certificates(),
        private_key=content(own.private_key) if own is not None else None,
        certificate_chain=_bundle(content(own.certificate)) if own is not None else None,
    )
    return open_channel(address, credentials, [*options, ("grpc.ssl_target_name_override", host)])


def _bundle(content: bytes | None) -> bytes | None:
    """Return the certificates of a PEM file as plain PEM, because gRPC skips blocks that it does not know."""
    return pem.plain_certificates(content) if content is not None else None


def _system_ca_certificates() -> bytes | None:
    """Return the CA certificates of the system, which gRPC does not use by itself; None if the system has none."""
    return system_authorities().encode() or None
