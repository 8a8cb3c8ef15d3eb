"""Caller names from client certificates. TLS has already verified the chain and the validity period.

A SPIFFE ID is accepted only in a URI name of the certificate; no other name can look like one.
"""

import re
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.identity.caller import Caller
from gateway.identity.errors import AuthenticationError, AuthenticationFailure

_MAXIMUM_NAME_CHARACTERS: Final = 2048
_MAXIMUM_HOST_CHARACTERS: Final = 253
_MAXIMUM_COMMON_NAME_CHARACTERS: Final = 64
_SCHEME: Final = "spiffe:"
_SPIFFE_ID: Final = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+")
_HOST: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class _UnusableName(Exception):
    """The certificate has no usable name; the message says why."""


def caller_of(certificate: bytes) -> Caller:
    """Return the caller that a PEM certificate identifies. Raises AuthenticationError if it has no usable name."""
    found = _read(certificate)
    if isinstance(found, Caller):
        return found
    raise AuthenticationError(AuthenticationFailure.NAMELESS_CERTIFICATE, found)


@lru_cache(maxsize=4096)
def _read(certificate: bytes) -> Caller | str:
    """Return the caller, or the reason why there is none. Errors are cached too: TLS has verified the certificate."""
    try:
        parsed = x509.load_pem_x509_certificate(certificate)
        _check_is_leaf(parsed)
        return _from_uris(parsed) or _from_hosts(parsed) or _from_subject(parsed)
    except _UnusableName as error:
        return str(error)
    except ValueError:
        return "the names in the certificate cannot be read"


def _check_is_leaf(certificate: x509.Certificate) -> None:
    """Reject CA certificates: they issue certificates for callers and are not callers."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return
    if constraints.ca:
        raise _UnusableName("the certificate is a CA certificate")


def _from_uris(certificate: x509.Certificate) -> Caller | None:
    uris = _alternatives(certificate, x509.UniformResourceIdentifier)
    if not any(uri.lower().startswith(_SCHEME) for uri in uris):
        return None
    if len(uris) > 1:
        raise _UnusableName("a SPIFFE ID must be the only URI in the certificate")
    if len(uris[0]) > _MAXIMUM_NAME_CHARACTERS or not _SPIFFE_ID.fullmatch(uris[0]):
        raise _UnusableName("the SPIFFE ID is not a valid workload ID")
    return Caller(uris[0], "spiffe")


def _from_hosts(certificate: x509.Certificate) -> Caller | None:
    hosts = _alternatives(certificate, x509.DNSName)
    if not hosts:
        return None
    name = hosts[0].lower()
    if len(name) > _MAXIMUM_HOST_CHARACTERS or not _HOST.fullmatch(name):
        raise _UnusableName("the first DNS name is not a single host name")
    return Caller(name, "dns")


def _from_subject(certificate: x509.Certificate) -> Caller:
    names = [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(names) != 1:
        raise _UnusableName(
            "the certificate has no SPIFFE ID and no DNS name, and does not have exactly one common name"
        )
    name = names[0]
    plain = name.isprintable() and name == name.strip() and 0 < len(name) <= _MAXIMUM_COMMON_NAME_CHARACTERS
    if not plain or _SCHEME in name.lower() or "://" in name:
        raise _UnusableName("the common name is not printable text, or looks like a URI")
    return Caller(name, "common-name")


def _alternatives(certificate: x509.Certificate, kind: type[x509.GeneralName]) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name.value for name in names if isinstance(name, kind)]
