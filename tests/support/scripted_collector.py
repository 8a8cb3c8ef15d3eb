"""A collector that answers as it is told, on a real socket: for answers that a real one gives once in a year."""

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

Answering = Callable[[list[int], grpc.aio.ServicerContext[Any, Any]], Awaitable[ExportLogsServiceResponse | None]]
"""Answers an export of records with these sequence numbers; None: as one that takes them."""


class ScriptedCollector(LogsServiceServicer):
    """`async with ScriptedCollector() as collector: …`. `taken`: the sequence numbers of what it took, in order.

    `exports`: of every export, also those without records and those that it did not take. `headers`: of the last one.
    `by_chain`: what it took, with the chain that each is of.
    """

    def __init__(self, answering: Answering | None = None) -> None:
        self._answering = answering
        self._port = 0
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
        """On the same port as before."""
        self._server = grpc.aio.server()
        add_LogsServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self._port = self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        await self._server.start()

    async def stop(self) -> None:
        """Every connection is closed."""
        await self._server.stop(None)

    @property
    def endpoint(self) -> str:
        """As exporters are told."""
        return f"http://127.0.0.1:{self._port}"

    async def Export(  # noqa: N802 - the service's name for it
        self, request: ExportLogsServiceRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> ExportLogsServiceResponse:
        """Take the records, unless the script says otherwise."""
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
        """Whether it took exactly these, leaving out repeats."""
        await asyncio.sleep(0)
        return tuple(dict.fromkeys(self.taken)) == sequences


def rejecting(count: int, message: str = "rejected") -> ExportLogsServiceResponse:
    """An OK that is none for some of the records."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = count
    response.partial_success.error_message = message
    return response


async def abort_with_delay(context: grpc.aio.ServicerContext[Any, Any], code: grpc.StatusCode, seconds: float) -> None:
    """A status with RetryInfo."""
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
