"""TLS between the HTTP client and servers with certificates made by openssl: each kind of failure."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.upstream import outcomes
from tests.support.openssl import KeyPair, OpensslAuthority
from tests.support.raw_server import RawServer, Reader, Writer, answering, keeping_alive, silence
from tests.support.upstream_client import GET, OK, POST, client, failure, new_call

pytestmark = [pytest.mark.usefixtures("transport"), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpensslAuthority:
    return OpensslAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: OpensslAuthority) -> KeyPair:
    return authority.issue("server")


def serving(pair: KeyPair, *, clients_of: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients_of)
    context.load_cert_chain(pair.certificate, pair.key)
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def trusting(authority: OpensslAuthority, presented: KeyPair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.pair.certificate)
    if presented is not None:
        context.load_cert_chain(presented.certificate, presented.key)
    return context


@contextlib.contextmanager
def blocking_server(context: ssl.SSLContext) -> Iterator[str]:
    """Yield the URL of a server that sends TLS alerts with the reason; servers of asyncio only close the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as wrapped:
            try:
                wrapped.do_handshake()
            except ssl.SSLError:
                # Wait until the client closes: closing with unread data would send a reset, which overtakes the alert.
                with contextlib.suppress(OSError):
                    while socket.socket.recv(wrapped, 65_536):
                        pass
                return
            wrapped.recv(65_536)
            wrapped.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        thread.join(5)
        listener.close()


async def test_server_with_a_trusted_certificate_is_accepted(authority: OpensslAuthority, pair: KeyPair) -> None:
    tls = trusting(authority)
    async with RawServer(keeping_alive(OK), tls=serving(pair)) as server, client(server.url, tls=tls) as http:
        assert (await http.send(GET, new_call())).body == b"ok"


async def test_certificate_of_an_unknown_authority_is_rejected(pair: KeyPair) -> None:
    async with RawServer(keeping_alive(OK), tls=serving(pair)) as server:
        error = await failure(server.url)
    assert error.kind == outcomes.TLS_FAILED
    assert not error.kind.retryable
    assert not error.kind.retryable_if_idempotent


async def test_certificate_of_another_authority_is_rejected(pair: KeyPair, tmp_path: Path) -> None:
    async with RawServer(keeping_alive(OK), tls=serving(pair)) as server:
        error = await failure(server.url, tls=trusting(OpensslAuthority(tmp_path)))
    assert error.kind == outcomes.TLS_FAILED


async def test_certificate_for_another_name_is_rejected(authority: OpensslAuthority) -> None:
    other = authority.issue("other", host="other.example")
    async with RawServer(keeping_alive(OK), tls=serving(other)) as server:
        assert (await failure(server.url, tls=trusting(authority))).kind == outcomes.TLS_FAILED


async def test_server_without_tls_is_a_tls_failure() -> None:
    async def behavior(reader: Reader, writer: Writer) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with RawServer(behavior) as server:
        assert (await failure(f"https://localhost:{server.port}")).kind == outcomes.TLS_FAILED


async def test_no_common_tls_version_is_a_tls_failure(authority: OpensslAuthority, pair: KeyPair) -> None:
    old = serving(pair)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    new = trusting(authority)
    new.minimum_version = ssl.TLSVersion.TLSv1_3
    with blocking_server(old) as url:
        assert (await failure(url, tls=new)).kind == outcomes.TLS_FAILED


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("other_authority", [False, True])
async def test_rejected_client_certificate_is_a_tls_failure(
    authority: OpensslAuthority,
    pair: KeyPair,
    version: ssl.TLSVersion,
    tmp_path: Path,
    transport: str,
    *,
    other_authority: bool,
) -> None:
    """The client presents none, or one of an unknown authority. TLS 1.3 rejects it only after the handshake."""
    # On uvloop, aiohttp sometimes reports a lost connection.
    unsure = transport == "aiohttp" and version is ssl.TLSVersion.TLSv1_3
    expected = {outcomes.TLS_FAILED, outcomes.CONNECTION_LOST} if unsure else {outcomes.TLS_FAILED}
    presented = OpensslAuthority(tmp_path).issue("other_authority") if other_authority else None
    context = serving(pair, clients_of=authority.pair.certificate)
    context.maximum_version = version
    with blocking_server(context) as url:
        error = await failure(url, POST, tls=trusting(authority, presented))
    assert error.kind in expected


async def test_client_certificate_is_accepted(authority: OpensslAuthority, pair: KeyPair) -> None:
    context = serving(pair, clients_of=authority.pair.certificate)
    tls = trusting(authority, authority.issue("client"))
    async with RawServer(keeping_alive(OK), tls=context) as server, client(server.url, tls=tls) as http:
        assert (await http.send(POST, new_call())).body == b"ok"


async def test_connection_closed_in_the_handshake_is_unreachable(authority: OpensslAuthority) -> None:
    async def behavior(reader: Reader, _writer: Writer) -> None:
        await reader.read(1)

    async with RawServer(behavior) as server:
        error = await failure(f"https://localhost:{server.port}", tls=trusting(authority))
    assert error.kind == outcomes.UNREACHABLE


async def test_connection_closed_after_the_request_is_lost(authority: OpensslAuthority, pair: KeyPair) -> None:
    async with RawServer(answering(b""), tls=serving(pair)) as server:
        error = await failure(server.url, tls=trusting(authority))
    assert error.kind == outcomes.CONNECTION_LOST


async def test_silence_after_the_handshake_is_a_timeout(authority: OpensslAuthority, pair: KeyPair) -> None:
    async with RawServer(silence, tls=serving(pair)) as server:
        error = await failure(server.url, tls=trusting(authority), timeout=0.3)
    assert error.kind == outcomes.TIMEOUT
