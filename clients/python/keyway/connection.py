"""Connection settings: validation, and the arguments of the gRPC channel."""

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import grpc

from keyway.errors import KeywayError
from keyway.service_config import service_config
from keyway.targets import host_and_port, is_loopback, target

DEFAULT_DEADLINE: Final = 30.0
Pem = bytes | str | os.PathLike[str]
"""PEM as bytes, or the path of a PEM file."""
Token = str | Callable[[], str]
AnyToken = str | Callable[[], str | Awaitable[str]]

_LOOPBACK_SECONDS: Final = 0.2
_MEBIBYTE: Final = 1 << 20
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 64 * _MEBIBYTE),
    ("grpc.per_rpc_retry_buffer_size", 32 * _MEBIBYTE),  # gRPC does not retry a larger call
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Reconnect quickly after a refused connection.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Channels of one process with the same target would otherwise share one connection.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The arguments of `keyway.connect`, which documents them.

    Raises ValueError for arguments that contradict each other.
    """

    address: str | Sequence[str]
    plaintext: bool = False
    allow_remote_plaintext: bool = False
    ca: Pem | None = None
    certificate: Pem | None = None
    private_key: Pem | None = None
    server_name: str | None = None
    token: AnyToken | None = None
    deadline: float = DEFAULT_DEADLINE
    retries: bool = True
    health_checks: bool = False
    options: Sequence[tuple[str, Any]] = ()

    def __post_init__(self) -> None:
        """Check the combination of arguments."""
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key must be set together")
        if self.deadline <= 0:
            raise ValueError("deadline must be more than 0 seconds")
        if not self.plaintext:
            return
        if self.ca is not None or self.certificate is not None or self.server_name is not None:
            raise ValueError("plaintext cannot be combined with ca, certificate or server_name")
        if self.token is not None:
            raise ValueError("token requires TLS")
        if not self.allow_remote_plaintext and not is_loopback(self.address):
            raise ValueError("plaintext is limited to loopback addresses: use TLS, or set allow_remote_plaintext=True")

    @property
    def target(self) -> str:
        """The gRPC target of the address."""
        return target(self.address)

    def current_token(self) -> str | Awaitable[str] | None:
        """Return the token for a call; None without one. Only a client of asyncio accepts an awaitable."""
        return self.token() if callable(self.token) else self.token

    def explained(self, error: grpc.RpcError) -> KeywayError:
        """Return the KeywayError of a gRPC error, with the problem of the connection if its text names one."""
        made, call = KeywayError.of(error), cast(Any, error)
        # A proxy in front of the gateway responds with trailers, and its text can resemble a gRPC message.
        if call.trailing_metadata():
            return made
        return made.explained(plaintext=self.plaintext, certificate=self.certificate is not None)

    def is_refused(self) -> bool:
        """Return whether nothing listens on any of the addresses, which all are loopback addresses."""
        several = [self.address] if isinstance(self.address, str) else self.address
        found = [host_and_port(address) for address in several if is_loopback(address)]
        return len(found) == len(several) and all(each is not None and _refuses(each) for each in found)

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Return the channel credentials; None for plaintext."""
        if self.plaintext:
            return None
        return grpc.ssl_channel_credentials(read_pem(self.ca), read_pem(self.private_key), read_pem(self.certificate))

    def channel_options(self) -> list[tuple[str, Any]]:
        """Return the channel arguments: the client's, overridden by the caller's."""
        config = service_config(retries=self.retries, health_checks=self.health_checks)
        made: dict[str, Any] = {**dict(_OPTIONS), "grpc.service_config": config}
        if self.plaintext:
            # Do not use a proxy from the environment variables.
            made["grpc.enable_http_proxy"] = 0
        if self.server_name is not None:
            made["grpc.ssl_target_name_override"] = self.server_name
        return list({**made, **dict(self.options)}.items())


def _refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, _LOOPBACK_SECONDS).close()
    except OSError as error:
        return isinstance(error, ConnectionRefusedError)
    return False


def read_pem(pem: Pem | None) -> bytes | None:
    """Return the content of a PEM file, or the bytes themselves."""
    return pem if pem is None or isinstance(pem, bytes) else Path(pem).read_bytes()
