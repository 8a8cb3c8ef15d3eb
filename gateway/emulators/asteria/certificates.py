"""Reading and writing certificate files: X.509 and PKCS#7, PEM and DER, and chain order.

Every invalid file raises CertificateError.
"""

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from gateway.emulators import pem_blocks
from gateway.emulators.asteria import der
from gateway.emulators.parsing import UnreadableError, parsing

_SIGNED_DATA = der.encode_oid("1.2.840.113549.1.7.2")
_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "CMS")
_MAXIMUM_CERTIFICATES = 1_000


class CertificateError(ValueError):
    """The data contains no readable certificate."""


def parse_all(data: bytes) -> list[x509.Certificate]:
    """Return all certificates of an X.509 or PKCS#7 file in PEM or DER. All fields of each certificate are readable."""
    try:
        with parsing("the file"):
            certificates = _pem(data) if b"-----BEGIN " in data else _der(data)
    except UnreadableError as error:
        raise CertificateError("the file is neither X.509 nor PKCS#7") from error
    if not certificates:
        raise CertificateError("the file contains no certificate")
    check_count(certificates)
    for certificate in certificates:
        check(certificate)
    return certificates


def parse(data: bytes) -> x509.Certificate:
    """Return the certificate in a DER encoding."""
    try:
        with parsing("the data"):
            certificate = x509.load_der_x509_certificate(data)
    except UnreadableError as error:
        raise CertificateError("the file is not a DER certificate") from error
    check(certificate)
    return certificate


def check_count(certificates: Sequence[x509.Certificate]) -> None:
    """Reject files with too many certificates."""
    if len(certificates) > _MAXIMUM_CERTIFICATES:
        raise CertificateError(f"the file contains more than {_MAXIMUM_CERTIFICATES:,} certificates")


def check(certificate: x509.Certificate) -> None:
    """Read lazily parsed fields now, so that an invalid field is found early."""
    try:
        with parsing("a field"):
            _ = certificate.version, certificate.subject, certificate.issuer, certificate.extensions
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.public_key()
    except UnreadableError as error:
        raise CertificateError("a certificate has a malformed field") from error


def to_der(certificate: x509.Certificate) -> bytes:
    """Return the certificate's encoding."""
    return certificate.public_bytes(serialization.Encoding.DER)


def public_key_bytes(key: PublicKeyTypes) -> bytes:
    """Return a public key in canonical form for comparison."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def order_chain(
    leaf: x509.Certificate, others: Iterable[x509.Certificate]
) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """Return the chain from the leaf upwards, and the certificates that are not part of it."""
    left = [each for each in dict.fromkeys(others) if each != leaf]
    chain = [leaf]
    while chain[-1].subject != chain[-1].issuer:
        issuer = next((each for each in left if _issued(each, chain[-1])), None)
        if issuer is None:
            break
        left.remove(issuer)
        chain.append(issuer)
    return chain, left


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Return whether `issuer` issued the certificate, by name and signature. Accepts MD5 and SHA-1 for old servers."""
    if issuer.subject != certificate.issuer:
        return False
    try:
        with parsing("a signature"):
            _verify(issuer.public_key(), certificate)
    except UnreadableError:
        return False
    return True


def _verify(key: PublicKeyTypes, certificate: x509.Certificate) -> None:
    # `verify_directly_issued_by` rejects the old digests.
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    digest = certificate.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and digest is not None:
        parameters = certificate.signature_algorithm_parameters
        scheme = parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()
        key.verify(signature, signed, scheme, digest)
    elif isinstance(key, dsa.DSAPublicKey) and digest is not None:
        key.verify(signature, signed, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(signature, signed)
    else:
        raise UnsupportedAlgorithm("keys of this type cannot sign")


def _pem(data: bytes) -> list[x509.Certificate]:
    """Return the certificates of all blocks; keys and other blocks without certificates are skipped."""
    certificates: list[x509.Certificate] = []
    for block in pem_blocks.read(data):
        if block.label in _LABELS:
            certificates += _der(block.content())
        elif "CERTIFICATE" in block.label and "REQUEST" not in block.label:
            raise ValueError("a PEM block has an unsupported kind of certificate")
    return certificates


def _der(data: bytes) -> list[x509.Certificate]:
    """Return the certificates of concatenated certificates and PKCS#7 structures, which Java accepts."""
    certificates: list[x509.Certificate] = []
    for element in der.elements(data):
        children = element.expect(der.SEQUENCE).children(at_least=2)
        if children[0].encoded == _SIGNED_DATA:
            certificates += [x509.load_der_x509_certificate(each.encoded) for each in _pkcs7_members(children[1])]
        else:
            certificates.append(x509.load_der_x509_certificate(element.encoded))
    return certificates


def _pkcs7_members(content: der.Element) -> list[der.Element]:
    """Return the certificates in SignedData.

    `pkcs7.load_der_pkcs7_certificates` rejects unsorted sets, which openssl writes.
    """
    signed_data = content.expect(der.CONTEXT_0).children(at_least=1)[0].expect(der.SEQUENCE)
    return [each for field in signed_data.children() if field.tag == der.CONTEXT_0 for each in field.children()]
