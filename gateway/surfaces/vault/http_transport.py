"""An HTTP request in the form in which authenticators expect a gRPC call."""

import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from gateway.telemetry.context import Metadata

_TOKEN: Final = "X-Vault-Token"  # noqa: S105 - the name of a header
_PASSED_HEADERS: Final = ("User-Agent", "X-Request-Id", "X-Service-Name", "traceparent", "tracestate")
"""Headers that records and traces use, and that have the same names in gRPC."""


class HttpTransport:
    """The peer of a request, its client certificate, and its token as metadata."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request

    def peer(self) -> str:
        """Return the peer in gRPC's notation."""
        transport = self._request.transport
        address = transport.get_extra_info("peername") if transport is not None else None
        if not address:
            return "unknown"
        host, port = address[:2]
        return f"ipv6:{quote(f'[{host}]', safe=':')}:{port}" if ":" in host else f"ipv4:{host}:{port}"

    def invocation_metadata(self) -> Metadata:
        """Return the token as gRPC callers send it. Vault's own header comes before the standard one."""
        headers = self._request.headers
        found = headers.getall(_TOKEN, [])
        if found:
            return [("authorization", f"Bearer {token}") for token in found]
        return [("authorization", value) for value in headers.getall("Authorization", [])]

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return the client certificate that TLS verified, as gRPC does."""
        transport = self._request.transport
        connection: Any = transport.get_extra_info("ssl_object") if transport is not None else None
        certificate = connection.getpeercert(binary_form=True) if connection is not None else None
        if certificate is None:
            return {}
        return {
            "transport_security_type": (b"ssl",),
            "x509_pem_cert": (ssl.DER_cert_to_PEM_cert(certificate).encode(),),
        }


def sent_token(request: web.BaseRequest) -> str:
    """Return the token in Vault's header, or in the standard one; empty if both are missing."""
    found = request.headers.get(_TOKEN) or request.headers.get("Authorization", "").partition(" ")[2]
    return found.strip()


def stated_metadata(request: web.BaseRequest) -> Metadata:
    """Return the headers that identify the program, its request, and its trace, for records and spans."""
    return [(name.lower(), request.headers[name]) for name in _PASSED_HEADERS if name in request.headers]
