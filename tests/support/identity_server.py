"""A server that returns the identity of its caller, with the listener and the authenticators of the gateway."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509

from gateway.errors import GatewayError
from gateway.identity.settings import IdentitySettings
from gateway.identity.tls_files import TlsFiles
from gateway.server.authenticators import Authenticator, authenticator
from gateway.server.transport import listener
from tests.support.authority import CertificateAndKey, CertificateAuthority

_OMITTED = frozenset({"_hash", "expires"})
"""What a caller has in addition to its identity."""
METHOD = "/test.Who/Am"


@dataclass
class WhoServer:
    address: str
    authenticator: Authenticator


@contextlib.asynccontextmanager
async def serving(identity: IdentitySettings | None) -> AsyncIterator[WhoServer]:
    known = authenticator(identity)

    async def answer(_request: bytes, context: Any) -> bytes:
        try:
            caller = await known.authenticate(context, context.invocation_metadata() or ())
        except GatewayError as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.message)
            raise AssertionError from None
        return json.dumps({name: value for name, value in asdict(caller).items() if name not in _OMITTED}).encode()

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_metadata_size", 16 * 1024)])
    handlers: dict[str, Any] = {"Am": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Who", handlers),))
    address = listener.bind(server, "127.0.0.1:0", TlsFiles(identity) if identity is not None else None)
    await known.start()
    await server.start()
    try:
        yield WhoServer(address, known)
    finally:
        await server.stop(None)
        await known.close()


def channel(
    address: str, authority: CertificateAuthority, client_credentials: CertificateAndKey | None = None
) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(
        root_certificates=authority.pem,
        private_key=client_credentials.key_pem if client_credentials else None,
        certificate_chain=client_credentials.chain_pem if client_credentials else None,
    )
    # A separate pool, so that each channel opens a new connection.
    return grpc.aio.secure_channel(address, credentials, options=[("grpc.use_local_subchannel_pool", 1)])


async def who(connected: grpc.aio.Channel, token: str | None = None, *, metadata: Any = None) -> dict[str, Any]:
    if metadata is None:
        metadata = [("authorization", f"Bearer {token}")] if token is not None else []
    call: Any = connected.unary_unary(METHOD)
    found: dict[str, Any] = json.loads(await call(b"", metadata=metadata, timeout=10))
    return found


async def server_serial(address: str, folder: Path, client_credentials: CertificateAndKey | None = None) -> int:
    """Return the serial number of the certificate that the server sends on a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if client_credentials is not None:
        context.load_cert_chain(*client_credentials.write(folder, "probe"))
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number
    finally:
        writer.transport.abort()
