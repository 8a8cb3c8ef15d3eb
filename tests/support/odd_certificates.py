"""Certificates with contents that certificate libraries do not write, correctly signed."""

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.x509_reader import der

UTF8, PRINTABLE, TELETEX, BITS = 0x0C, 0x13, 0x14, 0x03
SUBJECT_ALTERNATIVE_NAME = x509.SubjectAlternativeName.oid
EDI_PARTY_NAME = der.encode(0xA5, der.encode(0xA1, der.encode(UTF8, b"x")))
X400_ADDRESS = der.encode(0xA3, der.encode(der.SEQUENCE))


def alternative_names(*names: bytes) -> x509.UnrecognizedExtension:
    """Return the extension with these encoded names."""
    return x509.UnrecognizedExtension(SUBJECT_ALTERNATIVE_NAME, der.encode(der.SEQUENCE, *names))


def dns_name(host: str) -> bytes:
    """Return an encoded DNS name."""
    return der.encode(der.CONTEXT + 2, host.encode())


def text(value: str | bytes, tag: int = UTF8) -> bytes:
    """Return a value of a name with its tag and length."""
    return der.encode(tag, value.encode() if isinstance(value, str) else value)


def changed(
    certificate: x509.Certificate, changes: Mapping[bytes, bytes], issuer_key: ec.EllipticCurvePrivateKey
) -> bytes:
    """Replace bytes of a certificate that the library made, sign it again, and return it in DER.

    Each new value has the length of the old one, which must occur.
    """
    signed = certificate.tbs_certificate_bytes
    for old, new in changes.items():
        assert old in signed
        assert len(old) == len(new)
        signed = signed.replace(old, new)
    signature = issuer_key.sign(signed, ec.ECDSA(hashes.SHA256()))
    algorithm = der.encode(der.SEQUENCE, bytes.fromhex("06082a8648ce3d040302"))
    return der.encode(der.SEQUENCE, signed, algorithm, der.encode(der.BIT_STRING, b"\0" + signature))
