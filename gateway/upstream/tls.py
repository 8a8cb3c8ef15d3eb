"""TLS contexts for connections to providers, made from the contents of certificate and key files.

Raises `TlsFileError`, whose message never quotes a file.
"""

import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway import pem

_T = TypeVar("_T")


class TlsFileError(ValueError):
    """A certificate or key file that is rejected. The message names the setting and the reason."""


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The gateway's own certificate and private key: both in PEM, or both in one PKCS#12 file."""

    certificate: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    pkcs12: bytes | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)


def context(authorities: bytes | None, client: ClientFiles | None) -> ssl.SSLContext | None:
    """Return a context that verifies servers; None if neither argument is given.

    authorities: a PEM bundle that replaces the system's trust store.
    """
    if authorities is None and client is None:
        return None
    made = _verifying_context(authorities)
    if client is not None:
        _load_client(made, client)
    return made


def _verifying_context(authorities: bytes | None) -> ssl.SSLContext:
    """`ssl` treats an empty bundle as no bundle and trusts the system's authorities; `pem.certificates` rejects it."""
    try:
        bundle = pem.to_pem(pem.certificates(authorities)).decode() if authorities is not None else None
        return ssl.create_default_context(cadata=bundle)
    except pem.PemError as error:
        raise TlsFileError(f"ca_certificates: {error}") from error
    except (ssl.SSLError, ValueError) as error:
        raise TlsFileError("ca_certificates: contains a certificate that OpenSSL rejects") from error


def _load_client(made: ssl.SSLContext, client: ClientFiles) -> None:
    try:
        _load_pem(made, _client_pem(client), client.password)
    except pem.PemError as error:
        raise TlsFileError(f"client_certificate: {error}") from error
    except (ssl.SSLError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = "malformed file, wrong password, or a private key that does not belong to the certificate"
        raise TlsFileError(f"client_certificate: {reason}") from error


def _load_pem(made: ssl.SSLContext, content: bytes, password: str) -> None:
    """`ssl` loads certificates only from files: write one that no other user can read."""
    with tempfile.TemporaryDirectory(prefix="keyway-") as folder:
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_bytes(content)
        # Always pass a password, even an empty one: without it OpenSSL prompts on the terminal.
        made.load_cert_chain(path, password=password)


def _client_pem(client: ClientFiles) -> bytes:
    if client.pkcs12 is not None:
        return _pkcs12_as_pem(client.pkcs12, client.password.encode())
    return _setting(pem.private_key, "private_key", client.private_key) + pem.to_pem(
        _setting(pem.certificates, "certificate", client.certificate)
    )


def _setting(read: Callable[[bytes], _T], name: str, content: bytes | None) -> _T:
    """Read the content of a setting; PemErrors get the setting's name."""
    try:
        return read(content or b"")
    except pem.PemError as error:
        raise pem.PemError(f"{name}: {error}") from error


def _pkcs12_as_pem(content: bytes, password: bytes) -> bytes:
    store = pkcs12.load_pkcs12(content, password or None)
    if store.key is None or store.cert is None:
        raise ValueError("the PKCS#12 file contains no private key with its certificate")
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    key = store.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return key + pem.to_pem(item.certificate for item in [store.cert, *store.additional_certs])
