"""From a validated request to the provider that its resource name belongs to."""

from google.protobuf.message import Message

from gateway.call_context import CallContext
from gateway.contract.methods import Method
from gateway.contract.resource_names import provider_id
from gateway.providers.catalog import Catalog
from gateway.server.rpc import Operation


def route(method: Method, catalog: Catalog) -> Operation:
    """The operation that hands a request to the capability of the same name, of the provider that the request names."""
    name_field = method.name_field
    assert name_field is not None, f"{method.full_name} names no resource"

    async def handle(request: Message, call: CallContext) -> Message:
        provider = provider_id(getattr(request, name_field))
        response: Message = await catalog.operation(provider, method.operation)(request, call)
        return response

    return handle
