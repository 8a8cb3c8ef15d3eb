"""Broken connections to real servers, each with the problem that `keyway doctor` and every client must name."""

import contextlib
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from gateway.demo import DEMO_PROVIDERS
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.token_gateway import running_token_gateway

_POLICY: Final = '@id("encrypt")\npermit (principal, action == Keyway::Action::"Encrypt", resource);\n'
DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Broken:
    """A connection. problem: its name in each client. options: arguments of `keyway.connect`, with files as paths."""

    name: str
    problem: str
    options: dict[str, Any]


@contextlib.asynccontextmanager
async def connections(sandbox: Any) -> AsyncIterator[list[Broken]]:
    """Run the servers beside a sandbox; yield the connections. sandbox: the content of its ready line."""
    provider = next({**each, "endpoint": "http://127.0.0.1:1"} for each in DEMO_PROVIDERS if each["id"] == "nhn-keys")
    with tempfile.TemporaryDirectory(prefix="keyway-broken-") as name:
        folder = Path(name)
        (folder / "encrypt.cedar").write_text(_POLICY)
        policy = {"policy_files": ["encrypt.cedar"]}
        gateway = running_token_gateway(folder, listen="127.0.0.1:0", providers=[provider], policy=policy)
        async with gateway as running:
            issuer, authority = running.files.issuer, running.files.authority
            trusted = _written(folder, "ca", authority.pem)
            untrusted = _written(folder, "other", CertificateAuthority("Other").pem)
            tls = {"address": running.address, "ca": trusted}
            ready, mtls = sandbox["tls"], {"address": sandbox["mtls"], "ca": sandbox["tls"]["ca"]}
            certificate, key = CertificateAuthority("Other").issue("untrusted").write(folder, "untrusted")
            future = datetime.now(UTC) + DAY
            with (
                _unused() as unused,
                _server(authority.server(expires_in=-DAY)) as expired,
                _server(authority.server(expires_in=2 * DAY, not_before=future)) as early,
                _https(authority.server(), folder) as https,
            ):
                yield [
                    Broken("plaintext to TLS", "TLS_REQUIRED", {"address": running.address, "plaintext": True}),
                    Broken("TLS to plaintext", "PLAINTEXT_REQUIRED", {"address": sandbox["plain"], "ca": trusted}),
                    Broken("another authority", "UNTRUSTED", {**tls, "ca": untrusted}),
                    Broken("another host name", "HOST_NAME", {**tls, "server_name": "keyway.example.org"}),
                    Broken("expired server certificate", "EXPIRED", {"address": expired, "ca": trusted}),
                    Broken("server certificate of the future", "NOT_YET_VALID", {"address": early, "ca": trusted}),
                    Broken("server without HTTP/2", "NOT_HTTP2", {"address": https, "ca": trusted}),
                    Broken("expired token", "TOKEN_EXPIRED", {**tls, "token": issuer.token(exp=1)}),
                    Broken("no permission", "NOT_PERMITTED", {**tls, "token": issuer.token()}),
                    Broken("no credentials", "CREDENTIALS_MISSING", tls),
                    Broken("no client certificate", "CLIENT_CERTIFICATE_MISSING", mtls),
                    Broken(
                        "another client authority",
                        "CLIENT_CERTIFICATE_REJECTED",
                        {**mtls, "certificate": str(certificate), "private_key": str(key)},
                    ),
                    Broken("unknown host", "UNRESOLVED", {"address": "gateway.invalid:443", "ca": ready["ca"]}),
                    # The last one, so that its time does not include that for loading classes.
                    Broken("nothing listens", "REFUSED", {"address": unused, "plaintext": True}),
                ]


def _written(folder: Path, name: str, content: bytes) -> str:
    path = folder / f"{name}.pem"
    path.write_bytes(content)
    return str(path)


@contextlib.contextmanager
def _unused() -> Iterator[str]:
    """An address on which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextlib.contextmanager
def _server(own: CertificateAndKey) -> Iterator[str]:
    """A server of gRPC itself: a gateway does not start with a certificate that is not valid now."""
    import grpc  # noqa: PLC0415 - after `gateway`, which turns off the log of gRPC

    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(own.key_pem, own.chain_pem)]))
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)


class _Http1(BaseHTTPRequestHandler):
    """Responds with an error to the first bytes of HTTP/2, without logging it."""

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextlib.contextmanager
def _https(own: CertificateAndKey, folder: Path) -> Iterator[str]:
    """An HTTPS server that offers only HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(*own.write(folder, "https"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Http1) as server, ThreadPoolExecutor(1) as pool:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        pool.submit(server.serve_forever, 0.05)
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
