"""The listener: addresses, TLS files at start-up, TLS versions, and the health listener."""

import asyncio
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from gateway.config.base import ConfigError
from gateway.identity.settings import IdentitySettings
from gateway.identity.tls_files import TlsFiles
from gateway.server.transport import listener
from gateway.server.transport.health import serve_health
from gateway.server.transport.health_service import HealthService
from gateway.server.transport.listener import ListenError
from tests.support import identity_server
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.identity_server import channel, serving, who
from tests.support.openssl import attempt
from tests.support.x509_chain import elliptic_key, key_pem

AUTHORITY = CertificateAuthority()


def settings(folder: Path, own: CertificateAndKey | None = None, bundle: bytes | None = None) -> IdentitySettings:
    certificate, key = (own or AUTHORITY.server()).write(folder, "server")
    trusted = folder / "bundle.pem"
    trusted.write_bytes(AUTHORITY.pem if bundle is None else bundle)
    return IdentitySettings.model_validate(
        {"certificate_file": certificate, "private_key_file": key, "mtls": {"trust_bundle_file": trusted}}
    )


class TestBinding:
    @pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.org:0"])
    async def test_other_addresses_without_identity_are_rejected(self, listen: str) -> None:
        server = grpc.aio.server()
        with pytest.raises(ConfigError, match="must be a loopback address unless `identity` is configured"):
            listener.bind(server, listen, None)
        await server.stop(None)

    @pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
    async def test_loopback_without_identity_is_accepted(self, listen: str) -> None:
        server = grpc.aio.server()
        address = listener.bind(server, listen, None)
        assert address.rpartition(":")[0] == listen.rpartition(":")[0]
        assert int(address.rpartition(":")[2]) > 0
        await server.stop(None)

    async def test_any_address_with_identity_is_accepted(self, tmp_path: Path) -> None:
        server = grpc.aio.server()
        assert listener.bind(server, "0.0.0.0:0", TlsFiles(settings(tmp_path))).startswith("0.0.0.0:")
        await server.stop(None)

    async def test_address_in_use_is_rejected(self, tmp_path: Path) -> None:
        async with serving(settings(tmp_path)) as running:
            server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
            for tls in (TlsFiles(settings(tmp_path)), None):
                with pytest.raises(ListenError, match="already in use"):
                    listener.bind(server, running.address, tls)
            await server.stop(None)


class TestFilesAtStart:
    def fault(self, identity: IdentitySettings) -> str:
        with pytest.raises(ConfigError) as caught:
            TlsFiles(identity)
        return str(caught.value)

    def test_all_faulty_files_are_reported(self, tmp_path: Path) -> None:
        identity = settings(tmp_path)
        for file in (identity.certificate_file, identity.private_key_file, tmp_path / "bundle.pem"):
            file.write_bytes(b"nothing")
        assert self.fault(identity).splitlines() == [
            "identity.certificate_file: contains no PEM certificate",
            "identity.private_key_file: contains no PEM private key",
            "identity.mtls.trust_bundle_file: contains no PEM certificate",
        ]
        for file in (identity.certificate_file, identity.private_key_file, tmp_path / "bundle.pem"):
            file.unlink()
        assert self.fault(identity).count("cannot be read: No such file or directory") == 3

    def test_expired_certificate_is_rejected(self, tmp_path: Path) -> None:
        expired = AUTHORITY.server(expires_in=timedelta(seconds=-1))
        assert self.fault(settings(tmp_path, expired)).startswith(
            "identity.certificate_file: the certificate expired at 20"
        )

    def test_certificate_that_expires_soon_is_logged(self, tmp_path: Path) -> None:
        with capture_logs() as logged:
            TlsFiles(settings(tmp_path, AUTHORITY.server(expires_in=timedelta(days=13))))
        assert [(line["log_level"], line["event"]) for line in logged] == [("warning", "certificate_expires_soon")]
        with capture_logs() as logged:
            TlsFiles(settings(tmp_path, AUTHORITY.server(expires_in=timedelta(days=15))))
        assert logged == []

    def test_unsupported_keys_are_rejected(self, tmp_path: Path) -> None:
        kinds = "a P-256 or P-384 elliptic-curve key, or an RSA key of at least 2048 bits"
        fault = f"identity.private_key_file: must be {kinds}"
        for key in (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 1024)):
            assert self.fault(settings(tmp_path, AUTHORITY.server(key=key))) == fault

    def test_encrypted_key_is_rejected(self, tmp_path: Path) -> None:
        identity = settings(tmp_path)
        identity.private_key_file.write_bytes(key_pem(elliptic_key(), PrivateFormat.PKCS8, b"password"))
        assert self.fault(identity) == "identity.private_key_file: the private key is encrypted"

    def test_certificate_of_the_key_must_come_first(self, tmp_path: Path) -> None:
        own = AUTHORITY.server()
        identity = settings(tmp_path, own)
        identity.certificate_file.write_bytes(AUTHORITY.pem + own.chain_pem)
        assert self.fault(identity) == "identity.certificate_file: the server certificate must come first"

    async def test_files_with_other_content_are_accepted(self, tmp_path: Path) -> None:
        """One file with non-ASCII text, a key in an old format, and repeated authorities."""
        own = AUTHORITY.server()
        text = "Bag Attributes: 인증서\r\n".encode()
        identity = settings(tmp_path, own, text + AUTHORITY.pem + text + AUTHORITY.pem)
        everything = text + key_pem(own.key) + text + own.chain_pem + text + AUTHORITY.pem + b"\nend"
        identity.certificate_file.write_bytes(everything.replace(b"\n", b"\r\n"))
        identity.private_key_file.write_bytes(everything)
        async with serving(identity) as running, channel(running.address, AUTHORITY, AUTHORITY.issue("web")) as made:
            assert (await who(made))["name"] == "web"

    async def test_rsa_key_is_accepted(self, tmp_path: Path) -> None:
        own = AUTHORITY.server(key=rsa.generate_private_key(65537, 2048))
        async with (
            serving(settings(tmp_path, own)) as running,
            channel(running.address, AUTHORITY, AUTHORITY.issue("web")) as made,
        ):
            assert (await who(made))["name"] == "web"


