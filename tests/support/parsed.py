"""Certificates of `cryptography` as the gateway reads them."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.x509_reader import certificate as reader
from gateway.x509_reader.certificate import ParsedCertificate


def parsed(certificate: x509.Certificate) -> ParsedCertificate:
    """Return the same certificate."""
    return reader.parse(certificate.public_bytes(Encoding.DER))


def all_parsed(certificates: Iterable[x509.Certificate]) -> tuple[ParsedCertificate, ...]:
    """Return the same certificates."""
    return tuple(map(parsed, certificates))
