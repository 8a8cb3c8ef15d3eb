"""A private authority as many companies have it: its certificates lack extensions that RFC 5280 requires."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

AUTHORITY_NAME, SERVER_NAME = "Old Private CA", "warp.internal"
_NAMES = x509.SubjectAlternativeName([x509.DNSName("localhost")])


class OldAuthority:
    """An authority without keyUsage and key identifiers, whose basicConstraints are not critical."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = self._sign(AUTHORITY_NAME, self._key, constraints, days=30)
        self.pem = self._certificate.public_bytes(Encoding.PEM)

    def serving(self, folder: Path, *, days: int = 10) -> ssl.SSLContext:
        """Return the TLS context of `localhost` without key identifiers. days: from now to the end of its validity."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(SERVER_NAME, key, _NAMES, days=days)
        path = folder / "server.pem"
        encoded_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(encoded_key + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType, *, days: int
    ) -> x509.Certificate:
        begin = datetime.now(UTC) - timedelta(days=10)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(AUTHORITY_NAME))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=10 + days))
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
