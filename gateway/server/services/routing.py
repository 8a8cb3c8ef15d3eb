"""The routing of a validated request to the provider that its resource name contains."""

from google.protobuf.message import Message

from gateway.call_context import CallContext
from gateway.contract.methods import Method
from gateway.contract.resource_names import provider_id
from gateway.providers.catalog import Catalog
from gateway.server.method_handler import Operation


def route(method: Method, catalog: Catalog) -> Operation:
    """Return the operation that passes a request to the method of the same name in the provider."""
    name_field = method.name_field
    assert name_field is not None, f"{method.full_name} names no resource"

    async def handle(request: Message, call: CallContext) -> Message:
        provider = provider_id(getattr(request, name_field))
        response: Message = await catalog.operation(provider, method.operation)(request, call)
        return response

    return handle
