"""X.509 conversion: certificates to contract messages, and between the certificate formats of the contract.

Sources: RFC 5280 (X.509) and RFC 2315 (PKCS#7). Chains start with the leaf; `pem.order_chain` orders them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID, ObjectIdentifier
from cryptography.x509.oid import SignatureAlgorithmOID as Signature

from gateway.pem import CERTIFICATE_LABELS, PRIVATE_KEY_LABELS
from gateway.providers.base import expiry, pem
from gateway.providers.base.errors import FormatError
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

_PKCS7_LABELS: Final = frozenset({"PKCS7", "CMS", "PKCS #7 SIGNED DATA"})

_SIGNATURE_ALGORITHMS: Final[Mapping[ObjectIdentifier, str]] = {
    ObjectIdentifier("1.2.840.113549.1.1.2"): "MD2withRSA",
    Signature.RSA_WITH_MD5: "MD5withRSA",
    Signature.RSA_WITH_SHA1: "SHA1withRSA",
    Signature.RSA_WITH_SHA224: "SHA224withRSA",
    Signature.RSA_WITH_SHA256: "SHA256withRSA",
    Signature.RSA_WITH_SHA384: "SHA384withRSA",
    Signature.RSA_WITH_SHA512: "SHA512withRSA",
    Signature.RSA_WITH_SHA3_224: "SHA3-224withRSA",
    Signature.RSA_WITH_SHA3_256: "SHA3-256withRSA",
    Signature.RSA_WITH_SHA3_384: "SHA3-384withRSA",
    Signature.RSA_WITH_SHA3_512: "SHA3-512withRSA",
    Signature.RSASSA_PSS: "RSASSA-PSS",
    Signature.ECDSA_WITH_SHA1: "SHA1withECDSA",
    Signature.ECDSA_WITH_SHA224: "SHA224withECDSA",
    Signature.ECDSA_WITH_SHA256: "SHA256withECDSA",
    Signature.ECDSA_WITH_SHA384: "SHA384withECDSA",
    Signature.ECDSA_WITH_SHA512: "SHA512withECDSA",
    Signature.ECDSA_WITH_SHA3_224: "SHA3-224withECDSA",
    Signature.ECDSA_WITH_SHA3_256: "SHA3-256withECDSA",
    Signature.ECDSA_WITH_SHA3_384: "SHA3-384withECDSA",
    Signature.ECDSA_WITH_SHA3_512: "SHA3-512withECDSA",
    Signature.DSA_WITH_SHA1: "SHA1withDSA",
    Signature.DSA_WITH_SHA224: "SHA224withDSA",
    Signature.DSA_WITH_SHA256: "SHA256withDSA",
    Signature.DSA_WITH_SHA384: "SHA384withDSA",
    Signature.DSA_WITH_SHA512: "SHA512withDSA",
    Signature.ED25519: "Ed25519",
    Signature.ED448: "Ed448",
    Signature.ML_DSA_44: "ML-DSA-44",
    Signature.ML_DSA_65: "ML-DSA-65",
    Signature.ML_DSA_87: "ML-DSA-87",
}

_NAME_PARTS: Final[Mapping[ObjectIdentifier, str]] = {
    NameOID.COUNTRY_NAME: "country",
    NameOID.STATE_OR_PROVINCE_NAME: "state",
    NameOID.LOCALITY_NAME: "locality",
    NameOID.ORGANIZATION_NAME: "organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "organizational_unit",
    NameOID.COMMON_NAME: "common_name",
}

_ATTRIBUTE_NAMES: Final[dict[ObjectIdentifier, str]] = {
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.BUSINESS_CATEGORY: "businessCategory",
    NameOID.POSTAL_CODE: "postalCode",
    NameOID.ORGANIZATION_IDENTIFIER: "organizationIdentifier",
    NameOID.JURISDICTION_COUNTRY_NAME: "jurisdictionC",
    NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME: "jurisdictionST",
    NameOID.JURISDICTION_LOCALITY_NAME: "jurisdictionL",
}
"""Attributes without a short name in RFC 4514, with the names that OpenSSL prints."""

_ExtensionT = TypeVar("_ExtensionT", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Certificates in one of the contract's formats. suffix: the file name extension with its dot."""

    content: bytes
    media_type: str
    suffix: str


