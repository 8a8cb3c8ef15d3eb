"""X.509 conversion: certificates to contract messages, and between the certificate formats of the contract.

Sources: RFC 5280 (X.509) and RFC 2315 (PKCS#7). Chains start with the leaf; `pem.order_chain` orders them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.serialization import Encoding

from gateway.pem import CERTIFICATE_LABELS, PRIVATE_KEY_LABELS, Block
from gateway.providers.base import expiry, pem
from gateway.providers.base.errors import FormatError
from gateway.providers.base.field_reader import FieldReader
from gateway.x509_reader import der
from gateway.x509_reader.certificate import DNS_NAME, ParsedCertificate, chain_pem
from gateway.x509_reader.der import X509Error
from gateway.x509_reader.names import COMMON_NAME, DistinguishedName
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

_PKCS7_LABELS: Final = frozenset({"PKCS7", "CMS", "PKCS #7 SIGNED DATA"})
_READABLE_LABELS: Final = CERTIFICATE_LABELS | PRIVATE_KEY_LABELS | _PKCS7_LABELS

_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")  # the object identifiers, as elements
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_MEMBERS_TAG: Final = der.CONSTRUCTED
_SEQUENCE: Final = b"\x30"  # also the digit 0, which no length of more than one byte follows in text
_LONG_LENGTH: Final = b"\x80"

_SIGNATURE_ALGORITHMS: Final[Mapping[str, str]] = {
    "1.2.840.113549.1.1.2": "MD2withRSA",
    "1.2.840.113549.1.1.4": "MD5withRSA",
    "1.2.840.113549.1.1.5": "SHA1withRSA",
    "1.3.14.3.2.29": "SHA1withRSA",
    "1.2.840.113549.1.1.14": "SHA224withRSA",
    "1.2.840.113549.1.1.11": "SHA256withRSA",
    "1.2.840.113549.1.1.12": "SHA384withRSA",
    "1.2.840.113549.1.1.13": "SHA512withRSA",
    "2.16.840.1.101.3.4.3.13": "SHA3-224withRSA",
    "2.16.840.1.101.3.4.3.14": "SHA3-256withRSA",
    "2.16.840.1.101.3.4.3.15": "SHA3-384withRSA",
    "2.16.840.1.101.3.4.3.16": "SHA3-512withRSA",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.10045.4.1": "SHA1withECDSA",
    "1.2.840.10045.4.3.1": "SHA224withECDSA",
    "1.2.840.10045.4.3.2": "SHA256withECDSA",
    "1.2.840.10045.4.3.3": "SHA384withECDSA",
    "1.2.840.10045.4.3.4": "SHA512withECDSA",
    "2.16.840.1.101.3.4.3.9": "SHA3-224withECDSA",
    "2.16.840.1.101.3.4.3.10": "SHA3-256withECDSA",
    "2.16.840.1.101.3.4.3.11": "SHA3-384withECDSA",
    "2.16.840.1.101.3.4.3.12": "SHA3-512withECDSA",
    "1.2.840.10040.4.3": "SHA1withDSA",
    "2.16.840.1.101.3.4.3.1": "SHA224withDSA",
    "2.16.840.1.101.3.4.3.2": "SHA256withDSA",
    "2.16.840.1.101.3.4.3.3": "SHA384withDSA",
    "2.16.840.1.101.3.4.3.4": "SHA512withDSA",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}
"""The names that Java uses."""

_NAME_PARTS: Final[Mapping[str, str]] = {
    "2.5.4.6": "country",
    "2.5.4.8": "state",
    "2.5.4.7": "locality",
    "2.5.4.10": "organization",
    "2.5.4.11": "organizational_unit",
    COMMON_NAME: "common_name",
}

_KEY_USAGES: Final = (
    "digital_signature",
    "non_repudiation",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Certificates in one of the contract's formats. suffix: the file name extension with its dot."""

    content: bytes
    media_type: str
    suffix: str


def read_certificates(data: bytes) -> tuple[ParsedCertificate, ...]:
    """Return the certificates of a file: X.509 or PKCS#7, PEM or DER, in the order of the file (PKCS#7 has no order).

    Raises FormatError if the file contains no certificate or is malformed. A private key in the file is ignored.
    """
    return _certificates(data, _blocks(data))


