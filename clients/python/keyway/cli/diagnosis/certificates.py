"""What a diagnosis shows of a certificate: its names, its issuer, and its dates."""

import datetime as dt
from typing import Final

from cryptography import x509

from keyway.connection import Pem, read_pem

_FORMAT: Final = "%Y-%m-%d %H:%M:%S UTC"


def read(pem: Pem | None) -> x509.Certificate | None:
    """Return the first certificate of a PEM file; None if there is none that can be read."""
    content = read_pem(pem)
    try:
        return None if content is None else x509.load_pem_x509_certificate(content)
    except ValueError:
        return None


def decode(der: bytes | None) -> x509.Certificate | None:
    """Return a certificate in DER; None if there is none, or if it cannot be read."""
    try:
        return None if der is None else x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def subject(certificate: x509.Certificate) -> str:
    """Return the subject, or the first alternative name of a certificate without a subject."""
    return certificate.subject.rfc4514_string() or next(iter(names(certificate)), "no name")


def issuer(certificate: x509.Certificate) -> str:
    """Return the issuer as text."""
    return f"issued by {certificate.issuer.rfc4514_string()}"


def names(certificate: x509.Certificate) -> list[str]:
    """Return the alternative names: host names, IP addresses, and URIs."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        str(name.value)
        for name in found
        if isinstance(name, x509.DNSName | x509.IPAddress | x509.UniformResourceIdentifier)
    ]


def dates(certificate: x509.Certificate) -> str:
    """Return the validity as text."""
    return f"valid from {moment(certificate.not_valid_before_utc)} until {moment(certificate.not_valid_after_utc)}"


def clock() -> str:
    """Return the time of this machine as text."""
    return f"the clock of this machine: {moment(now())}"


def is_current(certificate: x509.Certificate) -> bool:
    """Return whether the current time is within the validity of the certificate."""
    return certificate.not_valid_before_utc <= now() <= certificate.not_valid_after_utc


def now() -> dt.datetime:
    """Return the time of this machine."""
    return dt.datetime.now(dt.UTC)


def moment(when: dt.datetime) -> str:
    """Return a time as text, in UTC."""
    return when.astimezone(dt.UTC).strftime(_FORMAT)