def read_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a file: X.509 or PKCS#7, PEM or DER, in the order of the file (PKCS#7 has no order).

    Raises FormatError if the file contains no certificate or is malformed. A private key in the file is ignored.
    """
    if len(data) > pem.MAXIMUM_BYTES:
        raise FormatError(f"the file has more than {pem.MAXIMUM_BYTES} bytes")
    found = _from_pem(data) if pem.is_pem(data) else _from_der(data)
    if not found:
        raise FormatError("the file contains no certificate")
    if len(found) > pem.MAXIMUM_BLOCKS:
        raise FormatError(f"the file has more than {pem.MAXIMUM_BLOCKS} certificates")
    return found


def encode(chain: Sequence[x509.Certificate], form: service.CertificateFormat.ValueType) -> Encoded:
    """Encode a chain of at least one certificate, leaf first. UNSPECIFIED means PEM.

    DER contains only the leaf. PKCS#7 does not preserve the order, because it is a set that DER sorts.
    """
    if form == service.CERTIFICATE_FORMAT_DER:
        return Encoded(chain[0].public_bytes(Encoding.DER), "application/pkix-cert", ".der")
    if form == service.CERTIFICATE_FORMAT_PKCS7_PEM:
        content = pkcs7.serialize_certificates(list(chain), Encoding.PEM)
        return Encoded(content, "application/x-pkcs7-certificates", ".p7b")
    if form == service.CERTIFICATE_FORMAT_PKCS7_DER:
        content = pkcs7.serialize_certificates(list(chain), Encoding.DER)
        return Encoded(content, "application/x-pkcs7-certificates", ".p7b")
    return Encoded("".join(to_pem(chain)).encode(), "application/pem-certificate-chain", ".pem")


def to_pem(chain: Sequence[x509.Certificate]) -> list[str]:
    """Return each certificate as PEM with a final line feed."""
    return [certificate.public_bytes(Encoding.PEM).decode() for certificate in chain]


def fill_certificate(message: certificates.Certificate, chain: Sequence[x509.Certificate], timezone: ZoneInfo) -> None:
    """Set the fields of CERTIFICATE_VIEW_FULL from a chain of at least one certificate, leaf first.

    authority, domains, signature_algorithm, and expiration_date (with state) come from the provider. They are set from
    the file only if the message does not have them. Raises FormatError if an extension is malformed.
    """
    leaf = chain[0]
    message.subject.CopyFrom(distinguished_name(leaf.subject))
    message.issuer.CopyFrom(distinguished_name(leaf.issuer))
    message.not_before.FromDatetime(leaf.not_valid_before_utc)
    message.not_after.FromDatetime(leaf.not_valid_after_utc)
    message.version = str(leaf.version.value + 1)
    message.serial_number = str(leaf.serial_number)
    _set_key_usage(message, leaf)
    message.fingerprints.CopyFrom(fingerprints(leaf))
    message.chain[:] = [name_text(certificate.subject) for certificate in chain]
    if not message.authority:
        message.authority = authority(message.issuer)
    if not message.signature_algorithm:
        message.signature_algorithm = signature_algorithm(leaf)
    if not message.domains:
        message.domains[:] = domains(leaf)
    if not message.HasField("expiration_date"):
        expiry.set_expiration(message, expiry.expires_on(leaf.not_valid_after_utc, timezone), timezone)


def distinguished_name(name: x509.Name) -> certificates.DistinguishedName:
    """Return the name as text and by its parts. Each part is the first attribute of its kind."""
    message = certificates.DistinguishedName(text=name_text(name))
    for attribute in name:
        part = _NAME_PARTS.get(attribute.oid)
        if part is not None and isinstance(attribute.value, str) and not getattr(message, part):
            setattr(message, part, attribute.value)
    return message


def authority(issuer: certificates.DistinguishedName) -> str:
    """Return the organization or the common name of an authority for which the provider has no name."""
    return issuer.organization or issuer.common_name


def name_text(name: x509.Name) -> str:
    """Return the name in RFC 4514 format, the last part first: `CN=www.example.com,O=Example,C=KR`."""
    return name.rfc4514_string(_ATTRIBUTE_NAMES)


def signature_algorithm(certificate: x509.Certificate) -> str:
    """Return a name such as `SHA256withRSA`; the object identifier for an unknown algorithm."""
    oid = certificate.signature_algorithm_oid
    return _SIGNATURE_ALGORITHMS.get(oid, oid.dotted_string)


def fingerprints(certificate: x509.Certificate) -> certificates.Fingerprints:
    """Return the hashes of the DER in lowercase hexadecimal with colons."""
    der = certificate.public_bytes(Encoding.DER)
    return certificates.Fingerprints(
        sha1=hashlib.sha1(der, usedforsecurity=False).digest().hex(":"),
        md5=hashlib.md5(der, usedforsecurity=False).digest().hex(":"),
        sha256=hashlib.sha256(der).digest().hex(":"),
    )


def domains(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names in the subject alternative name; if it has none, the common names of the subject."""
    extension = _extension(certificate, x509.SubjectAlternativeName)
    names = extension.get_values_for_type(x509.DNSName) if extension is not None else []
    if names:
        return list(names)
    common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [attribute.value for attribute in common_names if isinstance(attribute.value, str)]


def _set_key_usage(message: certificates.Certificate, certificate: x509.Certificate) -> None:
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None:
        message.ClearField("key_usage")
        return
    message.key_usage.CopyFrom(
        certificates.KeyUsage(
            digital_signature=usage.digital_signature,
            non_repudiation=usage.content_commitment,
            key_encipherment=usage.key_encipherment,
            data_encipherment=usage.data_encipherment,
            key_agreement=usage.key_agreement,
            key_cert_sign=usage.key_cert_sign,
            crl_sign=usage.crl_sign,
            encipher_only=usage.key_agreement and usage.encipher_only,
            decipher_only=usage.key_agreement and usage.decipher_only,
        )
    )


def _extension(certificate: x509.Certificate, kind: type[_ExtensionT]) -> _ExtensionT | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise FormatError("the extensions of a certificate are malformed") from error


def _from_pem(data: bytes) -> tuple[x509.Certificate, ...]:
    found: list[x509.Certificate] = []
    for block in pem.read_blocks(data, CERTIFICATE_LABELS | PRIVATE_KEY_LABELS | _PKCS7_LABELS):
        if block.label in CERTIFICATE_LABELS:
            found.append(pem.load_certificate(block.der))
        elif block.label in _PKCS7_LABELS:
            found.extend(_from_pkcs7(block.der))
    return tuple(found)


def _from_der(data: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return (pem.load_certificate(data),)
    except FormatError:
        return _from_pkcs7(data)


def _from_pkcs7(data: bytes) -> tuple[x509.Certificate, ...]:
    try:
        found = pkcs7.load_der_pkcs7_certificates(data)
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise FormatError("the file is neither X.509 nor PKCS#7") from error
    return tuple(pem.load_certificate(certificate.public_bytes(Encoding.DER)) for certificate in found)