def read_bundle(data: bytes) -> pem.PemBundle:
    """Return the certificates of a file as `read_certificates`, and its private key, if it is PEM and has one.

    Raises FormatError, and its subclass UnsupportedFile for a complete file that the gateway does not support.
    """
    blocks = _blocks(data)
    return pem.PemBundle(_certificates(data, blocks), pem.only_private_key(blocks))


def is_foreign(content: bytes) -> bool:
    """Return whether a file is no certificate, damaged or not: other PEM, or neither PEM nor a long DER element."""
    if pem.is_pem(content):
        return not pem.has_label(content, CERTIFICATE_LABELS | _PKCS7_LABELS)
    return content[:1] != _SEQUENCE or content[1:2] < _LONG_LENGTH


def encode(chain: Sequence[ParsedCertificate], form: service.CertificateFormat.ValueType) -> Encoded:
    """Encode a chain of at least one certificate, leaf first. UNSPECIFIED means PEM.

    DER contains only the leaf. PKCS#7 does not preserve the order, because it is a set that DER sorts.
    """
    if form == service.CERTIFICATE_FORMAT_DER:
        return Encoded(chain[0].encoded, "application/pkix-cert", ".der")
    if form == service.CERTIFICATE_FORMAT_PKCS7_PEM:
        content = der.to_pem(_to_pkcs7(chain), "PKCS7").encode()
        return Encoded(content, "application/x-pkcs7-certificates", ".p7b")
    if form == service.CERTIFICATE_FORMAT_PKCS7_DER:
        return Encoded(_to_pkcs7(chain), "application/x-pkcs7-certificates", ".p7b")
    return Encoded(chain_pem(chain), "application/pem-certificate-chain", ".pem")


def _to_pkcs7(chain: Sequence[ParsedCertificate]) -> bytes:
    """Return SignedData without content and signatures, which only carries certificates."""
    members = der.encode(_MEMBERS_TAG, *sorted(certificate.encoded for certificate in chain))
    version, empty = der.encode(der.INTEGER, b"\1"), der.encode(der.SET)
    signed = der.encode(der.SEQUENCE, version, empty, der.encode(der.SEQUENCE, _DATA), members, empty)
    return der.encode(der.SEQUENCE, _SIGNED_DATA, der.encode(der.CONSTRUCTED, signed))


def fill_certificate(message: certificates.Certificate, chain: Sequence[ParsedCertificate], timezone: ZoneInfo) -> None:
    """Set the fields of CERTIFICATE_VIEW_FULL from a chain of at least one certificate, leaf first.

    authority, domains, signature_algorithm, and expiration_date (with state) come from the provider. They are set from
    the file only if the message does not have them. Fields that cannot be read stay empty and are listed in
    unreadable_fields.
    """
    leaf, fields = chain[0], FieldReader(message)
    message.fingerprints.CopyFrom(fingerprints(leaf))
    fields.set_partly("subject", lambda: _name(leaf.subject))
    fields.set_partly("issuer", lambda: _name(leaf.issuer))
    fields.set("not_before", lambda: leaf.not_before)
    fields.set("not_after", lambda: leaf.not_after)
    fields.set("version", lambda: str(leaf.version))
    fields.set("serial_number", lambda: str(leaf.serial_number))
    fields.set("key_usage", lambda: _key_usage(leaf))
    fields.set("chain", lambda: [certificate.subject.text for certificate in chain])
    if not message.authority:
        message.authority = authority(message.issuer)
    if not message.signature_algorithm:
        fields.set("signature_algorithm", lambda: signature_algorithm(leaf))
    if not message.domains:
        fields.set("domains", lambda: domains(leaf))
    if not message.HasField("expiration_date"):
        fields.set("expiration_date", lambda: expiry.to_message(expiry.expires_on(leaf.not_after, timezone)))
        expiry.set_state(message, timezone)


def _name(name: DistinguishedName) -> tuple[certificates.DistinguishedName, bool]:
    return distinguished_name(name), name.readable


def distinguished_name(name: DistinguishedName) -> certificates.DistinguishedName:
    """Return the name as text and by its parts. Each part is the first attribute of its kind."""
    message = certificates.DistinguishedName(text=name.text)
    for attribute in name:
        part = _NAME_PARTS.get(attribute.oid)
        if part is not None and attribute.text is not None and not getattr(message, part):
            setattr(message, part, attribute.text)
    return message


