"""Envoy with the configurations for the Secret Discovery Service in deploy/envoy, and TLS handshakes with it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from tests.bench.processes import Server
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.envoy_sds import EDGE, SdsScene
from tests.support.ports import free_port

_SHIPPED: Final = Path(__file__).parents[2] / "deploy/envoy"
_OWN: Final = ("--concurrency", 2, "--disable-hot-restart", "--log-level", "warning")


def write_config(scene: SdsScene, kind: str, folder: Path, replaced: Mapping[str, str]) -> Path:
    """Write a shipped configuration for a gateway on this machine. replaced: further texts."""
    scene.trusted.authority.issue(uris=[EDGE]).write(folder, "edge")
    port = scene.address.rpartition(":")[2]
    text = (_SHIPPED / f"sds-{kind}.yaml").read_text()
    own = {
        "/run/keyway/edge.pem": str(folder / "edge.pem"),
        "/run/keyway/edge.key": str(folder / "edge.key"),
        "/run/keyway/ca.pem": str(folder / "callers-ca.pem"),
        "address: keyway.example.org, port_value: 50053": f"address: 127.0.0.1, port_value: {port}",
        "keyway.example.org": "localhost",
        "port_value: 9901": "port_value: 0",
        **replaced,
    }
    for shipped, new in own.items():
        assert shipped in text, f"{shipped} is not in sds-{kind}.yaml"
        text = text.replace(shipped, new)
    text = text.replace("address: 0.0.0.0", "address: 127.0.0.1")
    path = folder / f"envoy-{kind}.yaml"
    path.write_text(text)
    return path


@contextlib.contextmanager
def running(program: Path, config: Path, port: int) -> Iterator[Server]:
    """Run Envoy. port: of a listener that starts in any case, such as that of the administration."""
    with Server([program, "-c", config, *_OWN], port, config.with_suffix(".log")) as server:
        yield server


async def served_certificate(port: int, host: str = "localhost") -> x509.Certificate:
    """Return the certificate of a new handshake. Raises OSError and ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
        try:
            peer: Any = writer.get_extra_info("ssl_object")
            return x509.load_der_x509_certificate(peer.getpeercert(binary_form=True))
        finally:
            writer.close()


async def serves(port: int, wanted: x509.Certificate, host: str = "localhost") -> bool:
    """Return whether a new handshake shows this certificate."""
    try:
        return await served_certificate(port, host) == wanted
    except (OSError, TimeoutError):
        return False


def two_ports() -> tuple[int, int]:
    """Return two free ports."""
    first, second = free_port(), free_port()
    while second == first:
        second = free_port()
    return first, second


@contextlib.asynccontextmanager
async def mutual_tls_server(
    own: CertificateAndKey, authority: CertificateAuthority, folder: Path
) -> AsyncIterator[tuple[int, list[x509.Certificate]]]:
    """Run an HTTP/1 server that requires client certificates. Yield its port, and the certificates of its clients."""
    certificate, key = own.write(folder, "orders")
    (folder / "orders-ca.pem").write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(folder / "orders-ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    callers: list[x509.Certificate] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Any = writer.get_extra_info("ssl_object")
        callers.append(x509.load_der_x509_certificate(peer.getpeercert(binary_form=True)))
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], callers


async def plain_status(port: int) -> int:
    """Return the HTTP status of a request in plaintext; 0 without a response."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
            return int(line.split()[1]) if line else 0
    except (OSError, TimeoutError):
        return 0
