"""From a validated request to the provider that its resource name belongs to."""

from google.protobuf.message import Message

from gateway.contract import Method
from gateway.names import provider_id
from gateway.providers.catalogue import Catalogue
from gateway.server.rpc import Operation
from gateway.upstream.call import Call


def route(method: Method, catalogue: Catalogue) -> Operation:
    """The operation that hands a request to the capability of the same name, of the provider that the request names."""
    name_field = method.name_field
    assert name_field is not None, f"{method.full_name} names no resource"

    async def handle(request: Message, call: Call) -> Message:
        provider = provider_id(getattr(request, name_field))
        response: Message = await catalogue.operation(provider, method.operation)(request, call)
        return response

    return handle