def authority(issuer: certificates.DistinguishedName) -> str:
    """Return the organization or the common name of an authority for which the provider has no name."""
    return issuer.organization or issuer.common_name


def signature_algorithm(certificate: ParsedCertificate) -> str:
    """Return a name such as `SHA256withRSA`; the object identifier for an unknown algorithm."""
    oid = certificate.signature_algorithm
    return _SIGNATURE_ALGORITHMS.get(oid, oid)


def fingerprints(certificate: ParsedCertificate) -> certificates.Fingerprints:
    """Return the hashes of the DER in lowercase hexadecimal with colons."""
    encoded = certificate.encoded
    return certificates.Fingerprints(
        sha1=hashlib.sha1(encoded, usedforsecurity=False).digest().hex(":"),
        md5=hashlib.md5(encoded, usedforsecurity=False).digest().hex(":"),
        sha256=hashlib.sha256(encoded).digest().hex(":"),
    )


def domains(certificate: ParsedCertificate) -> list[str]:
    """Return the DNS names in the subject alternative name; if it has none, the common names of the subject.

    Raises X509Error if the alternative names, or one of the DNS names, cannot be read.
    """
    found = [_host(name) for name in certificate.alternative_names(DNS_NAME)]
    return found or [each.text for each in certificate.subject.values(COMMON_NAME) if each.text is not None]


def _host(name: bytes) -> str:
    try:
        return name.decode()
    except ValueError:
        raise X509Error("a DNS name is not text") from None


def _key_usage(certificate: ParsedCertificate) -> certificates.KeyUsage | None:
    bits = certificate.key_usage
    if bits is None:
        return None
    usage = certificates.KeyUsage(**dict(zip(_KEY_USAGES, bits, strict=True)))
    if not usage.key_agreement:
        usage.encipher_only = usage.decipher_only = False
    return usage


def _blocks(data: bytes) -> Sequence[Block]:
    """Return the PEM blocks of a file, none if it is not PEM."""
    if len(data) > pem.MAXIMUM_BYTES:
        raise FormatError(f"the file has more than {pem.MAXIMUM_BYTES} bytes")
    return pem.read_blocks(data, _READABLE_LABELS) if pem.is_pem(data) else ()


def _certificates(data: bytes, blocks: Sequence[Block]) -> tuple[ParsedCertificate, ...]:
    found = _from_pem(blocks) if pem.is_pem(data) else _from_der(data)
    if not found:
        raise FormatError("the file contains no certificate")
    if len(found) > pem.MAXIMUM_BLOCKS:
        raise FormatError(f"the file has more than {pem.MAXIMUM_BLOCKS} certificates")
    return found


def _from_pem(blocks: Sequence[Block]) -> tuple[ParsedCertificate, ...]:
    found: list[ParsedCertificate] = []
    for block in blocks:
        if block.label in CERTIFICATE_LABELS:
            found.append(pem.load_certificate(block.der))
        elif block.label in _PKCS7_LABELS:
            found.extend(_from_pkcs7(block.der))
    return tuple(found)


def _from_der(data: bytes) -> tuple[ParsedCertificate, ...]:
    try:
        return (pem.load_certificate(data),)
    except FormatError:
        return _from_pkcs7(data)


def _from_pkcs7(data: bytes) -> tuple[ParsedCertificate, ...]:
    """Return the certificates of SignedData. The library reads BER too, but not certificates with unusual names."""
    try:
        content = der.single(data, der.SEQUENCE).children()
        signed = content[1].children(der.CONSTRUCTED)[0].children(der.SEQUENCE)
        members = [each.encoded for field in signed if field.tag == _MEMBERS_TAG for each in field.children()]
        if content[0].encoded == _SIGNED_DATA:
            return tuple(map(pem.load_certificate, members))
    except (X509Error, IndexError):
        members = _from_ber(data)
        return tuple(map(pem.load_certificate, members))
    raise FormatError("the file is neither X.509 nor PKCS#7")


def _from_ber(data: bytes) -> list[bytes]:
    # Imported here: few files are BER, and the module loads the X.509 part of the package, which takes 30 ms.
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415

    try:
        return [each.public_bytes(Encoding.DER) for each in pkcs7.load_der_pkcs7_certificates(data)]
    except Exception as error:  # the parser raises many types
        raise FormatError("the file is neither X.509 nor PKCS#7") from error
