"""How to reach a gateway: everything that a channel is made with, checked before there is one."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from keyway.service_config import service_config
from keyway.targets import is_loopback, target

DEFAULT_DEADLINE: Final = 30.0
Pem = bytes | str | os.PathLike[str]
"""PEM text as bytes, or the path of a file that holds it."""
Token = str | Callable[[], str]
AnyToken = str | Callable[[], str | Awaitable[str]]

_MEBIBYTE: Final = 1 << 20
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 64 * _MEBIBYTE),
    ("grpc.per_rpc_retry_buffer_size", 32 * _MEBIBYTE),  # a call that outgrows it is not repeated
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Whoever refuses a connection is asked again soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A connection of its own: channels of one process with the same target would share one.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What `connect` was told; the field's meaning stands there. ValueError for what does not go together."""

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
        """All of it goes together, or there is no connection."""
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("a certificate goes with its private_key")
        if self.deadline <= 0:
            raise ValueError("deadline: seconds, more than 0")
        if not self.plaintext:
            return
        if self.ca is not None or self.certificate is not None or self.server_name is not None:
            raise ValueError("plaintext takes neither ca nor certificate nor server_name")
        if self.token is not None:
            raise ValueError("a token is sent over TLS only")
        if not self.allow_remote_plaintext and not is_loopback(self.address):
            raise ValueError("plaintext leaves this machine: use TLS, or say allow_remote_plaintext=True")

    @property
    def target(self) -> str:
        """gRPC's name for the address."""
        return target(self.address)

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None: plaintext."""
        if self.plaintext:
            return None
        return grpc.ssl_channel_credentials(_read(self.ca), _read(self.private_key), _read(self.certificate))

    def channel_options(self) -> list[tuple[str, Any]]:
        """Ours, then the caller's own, which win."""
        config = service_config(retries=self.retries, health_checks=self.health_checks)
        made: dict[str, Any] = {**dict(_OPTIONS), "grpc.service_config": config}
        if self.plaintext:
            # To this machine, not by way of a proxy that the environment names.
            made["grpc.enable_http_proxy"] = 0
        if self.server_name is not None:
            made["grpc.ssl_target_name_override"] = self.server_name
        return list({**made, **dict(self.options)}.items())


def _read(pem: Pem | None) -> bytes | None:
    return pem if pem is None or isinstance(pem, bytes) else Path(pem).read_bytes()
