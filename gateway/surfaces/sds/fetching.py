"""FetchSecrets: returns secrets once, without a stream."""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from gateway.surfaces.sds.envoy_messages import SECRET_TYPE_URL, DiscoveryRequest, DiscoveryResponse
from gateway.surfaces.sds.material import SecretMaterial
from gateway.surfaces.sds.node import Node
from gateway.surfaces.sds.stream import StreamTools, check_names, check_type
from gateway.surfaces.sds.stream_error import StreamError


async def fetch(received: object, tools: StreamTools, identify: Callable[[Any], Node]) -> bytes:
    """Return the response to a request, without the secrets that the node cannot receive. Raises StreamError."""
    request = DiscoveryRequest()
    try:
        request.ParseFromString(received if isinstance(received, bytes) else b"")
    except DecodeError:
        raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be decoded") from None
    check_type(request)
    names = list(dict.fromkeys(request.resource_names))
    check_names(names, len(names), tools.maximum_secrets)
    node = identify(request)
    response = DiscoveryResponse(type_url=SECRET_TYPE_URL)
    for name in names:
        resource = tools.names.resolve(name)
        loaded = await tools.surroundings.loader.load(node, resource) if resource is not None else None
        if isinstance(loaded, SecretMaterial):
            response.resources.add(type_url=SECRET_TYPE_URL, value=loaded.serialized(name))
            response.version_info = loaded.version if len(names) == 1 else ""
    serialized: bytes = response.SerializeToString()
    return serialized