class TestTls:
    async def test_tls_versions_before_1_2_are_rejected(self, tmp_path: Path) -> None:
        certificate, key = AUTHORITY.issue("web").write(tmp_path, "web")
        async with serving(settings(tmp_path)) as running:
            accepted = {}
            for version in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3"):
                options = ("-connect", running.address, "-cert", certificate, "-key", key, "-alpn", "h2", version)
                done = await asyncio.to_thread(
                    attempt, "s_client", *options, "-cipher", "DEFAULT@SECLEVEL=0", data=b"Q"
                )
                accepted[version] = done.returncode == 0 and b"Cipher is (NONE)" not in done.stdout
        assert accepted == {"-tls1": False, "-tls1_1": False, "-tls1_2": True, "-tls1_3": True}

    async def test_tls_sessions_end_with_a_new_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A resumed session sends no certificate, so the server would not notice that it has become invalid."""
        monkeypatch.setattr(identity_server, "TlsFiles", lambda identity: TlsFiles(identity, interval=0))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=AUTHORITY.pem.decode())
        context.load_cert_chain(*AUTHORITY.issue("web").write(tmp_path, "web"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # here, the session is part of the handshake
        context.set_alpn_protocols(["h2"])
        async with serving(settings(tmp_path)) as running:
            port = int(running.address.rpartition(":")[2])

            async def resumed(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
                return await asyncio.to_thread(connect, context, port, session)

            _, session = await resumed(None)
            assert await resumed(session) == (True, session)
            monkeypatch.setattr(listener, "_SESSION_SECONDS", 0.0)
            reused, _ = await resumed(session)
            assert not reused
            monkeypatch.setattr(listener, "_SESSION_SECONDS", 60.0)
            _, session = await resumed(None)
            (tmp_path / "bundle.pem").write_bytes(CertificateAuthority("Other CA").pem)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await resumed(session)


def connect(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname="localhost", session=session) as connection,
    ):
        assert connection.recv(1)  # the server sends its settings after it accepted the certificate
        return bool(connection.session_reused), connection.session


class TestHealth:
    async def test_health_listener_is_plaintext_and_serves_health_only(self, tmp_path: Path) -> None:
        service = HealthService(())
        server, address = await serve_health("127.0.0.1:0", service)
        try:
            async with grpc.aio.insecure_channel(address) as made:
                stub: Any = health_pb2_grpc.HealthStub(made)
                for status in (health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING):
                    service.report(available=status == health_pb2.HealthCheckResponse.SERVING)
                    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == status
                foreign: Any = made.unary_unary("/keyway.v1.ProviderService/ListProviders")
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await foreign(b"")
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.Check(health_pb2.HealthCheckRequest(service="x" * 5000))
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            with pytest.raises(ListenError):
                await serve_health(address, service)
        finally:
            await server.stop(None)


async def test_host_with_one_address_in_use_is_rejected() -> None:
    """Callers of the other address would reach a different program."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = grpc.aio.server()
        with pytest.raises(ListenError, match="already in use"):
            listener.bind(server, f"localhost:{port}", None)
        await server.stop(0)
