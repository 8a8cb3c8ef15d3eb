"""Caller names from client certificates. TLS has already verified the chain and the validity period.

A SPIFFE ID is accepted only in a URI name of the certificate; no other name can look like one. Only the fields that
identify the caller are read. If one of them is malformed, no other name is used instead.
"""

import math
import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from gateway import pem
from gateway.identity.caller import Caller
from gateway.identity.errors import AuthenticationError, AuthenticationFailure
from gateway.x509_reader.certificate import DNS_NAME, URI, ParsedCertificate
from gateway.x509_reader.der import X509Error
from gateway.x509_reader.names import COMMON_NAME

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
        parsed, *_ = pem.certificates(certificate)
        _check_is_leaf(parsed)
        caller = _from_uris(parsed) or _from_hosts(parsed) or _from_subject(parsed)
        return replace(caller, expires=_expiry(parsed))
    except _UnusableName as error:
        return str(error)
    except (pem.PemError, X509Error):
        return "the names in the certificate cannot be read"


def _expiry(certificate: ParsedCertificate) -> float:
    """Return when a certificate expires, in seconds since 1970. TLS has verified a date that cannot be read here."""
    try:
        return certificate.not_after.timestamp()
    except X509Error:
        return math.inf


def _check_is_leaf(certificate: ParsedCertificate) -> None:
    """Reject CA certificates: they issue certificates for callers and are not callers."""
    if certificate.is_authority:
        raise _UnusableName("the certificate is a CA certificate")


def _from_uris(certificate: ParsedCertificate) -> Caller | None:
    uris = _alternatives(certificate, URI)
    if not any(uri.lower().startswith(_SCHEME) for uri in uris):
        return None
    if len(uris) > 1:
        raise _UnusableName("a SPIFFE ID must be the only URI in the certificate")
    if len(uris[0]) > _MAXIMUM_NAME_CHARACTERS or not _SPIFFE_ID.fullmatch(uris[0]):
        raise _UnusableName("the SPIFFE ID is not a valid workload ID")
    return Caller(uris[0], "spiffe")


def _from_hosts(certificate: ParsedCertificate) -> Caller | None:
    hosts = _alternatives(certificate, DNS_NAME)
    if not hosts:
        return None
    name = hosts[0].lower()
    if len(name) > _MAXIMUM_HOST_CHARACTERS or not _HOST.fullmatch(name):
        raise _UnusableName("the first DNS name is not a single host name")
    return Caller(name, "dns")


def _from_subject(certificate: ParsedCertificate) -> Caller:
    names = certificate.subject.values(COMMON_NAME)
    if len(names) != 1:
        raise _UnusableName(
            "the certificate has no SPIFFE ID and no DNS name, and does not have exactly one common name"
        )
    # A text that is a guess would not identify the caller.
    name = (names[0].text or "") if names[0].exact else ""
    plain = name.isprintable() and name == name.strip() and 0 < len(name) <= _MAXIMUM_COMMON_NAME_CHARACTERS
    if not plain or _SCHEME in name.lower() or "://" in name:
        raise _UnusableName("the common name is not printable text, or looks like a URI")
    return Caller(name, "common-name")


def _alternatives(certificate: ParsedCertificate, kind: int) -> list[str]:
    """Return the alternative names of one kind. Names of other kinds are not read."""
    try:
        return [name.decode("ascii") for name in certificate.alternative_names(kind)]
    except UnicodeDecodeError:
        raise _UnusableName("a name in the certificate is not ASCII") from None
