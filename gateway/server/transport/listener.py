"""The listener for callers: its address and its TLS credentials.

When certificates change, established connections continue. New connections use the content of the files at that time.
"""

import time
from typing import Any, Final

import grpc

from gateway.config.base import ConfigError, is_loopback
from gateway.identity.tls_files import TlsFiles, TlsMaterial
from gateway.server.transport.port import Reservation

# A client that resumes a TLS session sends no certificate, so the server would not notice that it has expired. A new
# configuration invalidates all sessions, even if its content is the same. Sessions therefore last this long at most.
_SESSION_SECONDS: Final = 60.0


class ListenError(OSError):
    """The server cannot listen on an address."""


def port_sharing(*, shared_port: bool) -> tuple[str, int]:
    """Return the gRPC option that lets several processes listen on a port, or prevents it.

    Only the workers of one gateway share a port, which their supervisor reserves. A second gateway on the same port
    must fail to start. Otherwise, it would receive half of the calls.
    """
    return ("grpc.so_reuseport", int(shared_port))


def bind(server: grpc.aio.Server, listen: str, tls: TlsFiles | None, *, shared_port: bool = False) -> str:
    """Bind the server to HOST:PORT, and return the address with the actual port.

    Raises ConfigError if `listen` is not a loopback address although no identity is configured, that is, without `tls`.
    Raises ListenError if the address is in use. shared_port: the supervisor reserved the port.
    """
    host = listen.rpartition(":")[0]
    if tls is None and not is_loopback(host.strip("[]")):
        raise ConfigError("listen: must be a loopback address unless `identity` is configured")
    credentials = _credentials(tls) if tls is not None else None
    if not shared_port:
        _require_free(listen)
    return add_port(server, listen, credentials)


def _require_free(listen: str) -> None:
    """Raise ListenError if any address of the host is in use. gRPC itself accepts a host with one free address."""
    try:
        Reservation(listen).close()
    except OSError as error:
        raise _in_use(listen) from error


def _in_use(listen: str) -> ListenError:
    return ListenError(f"cannot listen on {listen}: is port {listen.rpartition(':')[2]} already in use?")


def add_port(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> str:
    """Add HOST:PORT to the server, and return the address with the actual port. Raises ListenError."""
    try:
        port = server.add_insecure_port(listen) if credentials is None else server.add_secure_port(listen, credentials)
    except RuntimeError as error:
        raise _in_use(listen) from error
    return f"{listen.rpartition(':')[0]}:{port}"


def _credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return the credentials of a listener. gRPC calls `renewed` for every new connection."""
    configured_at = time.monotonic()

    def renewed() -> Any:
        """Return a new configuration, or None to keep the current one. The published types do not allow None."""
        nonlocal configured_at
        material = files.renewed()
        now = time.monotonic()
        if material is None and now < configured_at + _SESSION_SECONDS:
            return None
        configured_at = now
        return _configuration(material or files.current)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(files.current), renewed, require_client_authentication=files.require_client_certificates
    )


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.private_key, material.chain)], root_certificates=material.trust_bundle
    )
