"""Descriptions of certificates for `show` and `ca/list`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.emulators.asteria import names
from gateway.emulators.asteria.assumptions import TIME_ZONE
from gateway.emulators.asteria.certificates import CertificateError
from gateway.emulators.parsing import UnreadableError, parsing

_JAVA_SIGNATURES: Final = {
    "1.2.840.113549.1.1.2": "MD2withRSA",
    "1.2.840.113549.1.1.4": "MD5withRSA",
    "1.2.840.113549.1.1.5": "SHA1withRSA",
    "1.3.14.3.2.29": "SHA1withRSA",
    "1.2.840.113549.1.1.14": "SHA224withRSA",
    "1.2.840.113549.1.1.11": "SHA256withRSA",
    "1.2.840.113549.1.1.12": "SHA384withRSA",
    "1.2.840.113549.1.1.13": "SHA512withRSA",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.10040.4.3": "SHA1withDSA",
    "2.16.840.1.101.3.4.3.1": "SHA224withDSA",
    "2.16.840.1.101.3.4.3.2": "SHA256withDSA",
    "2.16.840.1.101.3.4.3.3": "SHA384withDSA",
    "2.16.840.1.101.3.4.3.4": "SHA512withDSA",
    "1.2.840.10045.4.1": "SHA1withECDSA",
    "1.2.840.10045.4.3.1": "SHA224withECDSA",
    "1.2.840.10045.4.3.2": "SHA256withECDSA",
    "1.2.840.10045.4.3.3": "SHA384withECDSA",
    "1.2.840.10045.4.3.4": "SHA512withECDSA",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}


def detail(certificate: x509.Certificate, chain: Sequence[x509.Certificate] | None = None) -> dict[str, Any]:
    """Return the detailed form, with `chainInfo` if a chain is given. Raises CertificateError if it is unreadable."""
    try:
        with parsing("a certificate"):
            described = _detail(certificate)
            if chain is not None:
                described["chainInfo"] = [names.text(each.issuer) for each in chain]
    except UnreadableError as error:
        raise CertificateError("a certificate has a malformed field") from error
    return described


def summary(alias: str, certificate: x509.Certificate) -> dict[str, str]:
    """Return the short form, as in lists of authorities."""
    try:
        with parsing("a certificate"):
            return {
                "alias": alias,
                "subject": names.text(certificate.subject),
                "issuer": names.text(certificate.issuer),
                "notBefore": _time(certificate.not_valid_before_utc),
                "notAfter": _time(certificate.not_valid_after_utc),
            }
    except UnreadableError as error:
        raise CertificateError("a certificate has a malformed field") from error


def _detail(certificate: x509.Certificate) -> dict[str, Any]:
    algorithm = certificate.signature_algorithm_oid.dotted_string
    return {
        "subject": names.parts(certificate.subject),
        "issuer": names.parts(certificate.issuer),
        "notBefore": _time(certificate.not_valid_before_utc),
        "notAfter": _time(certificate.not_valid_after_utc),
        # The library counts as the encoding does: 0 is X.509 version 1.
        "version": str(certificate.version.value + 1),
        "signatureAlgorithm": _JAVA_SIGNATURES.get(algorithm, algorithm),
        "usage": _usage(certificate),
        "fingerprintSha1": certificate.fingerprint(hashes.SHA1()).hex(":"),  # noqa: S303 - a name, not a protection
        "fingerprintMd5": certificate.fingerprint(hashes.MD5()).hex(":"),  # noqa: S303
        "serialNumber": str(certificate.serial_number),
    }


def _time(instant: dt.datetime) -> str:
    """Return the time as Java writes it. The common value for "never", 9999-12-31T23:59:59Z, is in 10000 in Tokyo."""
    # Python's calendar ends in the year 9999 and repeats every 400 years.
    beyond = 400 if instant.year == dt.MAXYEAR else 0
    local = instant.replace(year=instant.year - beyond).astimezone(TIME_ZONE)
    return f"{local.year + beyond:04}{local:-%m-%d %H:%M:%S}"


def _usage(certificate: x509.Certificate) -> dict[str, bool]:
    """Return the nine key usage flags; all false without the extension."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = x509.KeyUsage(*[False] * 9)
    agreement = usage.key_agreement
    return {
        "digitalSignature": usage.digital_signature,
        "nonRepudiation": usage.content_commitment,
        "keyEncipherment": usage.key_encipherment,
        "dataEncipherment": usage.data_encipherment,
        "keyAgreement": agreement,
        "keyCertSign": usage.key_cert_sign,
        "cRLSign": usage.crl_sign,
        # These two flags are undefined without key agreement, and the library raises an error.
        "encipherOnly": agreement and usage.encipher_only,
        "decipherOnly": agreement and usage.decipher_only,
    }
