"""The certificates and the private key that a download returned, and the checks before an installation."""

import contextlib
import datetime as dt
import hashlib
import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_NAMES_SHOWN: Final = 5


class MaterialError(Exception):
    """Certificates or a private key that must not be installed. The text contains public data only."""


@dataclass(frozen=True, slots=True)
class Material:
    """chain: the certificate and its issuers, leaf first. authorities: certificates of the trust bundle.

    key: None if the download did not include it.
    """

    chain: tuple[x509.Certificate, ...]
    authorities: tuple[x509.Certificate, ...] = ()
    key: PrivateKeyTypes | None = field(default=None, repr=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate itself."""
        return self.chain[0]

    @property
    def chain_version(self) -> str:
        """The version of the certificate in events of the gateway."""
        return hashlib.sha256(b"".join(each.public_bytes(Encoding.DER) for each in self.chain)).hexdigest()

    @property
    def version(self) -> str:
        """A hash of the public content, in hexadecimal."""
        digest = hashlib.sha256()
        for number, group in enumerate((self.chain, self.authorities)):
            for each in group:
                digest.update(bytes([number]) + hashlib.sha256(each.public_bytes(Encoding.DER)).digest())
        return digest.hexdigest()


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 hash of a certificate, in hexadecimal."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def certificates_of(pems: Sequence[str], what: str) -> tuple[x509.Certificate, ...]:
    """Return certificates from PEM. what: the resource name, for messages. Raises MaterialError."""
    try:
        found = tuple(x509.load_pem_x509_certificate(pem.encode()) for pem in pems)
    except ValueError as error:
        raise MaterialError(f"{what}: a certificate is unreadable") from error
    if not found:
        raise MaterialError(f"{what}: the download contains no certificate")
    return found


def key_of(pem: str, password: bytes | None) -> PrivateKeyTypes:
    """Return the private key. password: of an encrypted one. Raises MaterialError."""
    if not pem:
        raise MaterialError("the download contains no private key")
    data = pem.encode()
    # A password for a key that is not encrypted is ignored.
    with contextlib.suppress(TypeError, ValueError, UnsupportedAlgorithm):
        return load_pem_private_key(data, None)
    if password is None:
        raise MaterialError("the private key is encrypted or unreadable: set private_key_password_file")
    try:
        return load_pem_private_key(data, password)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        pass
    raise MaterialError("the private key is unreadable, or its password is wrong")


def check(material: Material, hosts: Sequence[str], now: dt.datetime, *, needs_key: bool) -> None:
    """Check pair, chain, dates, and host names. Raises MaterialError for the first problem."""
    try:
        if needs_key:
            _check_pair(material)
        _check_chain(material.chain)
    except UnsupportedAlgorithm:
        raise MaterialError("a certificate of the chain has a key or a signature of an unsupported kind") from None
    _check_dates(material.chain, now)
    _check_hosts(material.leaf, hosts)


def _check_pair(material: Material) -> None:
    if material.key is None:
        raise MaterialError("the download contains no private key")
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if material.key.public_key().public_bytes(*spki) != material.leaf.public_key().public_bytes(*spki):
        raise MaterialError("the private key does not belong to the certificate")


def _check_chain(chain: Sequence[x509.Certificate]) -> None:
    for number, (issued, issuer) in enumerate(itertools.pairwise(chain), 1):
        try:
            issued.verify_directly_issued_by(issuer)
        except (InvalidSignature, TypeError, ValueError):
            raise MaterialError(
                f"the chain is broken: certificate {number + 1} ({_name(issuer)}) did not issue certificate {number} "
                f"({_name(issued)})"
            ) from None


def _check_dates(chain: Sequence[x509.Certificate], now: dt.datetime) -> None:
    for each in chain:
        # The dates of a root are not checked by clients that trust it.
        if each is not chain[0] and each.subject == each.issuer:
            continue
        if each.not_valid_after_utc <= now:
            raise MaterialError(f"{_name(each)} expired at {each.not_valid_after_utc.isoformat()}")
        if each.not_valid_before_utc > now:
            raise MaterialError(f"{_name(each)} is not valid before {each.not_valid_before_utc.isoformat()}")


def _check_hosts(leaf: x509.Certificate, hosts: Sequence[str]) -> None:
    names = list(_alternative_names(leaf))
    for host in hosts:
        if not any(_matches(host.lower(), name) for name in names):
            shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
            raise MaterialError(f"the certificate is not valid for {host}; it is valid for {shown or 'no host name'}")


def _alternative_names(leaf: x509.Certificate) -> Iterator[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return
    yield from (name.lower() for name in names.get_values_for_type(x509.DNSName))
    yield from (str(address) for address in names.get_values_for_type(x509.IPAddress))


def _matches(host: str, name: str) -> bool:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host)) == name
    if name.startswith("*."):
        first, _, rest = host.partition(".")
        return bool(first) and rest == name[2:]
    return host == name


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number}"
