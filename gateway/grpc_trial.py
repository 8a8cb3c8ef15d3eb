"""Trials of TLS files with gRPC, whose TLS library (BoringSSL) rejects keys and certificates that others accept.

gRPC reports unusable files late or never: it keeps the old certificate, aborts handshakes, or drops authorities. A
trial uses the files in a server on a loopback port.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

from gateway.x509_reader.certificate import ParsedCertificate, chain_pem

_LISTEN: Final = "127.0.0.1:0"
_TIMEOUT_SECONDS: Final = 10.0
_AUTHORITIES_AT_ONCE: Final = 50
"""Each one takes a file descriptor during the trial."""


class TrialError(ValueError):
    """gRPC cannot use the files. The message says why and quotes nothing of them."""


@lru_cache(maxsize=2)
def check_server(chain: tuple[ParsedCertificate, ...], private_key: bytes) -> None:
    """Serve TLS with this chain and key (in PEM), and make a handshake. Raises TrialError if that fails.

    A success is kept, because a start checks its files more than once.
    """
    _in_a_thread(partial(_check_server, chain, private_key))


@lru_cache(maxsize=8)
def check_authorities(authorities: tuple[ParsedCertificate, ...]) -> None:
    """Load each of these trusted authorities. Raises TrialError if gRPC cannot use one of them.

    Of a bundle, gRPC silently ignores an authority that it cannot read, and all that follow.
    """
    for start in range(0, len(authorities), _AUTHORITIES_AT_ONCE):
        several = enumerate(authorities[start : start + _AUTHORITIES_AT_ONCE], start=start + 1)
        _in_a_thread(partial(_check_authorities, dict(several)))


def _in_a_thread(trial: Callable[[], None]) -> None:
    """Run a trial. gRPC asks for renewed certificates during a handshake, where it must not be called again."""
    with ThreadPoolExecutor(1, "grpc-trial") as pool:
        pool.submit(trial).result()


def _check_server(chain: Sequence[ParsedCertificate], private_key: bytes) -> None:
    with _server() as (grpc, server):
        try:
            port = server.add_secure_port(_LISTEN, grpc.ssl_server_credentials([(private_key, chain_pem(chain))]))
        except RuntimeError:
            raise TrialError("gRPC does not support this certificate or its private key") from None
        server.start()
        try:
            served = _served_certificate(port)
        except OSError:
            raise TrialError("gRPC cannot complete a TLS handshake with this certificate and its private key") from None
    if served != chain[0].encoded:
        raise TrialError("gRPC presents a different certificate than the first one in the file")


def _served_certificate(port: int) -> bytes | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    address = ("127.0.0.1", port)
    with socket.create_connection(address, _TIMEOUT_SECONDS) as plain, context.wrap_socket(plain) as connection:
        return connection.getpeercert(binary_form=True)


def _check_authorities(authorities: Mapping[int, ParsedCertificate]) -> None:
    """authorities: by their numbers in the file."""
    pair = _temporary_pair()
    with _server() as (grpc, server):
        for number, authority in authorities.items():
            try:
                credentials = grpc.ssl_server_credentials([pair], authority.pem.encode(), require_client_auth=True)
                server.add_secure_port(_LISTEN, credentials)
            except RuntimeError:
                raise TrialError(f"gRPC does not support certificate {number} of the file") from None


def _temporary_pair() -> tuple[bytes, bytes]:
    """Return a private key and its certificate in PEM, which a server needs to load authorities."""
    # Imported here: nothing else in a gateway issues certificates, and this module belongs to the settings classes.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trial")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, certificate.public_bytes(Encoding.PEM)


@contextlib.contextmanager
def _server() -> Iterator[tuple[Any, Any]]:
    """Yield gRPC and a server without methods. gRPC loads here, after the configuration has chosen its listener."""
    import grpc  # noqa: PLC0415 - see above

    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        try:
            yield grpc, server
        finally:
            server.stop(None).wait(_TIMEOUT_SECONDS)
