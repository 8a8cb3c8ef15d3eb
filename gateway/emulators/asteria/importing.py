"""Reading the private key and its chain from a PKCS#12 or JKS file. The content determines the format.

A certificate that `cryptography` cannot parse makes the file invalid, even if Java accepts it. SHA256withDSA
certificates of JDK 17's keytool are an example: they have parameters where the standard has none.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.emulators.asteria import certificates, jks, pkcs12
from gateway.emulators.asteria.errors import AsteriaError
from gateway.emulators.parsing import UnreadableError, parsing


@dataclass(frozen=True, slots=True)
class Imported:
    """A private key and its chain, leaf first."""

    key: PrivateKeyTypes
    chain: list[x509.Certificate]


def read(data: bytes, password: str) -> Imported:
    """Return the content of the file. Fails with 2401 for a wrong password and 2204 for an invalid file."""
    try:
        key, leaf, others = _read_jks(data, password) if _is_java(data) else pkcs12.read(data, password)
        certificates.check_count([leaf, *others])
        chain, _ = certificates.order_chain(leaf, others)
        for certificate in chain:
            certificates.check(certificate)
    except (jks.JksPasswordError, pkcs12.Pkcs12PasswordError) as error:
        raise AsteriaError(2401, "filePassword") from error
    except (jks.JksError, pkcs12.Pkcs12Error, certificates.CertificateError) as error:
        raise AsteriaError(2204, str(error)) from error
    if certificates.public_key_bytes(leaf.public_key()) != certificates.public_key_bytes(key.public_key()):
        raise AsteriaError(2204, "the certificate does not belong to the private key")
    return Imported(key, chain)


def _is_java(data: bytes) -> bool:
    return data.startswith((jks.MAGIC, jks.JCEKS_MAGIC))


def _read_jks(data: bytes, password: str) -> tuple[PrivateKeyTypes, x509.Certificate, list[x509.Certificate]]:
    """Return the content of a JKS file, in the same form as `pkcs12.read`."""
    keys = [entry for entry in jks.read(data, password) if isinstance(entry, jks.PrivateKeyEntry)]
    if not keys or not keys[0].chain:
        raise jks.JksError("the file contains no private key with a certificate")
    leaf, *others = (certificates.parse(each) for each in keys[0].chain)
    encoded = keys[0].private_key(password)
    try:
        with parsing("the private key"):
            key = serialization.load_der_private_key(encoded, None)
    except UnreadableError as error:
        raise jks.JksError("the private key has an unsupported type") from error
    return key, leaf, others
