"""The content of a secret: checked before it is sent, and serialized for Envoy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.surfaces.sds.envoy_messages import Secret
from gateway.watch.states import content_version


class UnsendableError(Exception):
    """The upstream has content that must not be sent to a node. The message names the fault, and no content."""


@dataclass(frozen=True, slots=True)
class SecretMaterial:
    """The content of one version of a secret. private_key: empty for a trust bundle.

    version: the SHA-256 hash of the DER encodings of its certificates, in hexadecimal, as in WatchCertificates.
    """

    version: str
    certificates: bytes
    private_key: bytes = field(default=b"", repr=False)

    def serialized(self, name: str) -> bytes:
        """Return the secret as Envoy receives it. name: as the node requested it."""
        secret = Secret(name=name)
        if self.private_key:
            secret.tls_certificate.certificate_chain.inline_bytes = self.certificates
            secret.tls_certificate.private_key.inline_bytes = self.private_key
        else:
            secret.validation_context.trusted_ca.inline_bytes = self.certificates
        serialized: bytes = secret.SerializeToString()
        return serialized


def certificate_material(chain: Sequence[str], private_key: str) -> SecretMaterial:
    """Return the material of a certificate. Raises UnsendableError if the parts do not belong together.

    chain: in PEM, leaf first.
    """
    if not chain:
        raise UnsendableError("the upstream returned no certificate")
    if not private_key:
        raise UnsendableError("the upstream returned no private key")
    certificates = _loaded(chain)
    _check_pair(certificates[0], private_key)
    _check_chain(certificates)
    return SecretMaterial(_version(certificates), _pem(certificates), private_key.encode())


def trust_bundle_material(authorities: Iterable[str]) -> SecretMaterial:
    """Return the material of a trust bundle with these authorities in PEM, in a fixed order."""
    ordered = _loaded(sorted(set(authorities)))
    return SecretMaterial(_version(ordered), _pem(ordered))


def _loaded(chain: Sequence[str]) -> list[x509.Certificate]:
    try:
        return [x509.load_pem_x509_certificate(each.encode()) for each in chain]
    except ValueError:
        raise UnsendableError("a certificate of the chain cannot be parsed") from None


def _check_pair(leaf: x509.Certificate, private_key: str) -> None:
    """Raise UnsendableError if the key is encrypted, cannot be parsed, or belongs to another certificate."""
    try:
        own = load_pem_private_key(private_key.encode(), None, unsafe_skip_rsa_key_validation=True).public_key()
    except TypeError:
        raise UnsendableError("the private key is encrypted") from None
    except ValueError:
        raise UnsendableError("the private key cannot be parsed") from None
    except Exception:  # noqa: BLE001 - errors of OpenSSL and of unsupported algorithms have no common type
        raise UnsendableError("the private key is of an unsupported kind") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if own.public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise UnsendableError("the private key does not belong to the certificate")


def _check_chain(certificates: Sequence[x509.Certificate]) -> None:
    """Raise UnsendableError if a certificate is not issued by the next one."""
    for index, (issued, issuer) in enumerate(pairwise(certificates)):
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise UnsendableError(f"certificate {index + 1} of the chain is not issued by the next one") from None


def _version(certificates: Sequence[x509.Certificate]) -> str:
    return content_version(each.public_bytes(Encoding.DER) for each in certificates)


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
