"""TLS towards a provider: a context from the contents of files, which people give in many states.

Faults are told by `TlsFileError`, whose message never quotes a file.
"""

import re
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

_PEM_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[\r\n][\x00-\x7f]*?-----END CERTIFICATE-----")


class TlsFileError(ValueError):
    """A file that can't be used; the message says for what."""


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """What the gateway shows of itself: a certificate with its key in PEM, or both in PKCS#12."""

    certificate: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    pkcs12: bytes | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)


def context(authorities: bytes | None, client: ClientFiles | None) -> ssl.SSLContext | None:
    """A verifying context; None where neither is given. authorities: a PEM bundle, in the place of the system's."""
    if authorities is None and client is None:
        return None
    try:
        made = ssl.create_default_context(cadata=_certificates(authorities))
    except (ssl.SSLError, ValueError) as error:
        raise TlsFileError("ca_certificates: holds no PEM certificates") from error
    if client is not None:
        try:
            _show(made, client)
        except (ssl.SSLError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            fault = "can't be read, its password does not fit, or the key is not the certificate's"
            raise TlsFileError(f"client_certificate: {fault}") from error
    return made


def _certificates(bundle: bytes | None) -> str | None:
    """The certificates of a bundle, without what stands between them, which need not be ASCII.

    `ssl` would take an empty bundle for none, and trust the system's authorities.
    """
    if bundle is None:
        return None
    found = _PEM_CERTIFICATE.findall(bundle)
    if not found:
        raise ValueError("no certificates")
    return "\n".join(certificate.decode() for certificate in found)


def _show(made: ssl.SSLContext, client: ClientFiles) -> None:
    """`ssl` takes certificates from files only: hand them over in one that nobody else can read."""
    with tempfile.TemporaryDirectory(prefix="keyway-") as folder:
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_bytes(_pem(client))
        # A password even where there is none: OpenSSL would ask for it at the terminal.
        made.load_cert_chain(path, password=client.password)


def _pem(client: ClientFiles) -> bytes:
    if client.pkcs12 is None:
        return (client.private_key or b"") + b"\n" + (client.certificate or b"")
    password = client.password.encode()
    store = pkcs12.load_pkcs12(client.pkcs12, password or None)
    if store.key is None or store.cert is None:
        raise ValueError("the PKCS#12 file holds no key with its certificate")
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    key = store.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    chain = [store.cert, *store.additional_certs]
    return key + b"".join(item.certificate.public_bytes(serialization.Encoding.PEM) for item in chain)
