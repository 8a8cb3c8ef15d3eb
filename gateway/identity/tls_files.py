"""The files that the gateway's listener shows and trusts, checked before they are used, and read again on change.

What is broken at start stops it; what is broken later leaves the last good files in use, and one line in the log.
"""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from gateway import pem
from gateway.config.base import ConfigError
from gateway.config.file_watcher import WatchedFiles
from gateway.identity.settings import IdentitySettings

_SOON: Final = timedelta(days=14)
_MINIMUM_RSA_BITS: Final = 2048

_log = structlog.get_logger(__name__)

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What a TLS server needs, as PEM that holds nothing else.

    trust_bundle: None where callers show no certificates. expires: the server's own certificate.
    """

    chain: bytes
    private_key: bytes = field(repr=False)
    trust_bundle: bytes | None
    serial_number: int
    expires: datetime


class TlsFiles:
    """The files that `settings` names. ConfigError where they can't be used; each line names a key."""

    def __init__(self, settings: IdentitySettings, *, interval: float = 1.0) -> None:
        self._settings = settings
        # Connections are accepted in several threads.
        self._lock = threading.Lock()
        # Before they are read: what changes while they are is noticed later.
        self._watched = WatchedFiles(_paths(settings), interval=interval)
        self._fault = ""
        self.current = _load(settings)
        _warn_of_expiry(self.current)

    def renewed(self) -> TlsMaterial | None:
        """What there is to use from now on; None where that is what was used before. Never fails."""
        with self._lock:
            if not self._watched.changed():
                return None
            try:
                found = _load(self._settings)
            except ConfigError as error:
                self._keep(str(error))
                return None
            self._fault = ""
            if found == self.current:
                return None
            self.current = found
        _log.info("TLS files renewed", serial_number=f"{found.serial_number:x}", expires=found.expires.isoformat())
        _warn_of_expiry(found)
        return found

    def _keep(self, fault: str) -> None:
        # Not every fault ends with a change of the files: a disk may only have failed to read them.
        self._watched.again()
        if fault != self._fault:
            self._fault = fault
            _log.warning("changed TLS files are not usable, the last good ones stay in use", fault=fault)


def _paths(settings: IdentitySettings) -> list[Path]:
    own = [settings.certificate_file, settings.private_key_file]
    return [*own, settings.mtls.trust_bundle_file] if settings.mtls is not None else own


def _load(settings: IdentitySettings) -> TlsMaterial:
    """All that the files hold, or a ConfigError with every fault."""
    faults: dict[str, str] = {}
    chain = _certificates(settings.certificate_file, "certificate_file", faults)
    key = _private_key(settings.private_key_file, faults)
    bundle = None
    if settings.mtls is not None:
        bundle = pem.to_pem(_certificates(settings.mtls.trust_bundle_file, "mtls.trust_bundle_file", faults))
    if chain and chain[0].not_valid_after_utc <= datetime.now(UTC):
        faults.setdefault("certificate_file", f"the certificate expired at {chain[0].not_valid_after_utc.isoformat()}")
    if chain and key is not None and not _fits(key, chain[0]):
        other = any(_fits(key, each) for each in chain)
        fault = "the certificate of the key must come first" if other else "is not the certificate of private_key_file"
        faults.setdefault("certificate_file", fault)
    if faults or key is None:
        raise ConfigError("\n".join(f"identity.{place}: {fault}" for place, fault in faults.items()))
    return TlsMaterial(
        chain=pem.to_pem(chain),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        trust_bundle=bundle,
        serial_number=chain[0].serial_number,
        expires=chain[0].not_valid_after_utc,
    )


def _content(path: Path, place: str, faults: dict[str, str]) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        faults[place] = f"the file {path} can't be read: {error.strerror}"
    except ValueError:
        faults[place] = "the file's path makes no sense"
    return None


def _certificates(path: Path, place: str, faults: dict[str, str]) -> list[x509.Certificate]:
    content = _content(path, place, faults)
    if content is None:
        return []
    try:
        return pem.certificates(content)
    except pem.PemError as error:
        faults[place] = str(error)
        return []


def _private_key(path: Path, faults: dict[str, str]) -> _PrivateKey | None:
    place = "private_key_file"
    content = _content(path, place, faults)
    if content is None:
        return None
    try:
        key = load_pem_private_key(pem.private_key(content), password=None)
    except pem.PemError as error:
        faults[place] = str(error)
    except TypeError:
        faults[place] = "the private key is encrypted"
    except (ValueError, UnsupportedAlgorithm):
        faults[place] = "the private key is malformed or of an unsupported kind"
    else:
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MINIMUM_RSA_BITS:
            return key
        faults[place] = f"must be an elliptic-curve key, or an RSA key of at least {_MINIMUM_RSA_BITS} bits"
    return None


def _fits(key: _PrivateKey, certificate: x509.Certificate) -> bool:
    try:
        return key.public_key() == certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):  # the certificate's key is of a kind that nothing here can read
        return False


def _warn_of_expiry(material: TlsMaterial) -> None:
    """Certificates that live for less than the usual warning are renewed by a machine."""
    certificate = x509.load_pem_x509_certificate(material.chain)
    soon = min(_SOON, (certificate.not_valid_after_utc - certificate.not_valid_before_utc) / 3)
    if material.expires - datetime.now(UTC) < soon:
        _log.warning("the server's certificate expires soon", expires=material.expires.isoformat())
