"""TLS files of the gateway's listener: validated before use, and reloaded when they change.

Invalid files stop the start. If changed files are invalid, the last valid files stay in use and one warning is logged.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from gateway import pem
from gateway.config.file_watcher import WatchedFiles
from gateway.config.load_state import LoadState
from gateway.config.problems import FileError, Place, place_text
from gateway.grpc_trial import TrialError, check_authorities, check_server
from gateway.identity.settings import IdentitySettings
from gateway.x509_reader.certificate import ParsedCertificate, chain_pem
from gateway.x509_reader.der import X509Error

_WARNING_PERIOD: Final = timedelta(days=14)
_MINIMUM_RSA_BITS: Final = 2048
# gRPC clients in most languages do not support other curves, such as P-521.
_CURVES: Final = ("secp256r1", "secp384r1")
_KEY_KINDS: Final = f"must be a P-256 or P-384 elliptic-curve key, or an RSA key of at least {_MINIMUM_RSA_BITS} bits"
_CERTIFICATE: Final[Place] = ("certificate_file",)
_PRIVATE_KEY: Final[Place] = ("private_key_file",)
_TRUST_BUNDLE: Final[Place] = ("mtls", "trust_bundle_file")

_log = structlog.get_logger(__name__)

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """Certificate chain, private key, and trust bundle of a TLS server, as PEM without other text.

    trust_bundle: None without client certificates. begins, expires: the validity of the server's own certificate.
    """

    chain: bytes
    private_key: bytes = field(repr=False)
    trust_bundle: bytes | None
    serial_number: int
    begins: datetime
    expires: datetime


class TlsFiles:
    """The files that `settings` names. Raises FileError for unusable files."""

    def __init__(self, settings: IdentitySettings, *, interval: float = 1.0) -> None:
        self._settings = settings
        # Several threads accept connections.
        self._lock = threading.Lock()
        # Before the first read, so that a change during the read is detected.
        self._watched = WatchedFiles(_paths(settings), interval=interval)
        self._fault = ""
        self.load_state = LoadState()
        self.current = _load(settings)
        _warn_of_expiry(self.current)

    @property
    def require_client_certificates(self) -> bool:
        """Whether clients must present a certificate."""
        return self._settings.mtls is not None

    def renewed(self) -> TlsMaterial | None:
        """Return changed TLS material; None if nothing has changed. Never raises."""
        with self._lock:
            if not self._watched.changed():
                return None
            try:
                found = _load(self._settings)
            except FileError as error:
                self._keep(str(error))
                return None
            self._fault = ""
            self.load_state.succeed()
            if found == self.current:
                return None
            self.current = found
        _log.info("tls_files_reloaded", serial_number=f"{found.serial_number:x}", expires=found.expires.isoformat())
        _warn_of_expiry(found)
        return found

    def _keep(self, fault: str) -> None:
        # Read again later even without a change: the error can be a transient read failure.
        self._watched.report_again()
        self.load_state.fail()
        if fault != self._fault:
            self._fault = fault
            _log.warning("tls_files_rejected", error=fault, effect="the last valid files stay in use")


def _paths(settings: IdentitySettings) -> list[Path]:
    own = [settings.certificate_file, settings.private_key_file]
    return [*own, settings.mtls.trust_bundle_file] if settings.mtls is not None else own


def _load(settings: IdentitySettings) -> TlsMaterial:
    """Return the content of the files, which gRPC can use. Raises FileError with every problem."""
    faults: dict[Place, str] = {}
    chain = _certificates(settings.certificate_file, _CERTIFICATE, faults)
    key = _private_key(settings.private_key_file, faults)
    bundle = None
    if settings.mtls is not None:
        bundle = _certificates(settings.mtls.trust_bundle_file, _TRUST_BUNDLE, faults)
        _try(_TRUST_BUNDLE, faults, check_authorities, tuple(bundle))
    material = _material(chain, key, bundle, faults) if chain and key is not None else None
    if material is not None:
        _try(_CERTIFICATE, faults, check_server, tuple(chain), material.private_key)
    if faults or material is None:
        lines = (f"identity.{place_text(place)}: {fault}" for place, fault in faults.items())
        raise FileError("\n".join(lines), {place: [fault] for place, fault in faults.items()})
    return material


def _try(place: Place, faults: dict[Place, str], trial: Callable[..., None], *files: Any) -> None:
    """Try files with gRPC. The fault is added, unless the place already has one."""
    try:
        trial(*files)
    except TrialError as error:
        faults.setdefault(place, str(error))


def _material(
    chain: Sequence[ParsedCertificate],
    key: _PrivateKey,
    bundle: Sequence[ParsedCertificate] | None,
    faults: dict[Place, str],
) -> TlsMaterial | None:
    leaf = chain[0]
    if not _matches(key, leaf):
        other = any(_matches(key, each) for each in chain)
        fault = "the server certificate must come first" if other else "does not match private_key_file"
        faults.setdefault(_CERTIFICATE, fault)
        return None
    try:
        serial_number, begins, expires = leaf.serial_number, leaf.not_before, leaf.not_after
    except X509Error:
        faults.setdefault(_CERTIFICATE, "the serial number or the validity period of the certificate cannot be read")
        return None
    if expires <= datetime.now(UTC):
        faults.setdefault(_CERTIFICATE, f"the certificate expired at {expires.isoformat()}")
    return TlsMaterial(
        chain=chain_pem(chain),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        trust_bundle=chain_pem(bundle) if bundle is not None else None,
        serial_number=serial_number,
        begins=begins,
        expires=expires,
    )


def _content(path: Path, place: Place, faults: dict[Place, str]) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        faults[place] = f"the file {path} cannot be read: {error.strerror}"
    except ValueError:
        faults[place] = "invalid file path"
    return None


def _certificates(path: Path, place: Place, faults: dict[Place, str]) -> list[ParsedCertificate]:
    content = _content(path, place, faults)
    if content is None:
        return []
    try:
        return pem.certificates(content)
    except pem.PemError as error:
        faults[place] = str(error)
        return []


def _private_key(path: Path, faults: dict[Place, str]) -> _PrivateKey | None:
    content = _content(path, _PRIVATE_KEY, faults)
    if content is None:
        return None
    try:
        key = load_pem_private_key(pem.private_key(content), password=None)
    except pem.PemError as error:
        faults[_PRIVATE_KEY] = str(error)
    except TypeError:
        faults[_PRIVATE_KEY] = "the private key is encrypted"
    except Exception:  # noqa: BLE001 - the parser raises many types
        faults[_PRIVATE_KEY] = "the private key is malformed or of an unsupported kind"
    else:
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
            return key
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MINIMUM_RSA_BITS:
            return key
        faults[_PRIVATE_KEY] = _KEY_KINDS
    return None


def _matches(key: _PrivateKey, certificate: ParsedCertificate) -> bool:
    try:
        return key.public_key() == certificate.public_key
    except X509Error:  # unsupported kind of key
        return False


def _warn_of_expiry(material: TlsMaterial) -> None:
    """Warn before the certificate expires; short-lived certificates, which are renewed automatically, warn later."""
    warning_period = min(_WARNING_PERIOD, (material.expires - material.begins) / 3)
    if material.expires - datetime.now(UTC) < warning_period:
        _log.warning("certificate_expires_soon", expires=material.expires.isoformat())
