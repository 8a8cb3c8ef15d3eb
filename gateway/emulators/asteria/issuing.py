"""Issuing for `create`: a key pair, a self-signed certificate, and a CSR, with any algorithm that a server offers.

parameters.py checks the parameters first. `cryptography` no longer signs certificates with MD5 and SHA-1, which the
vendor's sample uses. Such a certificate is built with SHA-256 and then signed again.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.x509.oid import NameOID

from gateway.emulators.asteria import der

KeyAlgorithm = Literal["RSA", "DSA", "EC"]
PrivateKey = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey

_PART_OIDS: Final = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}
_CURVES: Final[dict[int, type[ec.EllipticCurve]]] = {
    224: ec.SECP224R1,
    256: ec.SECP256R1,
    384: ec.SECP384R1,
    521: ec.SECP521R1,
}
_RETIRED: Final = (hashes.MD5, hashes.SHA1)
_TBS_ALGORITHM_INDEX: Final = 2


class KeyGenerationError(Exception):
    """The key pair cannot be generated."""


class SigningError(Exception):
    """The certificate or the CSR cannot be signed."""


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """A signature algorithm: its key type, digest, and identifier."""

    key_algorithm: KeyAlgorithm
    digest: Callable[[], hashes.HashAlgorithm]
    oid: str

    @property
    def identifier(self) -> bytes:
        """The AlgorithmIdentifier. RSA has NULL parameters, the others have none."""
        parameters = der.encode(der.NULL) if self.key_algorithm == "RSA" else b""
        return der.encode(der.SEQUENCE, der.encode_oid(self.oid), parameters)


_ALGORITHMS: Final = {
    "MD5WITHRSA": SignatureAlgorithm("RSA", hashes.MD5, "1.2.840.113549.1.1.4"),
    "SHA1WITHRSA": SignatureAlgorithm("RSA", hashes.SHA1, "1.2.840.113549.1.1.5"),
    "SHA224WITHRSA": SignatureAlgorithm("RSA", hashes.SHA224, "1.2.840.113549.1.1.14"),
    "SHA256WITHRSA": SignatureAlgorithm("RSA", hashes.SHA256, "1.2.840.113549.1.1.11"),
    "SHA384WITHRSA": SignatureAlgorithm("RSA", hashes.SHA384, "1.2.840.113549.1.1.12"),
    "SHA512WITHRSA": SignatureAlgorithm("RSA", hashes.SHA512, "1.2.840.113549.1.1.13"),
    "SHA1WITHDSA": SignatureAlgorithm("DSA", hashes.SHA1, "1.2.840.10040.4.3"),
    "SHA224WITHDSA": SignatureAlgorithm("DSA", hashes.SHA224, "2.16.840.1.101.3.4.3.1"),
    "SHA256WITHDSA": SignatureAlgorithm("DSA", hashes.SHA256, "2.16.840.1.101.3.4.3.2"),
    "SHA1WITHECDSA": SignatureAlgorithm("EC", hashes.SHA1, "1.2.840.10045.4.1"),
    "SHA224WITHECDSA": SignatureAlgorithm("EC", hashes.SHA224, "1.2.840.10045.4.3.1"),
    "SHA256WITHECDSA": SignatureAlgorithm("EC", hashes.SHA256, "1.2.840.10045.4.3.2"),
    "SHA384WITHECDSA": SignatureAlgorithm("EC", hashes.SHA384, "1.2.840.10045.4.3.3"),
    "SHA512WITHECDSA": SignatureAlgorithm("EC", hashes.SHA512, "1.2.840.10045.4.3.4"),
}


def signature_algorithm(name: str) -> SignatureAlgorithm | None:
    """Return the algorithm with Java's name (`SHA256withRSA`) or the sample's (`md5WithRSAEncryption`), in any case."""
    return _ALGORITHMS.get(name.upper().removesuffix("ENCRYPTION"))


@dataclass(frozen=True, slots=True)
class Issued:
    """The issued key, certificate, and CSR."""

    key: PrivateKey
    certificate: x509.Certificate
    csr: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """What to issue. `subject` maps C, ST, L, O, OU, CN. The last three are the validity, its start, the serial."""

    subject: dict[str, str]
    key_algorithm: KeyAlgorithm
    key_size: int
    signature: SignatureAlgorithm
    valid_days: int
    now: dt.datetime


def issue(order: Order) -> Issued:
    """Return a key pair, its self-signed certificate, and a CSR for the same subject."""
    key = _generate(order.key_algorithm, order.key_size)
    name = name_of(order.subject)
    try:
        certificate = _self_signed(key, name, order)
        csr = _request(key, name, order.signature)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningError(str(error)) from error
    return Issued(key, certificate, csr)


def name_of(subject: Mapping[str, str]) -> x509.Name:
    """Return a name from its parts, the least specific first. Raises ValueError for parts that X.509 does not allow."""
    return x509.Name([x509.NameAttribute(oid, subject[part]) for part, oid in _PART_OIDS.items() if part in subject])


def _generate(algorithm: KeyAlgorithm, size: int) -> PrivateKey:
    try:
        match algorithm:
            case "RSA":
                return rsa.generate_private_key(65537, size)
            case "DSA":
                return dsa.generate_private_key(size)
            case "EC":
                return ec.generate_private_key(_CURVES[size]())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyGenerationError(str(error)) from error


def _self_signed(key: PrivateKey, name: x509.Name, order: Order) -> x509.Certificate:
    start = order.now.replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int(order.now.timestamp() * 1000))
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=order.valid_days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not _is_retired(order.signature):
        return builder.sign(key, _builder_digest(order.signature))
    signed = builder.sign(key, hashes.SHA256())
    fields = [child.encoded for child in der.single(signed.tbs_certificate_bytes, der.SEQUENCE).children()]
    fields[_TBS_ALGORITHM_INDEX] = order.signature.identifier
    return x509.load_der_x509_certificate(_sign(key, der.encode(der.SEQUENCE, *fields), order.signature))


def _request(key: PrivateKey, name: x509.Name, algorithm: SignatureAlgorithm) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if not _is_retired(algorithm):
        return builder.sign(key, _builder_digest(algorithm)).public_bytes(serialization.Encoding.DER)
    request = builder.sign(key, hashes.SHA256())
    return _sign(key, request.tbs_certrequest_bytes, algorithm)


def _is_retired(algorithm: SignatureAlgorithm) -> bool:
    return isinstance(algorithm.digest(), _RETIRED)


def _builder_digest(algorithm: SignatureAlgorithm) -> hashes.SHA256:
    """Return the digest for the library's builders, whose type includes only supported digests."""
    return cast(hashes.SHA256, algorithm.digest())


def _sign(key: PrivateKey, signed: bytes, algorithm: SignatureAlgorithm) -> bytes:
    """Return the outer structure of certificates and CSRs: signed content, algorithm, signature."""
    digest = algorithm.digest()
    match key:
        case rsa.RSAPrivateKey():
            signature = key.sign(signed, padding.PKCS1v15(), digest)
        case dsa.DSAPrivateKey():
            signature = key.sign(signed, digest)
        case ec.EllipticCurvePrivateKey():
            signature = key.sign(signed, ec.ECDSA(digest))
    return der.encode(der.SEQUENCE, signed, algorithm.identifier, der.encode(der.BIT_STRING, b"\0", signature))
