"""Material that all competitors share: plaintext, fixed responses, certificates, and a bearer token."""

import base64
import json
import time
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.authority import AUDIENCE, ISSUER, CertificateAuthority, TokenIssuer
from tests.support.certificate_list import list_page

APP_KEY: Final = "bench"
PROVIDER: Final = "bench"
KEY: Final = "orders"
SUBJECT: Final = "bench"
SPIFFE_ID: Final = "spiffe://example.org/bench"
PLAINTEXT: Final = b"4111 1111 1111 1111; 12/29"
CIPHERTEXT: Final = base64.b64encode(bytes(range(68))).decode()
KEY_VERSION: Final = 3
CERTIFICATES: Final = "certificates"
"""The provider of certificates."""
CERTIFICATE: Final = "web.example.com"
BATCH_ITEMS: Final = 100
_DAY: Final = timedelta(days=1)
_SECONDS: Final = 24 * 3600


def _envelope(body: dict[str, Any]) -> bytes:
    header = {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}
    return json.dumps({"header": header, "body": body}).encode()


def certificate_row(name: str) -> dict[str, Any]:
    """A row of Certificate Manager's list."""
    return {
        "certificateName": name,
        "authority": "Benchmark CA",
        "domains": [name, f"www.{name}", f"api.{name}"],
        "signatureAlgorithm": "SHA256withECDSA",
        "fileCreationDate": "2026-01-01",
        "expirationDate": "2999-01-01",
    }


class Material:
    """Files below `folder`, created on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def encrypt_answer(self) -> bytes:
        """The upstream's response to `encrypt`."""
        return _envelope({"ciphertext": CIPHERTEXT, "keyVersion": KEY_VERSION})

    @cached_property
    def public_key_der(self) -> bytes:
        """The public key in the upstream's response to `publicKey`."""
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def public_key_answer(self) -> bytes:
        """The upstream's response to `publicKey`, in both formats."""
        der = self.public_key_der
        hexadecimal = ", ".join(f"0x{octet:02x}" for octet in der)
        body = {"key": hexadecimal, "encodedKey": base64.b64encode(der).decode(), "keyVersion": KEY_VERSION}
        return _envelope(body)

    @cached_property
    def encrypt_request(self) -> bytes:
        """The request message of Encrypt."""
        name = f"providers/{PROVIDER}/keys/{KEY}"
        return keys.EncryptRequest(name=name, plaintext=PLAINTEXT).SerializeToString()

    @cached_property
    def batch_request(self) -> bytes:
        """The request message of BatchEncrypt."""
        one = keys.EncryptRequest.FromString(self.encrypt_request)
        return keys.BatchEncryptRequest(requests=[one] * BATCH_ITEMS).SerializeToString()

    @cached_property
    def public_key_request(self) -> bytes:
        """The request message of GetPublicKey."""
        return keys.GetPublicKeyRequest(name=f"providers/{PROVIDER}/keys/{KEY}").SerializeToString()

    @cached_property
    def get_certificate_request(self) -> bytes:
        """The request message of GetCertificate in the FULL view."""
        name = f"providers/{CERTIFICATES}/certificates/{CERTIFICATE}"
        request = certificates.GetCertificateRequest(name=name, view=certificates.CERTIFICATE_VIEW_FULL)
        return request.SerializeToString()

    @cached_property
    def download_request(self) -> bytes:
        """The request message of DownloadCertificate."""
        name = f"providers/{CERTIFICATES}/certificates/{CERTIFICATE}"
        return certificates.DownloadCertificateRequest(name=name).SerializeToString()

    @cached_property
    def certificate_list_answer(self) -> bytes:
        """The upstream's response to a list, with one certificate."""
        return list_page(lambda _: certificate_row(CERTIFICATE), 1, 1, 1000)

    @cached_property
    def certificate_file_answer(self) -> bytes:
        """The upstream's response to a download: the certificate and its authority."""
        return self.server_files[0].read_bytes() + self.authority_file.read_bytes()

    @cached_property
    def _authority(self) -> CertificateAuthority:
        return CertificateAuthority("Benchmark CA")

    @cached_property
    def authority_file(self) -> Path:
        """The authority of all certificates."""
        return self.file("ca.pem", self._authority.pem)

    @cached_property
    def server_files(self) -> tuple[Path, Path]:
        """Certificate and key of all servers."""
        return self._authority.server(expires_in=_DAY).write(self.folder, "server")

    @cached_property
    def caller_files(self) -> tuple[Path, Path]:
        """Certificate and key of the caller."""
        return self._authority.issue(uris=[SPIFFE_ID], expires_in=_DAY).write(self.folder, "caller")

    @cached_property
    def _issuer(self) -> TokenIssuer:
        return TokenIssuer()

    @cached_property
    def jwks_file(self) -> Path:
        """The key set of the token issuer."""
        return self.file("jwks.json", self._issuer.jwks())

    @cached_property
    def token(self) -> str:
        """The caller's bearer token, valid only for the benchmark's own servers."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "exp": now + _SECONDS}
        return self._issuer.token(claims)

    def file(self, name: str, content: bytes) -> Path:
        """Write a file with this content."""
        path = self.folder / name
        path.write_bytes(content)
        return path
