"""TLS contexts for connections to providers, made from the contents of certificate and key files.

Raises `FileError`, whose message never quotes a file.
"""

import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from gateway import pem
from gateway.config.problems import FileError, Place, place_text
from gateway.tls_verification import verifying_context

_AUTHORITIES: Final[Place] = ("ca_certificates",)
_CLIENT: Final[Place] = ("client_certificate",)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The gateway's own certificate and private key: both in PEM, or both in one PKCS#12 file."""

    certificate: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    pkcs12: bytes | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)


def context(authorities: bytes | None, client: ClientFiles | None) -> ssl.SSLContext | None:
    """Return a context that verifies servers; None if neither argument is given. Raises FileError with every problem.

    authorities: a PEM bundle that replaces the system's trust store.
    """
    if authorities is None and client is None:
        return None
    faults: dict[Place, str] = {}
    made = _verifying_context(authorities, faults)
    if client is not None:
        _load_client(made, client, faults)
    if faults:
        lines = (f"{place_text(place)}: {fault}" for place, fault in faults.items())
        raise FileError("\n".join(lines), {place: [fault] for place, fault in faults.items()})
    return made


def _verifying_context(authorities: bytes | None, faults: dict[Place, str]) -> ssl.SSLContext:
    """`ssl` treats an empty bundle as no bundle and trusts the system's authorities; `pem.certificates` rejects it."""
    if authorities is None:
        return verifying_context()
    try:
        return verifying_context(pem.plain_certificates(authorities).decode())
    except pem.PemError as error:
        faults[_AUTHORITIES] = str(error)
    except (ssl.SSLError, ValueError):
        faults[_AUTHORITIES] = "contains a certificate that OpenSSL rejects"
    return verifying_context()


def _load_client(made: ssl.SSLContext, client: ClientFiles, faults: dict[Place, str]) -> None:
    try:
        content = _client_pem(client, faults)
        if content is not None:
            load_pem(made, content, client.password)
    except (ssl.SSLError, ValueError, TypeError, UnsupportedAlgorithm):
        reason = "malformed file, wrong password, or a private key that does not belong to the certificate"
        faults[_CLIENT if client.pkcs12 is None else (*_CLIENT, "pkcs12")] = reason


def load_pem(made: ssl.SSLContext, content: bytes, password: str) -> None:
    """Load a certificate with its chain and its private key. Raises ssl.SSLError.

    `ssl` loads certificates only from files: this writes one that no other user can read, and removes it.
    """
    with tempfile.TemporaryDirectory(prefix="keyway-") as folder:
        path = Path(folder, "credentials.pem")
        path.touch(mode=0o600)
        path.write_bytes(content)
        # Always pass a password, even an empty one: without it OpenSSL prompts on the terminal.
        made.load_cert_chain(path, password=password)


def _client_pem(client: ClientFiles, faults: dict[Place, str]) -> bytes | None:
    """Return the private key and the certificates in PEM, or None and faults."""
    if client.pkcs12 is not None:
        return _pkcs12_as_pem(client.pkcs12, client.password.encode())
    certificates = _read(pem.plain_certificates, client.certificate, (*_CLIENT, "certificate"), faults)
    key = _read(pem.private_key, client.private_key, (*_CLIENT, "private_key"), faults)
    return key + certificates if key is not None and certificates is not None else None


def _read(read: Callable[[bytes], _T], content: bytes | None, place: Place, faults: dict[Place, str]) -> _T | None:
    try:
        return read(content or b"")
    except pem.PemError as error:
        faults[place] = str(error)
        return None


def _pkcs12_as_pem(content: bytes, password: bytes) -> bytes:
    # Imported here: it loads the whole X.509 part of the package, which nothing else needs here.
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415

    store = pkcs12.load_pkcs12(content, password or None)
    if store.key is None or store.cert is None:
        raise ValueError("the PKCS#12 file contains no private key with its certificate")
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    key = store.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    chain = [
        item.certificate.public_bytes(serialization.Encoding.PEM) for item in (store.cert, *store.additional_certs)
    ]
    return b"".join((key, *chain))
