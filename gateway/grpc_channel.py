"""The gRPC channels that the gateway opens, and the options that they share.

gRPC takes the variables `http_proxy`, `https_proxy`, and `grpc_proxy` also for addresses on this machine. The gateway
uses no proxy: nothing in its configuration asks for one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import grpc

SHARED_OPTIONS: Final[Sequence[tuple[str, Any]]] = (("grpc.enable_http_proxy", 0),)
"""For a library that opens its channels itself."""


def open_channel(
    address: str, credentials: "grpc.ChannelCredentials | None" = None, options: Sequence[tuple[str, Any]] = ()
) -> "grpc.aio.Channel":
    """Return a channel. credentials: None for plaintext."""
    import grpc  # noqa: PLC0415 - importing this module does not load gRPC

    options = [*SHARED_OPTIONS, *options]
    if credentials is None:
        return grpc.aio.insecure_channel(address, options)
    return grpc.aio.secure_channel(address, credentials, options)
