"""Where callers connect: the main listener with its TLS credentials, and the one of health for probes.

Established connections live on when certificates change; new ones get what the files hold by then.
"""

import time
from typing import Any, Final

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc

from gateway.config.base import ConfigError, is_loopback
from gateway.identity.settings import IdentitySettings
from gateway.identity.tls_files import TlsFiles, TlsMaterial
from gateway.server.transport.port import Reservation

_log = structlog.get_logger(__name__)

# A client that resumes a TLS session shows no certificate, so that one which has expired since would not be noticed. A
# new configuration knows no older sessions, even where it shows the same: no session is resumed after that time.
_SESSION_SECONDS: Final = 60.0

_HEALTH_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 * 1024),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.max_concurrent_streams", 16),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


class ListenError(OSError):
    """The address can't be listened on."""


def sharing(*, shared_port: bool) -> tuple[str, int]:
    """The option that lets others on the port: the workers of one gateway, whose supervisor holds the port for them.

    A second gateway on the same port must fail to start instead of taking half of the calls.
    """
    return ("grpc.so_reuseport", int(shared_port))


def bind(server: grpc.aio.Server, listen: str, identity: IdentitySettings | None, *, shared_port: bool = False) -> str:
    """Bind the server to HOST:PORT; the address with the port that it got. shared_port: others hold it for us.

    ConfigError where files of `identity` can't be used, or callers from elsewhere would have no identity.
    """
    host = listen.rpartition(":")[0]
    if identity is None and not is_loopback(host.strip("[]")):
        raise ConfigError("listen: must be a loopback address: no identity of callers is configured")
    credentials = _credentials(TlsFiles(identity), identity) if identity is not None else None
    if not shared_port:
        _refuse_where_taken(listen)
    return _bound(server, listen, credentials)


async def serve_health(listen: str, servicer: health_pb2_grpc.HealthServicer) -> tuple[grpc.aio.Server, str]:
    """Serve `servicer` alone, in clear and to everybody, until the returned server is stopped; with its address."""
    server = grpc.aio.server(options=_HEALTH_OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = _bound(server, listen, None)
    await server.start()
    _log.info("serving health", address=address)
    return server, address


def _refuse_where_taken(listen: str) -> None:
    """gRPC is content with one address of a host that has several: callers would find a stranger at the other."""
    try:
        Reservation(listen).close()
    except OSError as error:
        raise _taken(listen) from error


def _taken(listen: str) -> ListenError:
    return ListenError(f"{listen} can't be listened on: is another server there?")


def _bound(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> str:
    try:
        port = server.add_insecure_port(listen) if credentials is None else server.add_secure_port(listen, credentials)
    except RuntimeError as error:
        raise _taken(listen) from error
    return f"{listen.rpartition(':')[0]}:{port}"


def _credentials(files: TlsFiles, identity: IdentitySettings) -> grpc.ServerCredentials:
    """Credentials of one listener: gRPC asks for every new connection whether there is something new to show."""
    shown_since = time.monotonic()

    def renewed() -> Any:
        """None for what was shown before, which the published types don't know of."""
        nonlocal shown_since
        material = files.renewed()
        now = time.monotonic()
        if material is None and now < shown_since + _SESSION_SECONDS:
            return None
        shown_since = now
        return _configuration(material or files.current)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(files.current), renewed, require_client_authentication=identity.mtls is not None
    )


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.private_key, material.chain)], root_certificates=material.trust_bundle
    )
