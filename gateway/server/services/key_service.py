"""KeyService: the batches, which consist of single calls to a provider. Routing serves all other methods."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gateway.call_context import CallContext
from gateway.contract.methods import BATCHES
from gateway.contract.resource_names import provider_id
from gateway.errors import GatewayError
from gateway.providers.catalog import Catalog
from gateway.server import status
from gateway.server.authorizer import denied_item
from gateway.server.error_boundary import within_boundary
from gateway.server.interceptors.validation import validate
from gateway.server.method_handler import Operation
from keyway.v1 import key_service_pb2 as keys


def _batch(catalog: Catalog, item_operation: str, response_type: Callable[[], Any], concurrency: int) -> Operation:
    """Return a batch operation that runs at most `concurrency` items concurrently. Each item has its own result.

    A task takes one item after another: a task and a semaphore for each item would cost a tenth of an item.
    """

    async def item(request: Any, call: CallContext) -> Message:
        if request.name in call.denied:
            raise denied_item(item_operation, request.name)
        validate(request)
        response: Message = await catalog.operation(provider_id(request.name), item_operation)(request, call)
        return response

    async def outcome(request: Any, call: CallContext) -> dict[str, Message]:
        try:
            return {"response": await within_boundary(item(request, call), call)}
        except GatewayError as error:
            return {"error": _status(error, call)}

    async def handle(batch: Any, call: CallContext) -> Message:
        outcomes: list[dict[str, Message]] = [{}] * len(batch.requests)
        waiting = enumerate(batch.requests)

        async def take_items() -> None:
            for index, request in waiting:  # shared by all tasks, so that each item is taken once
                outcomes[index] = await outcome(request, call)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(outcomes))):
                group.create_task(take_items())
        response = response_type()
        for request, result_fields in zip(batch.requests, outcomes, strict=True):
            result = response.results.add(**result_fields)
            call.items.append(_item(request.name, result))
        assert isinstance(response, Message)
        return response

    return handle


def _item(name: str, result: Any) -> dict[str, object]:
    """Return the description of one item for the audit record."""
    if result.HasField("error"):
        info = error_details_pb2.ErrorInfo()
        result.error.details[0].Unpack(info)
        return {"name": name, "code": code_pb2.Code.Name(result.error.code), "reason": info.reason}
    described: dict[str, object] = {"name": name, "code": "OK"}
    if result.response.HasField("key_version"):
        described["key_version"] = result.response.key_version
    return described


def _status(error: GatewayError, call: CallContext) -> status_pb2.Status:
    return status.to_status(error, idempotent=call.idempotent, request_id=call.request_id)


def operations(catalog: Catalog, concurrency: int) -> Mapping[str, Operation]:
    """Return the operations that the service implements itself, by name. concurrency: items per batch."""
    responses = {"batch_encrypt": keys.BatchEncryptResponse, "batch_decrypt": keys.BatchDecryptResponse}
    return {name: _batch(catalog, item, responses[name], concurrency) for name, item in BATCHES.items()}
