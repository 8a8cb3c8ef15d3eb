"""From the data of ASTERIA's answers to the contract's messages. FormatError where the data is not what it should be.

Certificates that come as files are read in `files.py`; names, times and file names have modules of their own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.providers.asteria import distinguished_names, times
from gateway.providers.asteria.resources import Resource, authority_name
from gateway.providers.base import expiry, x509
from gateway.providers.base.formats import FormatError, JsonObject
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import trusted_authority_pb2 as authorities

_KEY_USAGES: Final = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "non_repudiation",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
_FINGERPRINTS: Final = {
    "sha1": ("fingerprintSha1", 20),
    "md5": ("fingerprintMd5", 16),
    "sha256": ("fingerprintSha256", 32),
}


class Calendar(NamedTuple):
    """The provider's time zone, and what tells the time."""

    timezone: ZoneInfo
    now: Callable[[], datetime]


def exists(data: JsonObject) -> bool:
    """The answer of `exist`."""
    return data.boolean("exist")


def listed_certificate(resource: Resource) -> certificates.Certificate:
    """What is known of a certificate without its password."""
    return certificates.Certificate(name=resource.name, display_name=resource.side)


def basic_certificate(data: JsonObject, resource: Resource, calendar: Calendar) -> certificates.Certificate:
    """The answer of `show`, in CERTIFICATE_VIEW_BASIC."""
    full = full_certificate(data, resource, calendar)
    return certificates.Certificate(
        name=full.name,
        display_name=full.display_name,
        authority=full.authority,
        signature_algorithm=full.signature_algorithm,
        expiration_date=full.expiration_date,
        state=full.state,
    )


def full_certificate(data: JsonObject, resource: Resource, calendar: Calendar) -> certificates.Certificate:
    """The answer of `show` or `import`, in CERTIFICATE_VIEW_FULL."""
    source = data.object("certificate")
    message = listed_certificate(resource)
    _fill(message, source, calendar.timezone)
    _fill_details(message, source)
    message.authority = x509.authority(message.issuer)
    not_after = times.parse(source.text("notAfter"))
    expiry.set_expiration(message, not_after.day, calendar.timezone, now=calendar.now())
    message.chain[:] = source.texts("chainInfo") if "chainInfo" in source else []
    return message


def authority(data: JsonObject, resource: Resource, calendar: Calendar) -> authorities.TrustedAuthority:
    """The answer of `ca/show`."""
    source = data.object("certificate")
    message = authorities.TrustedAuthority(name=resource.name, alias=resource.alias)
    _fill(message, source, calendar.timezone)
    _fill_details(message, source)
    return message


def listed_authorities(data: JsonObject, store: Resource, calendar: Calendar) -> list[authorities.TrustedAuthority]:
    """The answer of `ca/list`, `ca/import` and `ca/delete`; where an alias can't be part of a name, `name` is empty."""
    found: list[authorities.TrustedAuthority] = []
    for source in _authority_items(data):
        alias = source.text("alias")
        message = authorities.TrustedAuthority(name=authority_name(store, alias), alias=alias)
        _fill(message, source, calendar.timezone)
        found.append(message)
    return found


def new_aliases(
    before: Sequence[authorities.TrustedAuthority], after: Sequence[authorities.TrustedAuthority]
) -> list[str]:
    """The aliases that were not there before."""
    known = {item.alias for item in before}
    return [item.alias for item in after if item.alias not in known]


def _authority_items(data: JsonObject) -> list[JsonObject]:
    """The items of a list, which a server may leave out where it is empty, or give as one object where it has one."""
    if isinstance(data.get("certificate"), dict):
        return [data.object("certificate")]
    return data.objects("certificate") if data.names() else []


def _fill(
    message: certificates.Certificate | authorities.TrustedAuthority, source: JsonObject, timezone: ZoneInfo
) -> None:
    """Set what lists and single answers have in common; all of it is documented to be there."""
    message.subject.CopyFrom(distinguished_names.read(source.get("subject")))
    message.issuer.CopyFrom(distinguished_names.read(source.get("issuer")))
    message.not_before.CopyFrom(times.moment(times.parse(source.text("notBefore")), timezone))
    message.not_after.CopyFrom(times.moment(times.parse(source.text("notAfter")), timezone))


def _fill_details(message: certificates.Certificate | authorities.TrustedAuthority, source: JsonObject) -> None:
    """Set what only a single answer has; whatever of it is missing stays empty."""
    message.signature_algorithm = _text(source, "signatureAlgorithm")
    message.version = _text(source, "version")
    message.serial_number = _text(source, "serialNumber")
    usage = _key_usage(source.object("usage")) if source.get("usage") else certificates.KeyUsage()
    # No use at all is no certificate's restriction (RFC 5280, 4.2.1.3): it says nothing about the key's use.
    if usage.ByteSize():
        message.key_usage.CopyFrom(usage)
    fingerprints = _fingerprints(source)
    if fingerprints.ByteSize():
        message.fingerprints.CopyFrom(fingerprints)


def _text(source: JsonObject, name: str) -> str:
    """Text, or a number as text; empty where it is missing."""
    value = source.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else source.text(name, default="")


def _key_usage(source: JsonObject) -> certificates.KeyUsage:
    flags = {field: source.boolean(name) for name, field in _KEY_USAGES.items() if name in source}
    return certificates.KeyUsage(**flags)


def _fingerprints(source: JsonObject) -> certificates.Fingerprints:
    message = certificates.Fingerprints()
    for field, (name, length) in _FINGERPRINTS.items():
        text = source.text(name, default="")
        if text:
            setattr(message, field, _fingerprint(text, name, length))
    return message


def _fingerprint(text: str, name: str, length: int) -> str:
    """Lower-case hex with colons, whatever stands between the bytes."""
    try:
        content = bytes.fromhex(text.replace(":", " ").replace("-", " "))
    except ValueError:
        raise FormatError(f"{name} is not hexadecimal") from None
    if len(content) != length:
        raise FormatError(f"{name} has not {length} bytes")
    return content.hex(":")
