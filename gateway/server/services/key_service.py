"""KeyService: what is more than handing a call to one provider, which is the batches made of single calls."""

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
from gateway.server.interceptors.authorization import denied_item
from gateway.server.interceptors.validation import validate
from gateway.server.rpc import Operation, contained
from keyway.v1 import key_service_pb2 as keys


def _batch(catalog: Catalog, item_operation: str, response_type: Callable[[], Any], concurrency: int) -> Operation:
    """A batch of `item_operation`: at most `concurrency` items at once, each ending in its own response or error."""

    async def item(request: Any, call: CallContext) -> Message:
        if request.name in call.denied:
            raise denied_item(item_operation, request.name)
        validate(request)
        response: Message = await catalog.operation(provider_id(request.name), item_operation)(request, call)
        return response

    async def outcome(request: Any, call: CallContext, slots: asyncio.Semaphore) -> dict[str, Message]:
        async with slots:
            try:
                return {"response": await contained(item(request, call), call)}
            except GatewayError as error:
                return {"error": _status(error, call)}

    async def handle(batch: Any, call: CallContext) -> Message:
        slots = asyncio.Semaphore(concurrency)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(outcome(request, call, slots)) for request in batch.requests]
        response = response_type()
        for request, task in zip(batch.requests, tasks, strict=True):
            result = response.results.add(**task.result())
            call.items.append(_item(request.name, result))
        assert isinstance(response, Message)
        return response

    return handle


def _item(name: str, result: Any) -> dict[str, object]:
    """What the record says of one item."""
    if result.HasField("error"):
        info = error_details_pb2.ErrorInfo()
        result.error.details[0].Unpack(info)
        return {"name": name, "code": code_pb2.Code.Name(result.error.code), "reason": info.reason}
    told: dict[str, object] = {"name": name, "code": "OK"}
    if result.response.HasField("key_version"):
        told["key_version"] = result.response.key_version
    return told


def _status(error: GatewayError, call: CallContext) -> status_pb2.Status:
    return status.to_status(error, repeatable=call.idempotent, request_id=call.request_id)


def operations(catalog: Catalog, concurrency: int) -> Mapping[str, Operation]:
    """The service's own operations, by name; all others go straight to a provider."""
    responses = {"batch_encrypt": keys.BatchEncryptResponse, "batch_decrypt": keys.BatchDecryptResponse}
    return {name: _batch(catalog, item, responses[name], concurrency) for name, item in BATCHES.items()}
