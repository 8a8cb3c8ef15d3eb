"""A scripted collector on a real socket, for responses that a real collector rarely gives."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)

from tests.support.ports import free_port

Answering = Callable[[list[int], grpc.aio.ServicerContext[Any, Any]], Awaitable[ExportLogsServiceResponse | None]]
"""Answers an export of records with these sequence numbers. None: accept the records."""


class ScriptedCollector(LogsServiceServicer):
    """`async with ScriptedCollector() as collector: …`. `taken`: the sequence numbers of accepted records, in order.

    `exports`: the sequence numbers of every export, also empty and rejected ones. `headers`: those of the last export.
    `by_chain`: the accepted records, each with its chain.
    """

    def __init__(self, answering: Answering | None = None) -> None:
        self._answering = answering
        self._port = free_port()
        self.taken: list[int] = []
        self.by_chain: set[tuple[str, int]] = set()
        self.exports: list[list[int]] = []
        self.headers: dict[str, str | bytes] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it on the same port as before."""
        self._server = grpc.aio.server()
        add_LogsServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        await self._server.start()

    async def stop(self) -> None:
        """Stop it and close every connection."""
        await self._server.stop(None)

    @property
    def endpoint(self) -> str:
        """The address for exporters."""
        return f"http://127.0.0.1:{self._port}"

    async def Export(  # noqa: N802 - the service's name for it
        self, request: ExportLogsServiceRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> ExportLogsServiceResponse:
        """Accept the records, unless the script answers."""
        self.headers = dict(context.invocation_metadata() or ())
        records = [record for logs in request.resource_logs for record in logs.scope_logs[0].log_records]
        sequences = [_sequence(record) for record in records]
        self.exports.append(sequences)
        answer = await self._answering(sequences, context) if self._answering is not None else None
        if answer is None:
            self.taken += sequences
            self.by_chain |= {(_chain(record), _sequence(record)) for record in records}
        return answer or ExportLogsServiceResponse()

    async def has(self, *sequences: int) -> bool:
        """Return whether it accepted exactly these, without duplicates."""
        await asyncio.sleep(0)
        return tuple(dict.fromkeys(self.taken)) == sequences


def rejecting(count: int, message: str = "rejected") -> ExportLogsServiceResponse:
    """Return an OK response that rejects some of the records."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = count
    response.partial_success.error_message = message
    return response


async def abort_with_delay(context: grpc.aio.ServicerContext[Any, Any], code: grpc.StatusCode, seconds: float) -> None:
    """Abort with a status and RetryInfo."""
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(round(seconds * 1000))
    detail = AnyMessage()
    detail.Pack(retry)
    status = status_pb2.Status(code=code.value[0], message="later", details=[detail])
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, "later", trailing_metadata=metadata)


def _chain(record: Any) -> str:
    (found,) = (item.value.string_value for item in record.attributes if item.key == "keyway.audit.chain")
    return str(found)


def _sequence(record: Any) -> int:
    (found,) = (item.value.int_value for item in record.attributes if item.key == "keyway.audit.sequence")
    return int(found)
