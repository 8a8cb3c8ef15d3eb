"""The state of a watched certificate, and the version of its content."""

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

_DIGEST_BITS = 256
VERSION_CHARACTERS = 64
"""The length of a version: SHA-256 in hexadecimal."""


class Phase(enum.IntEnum):
    """Where a certificate is in its life. The values are part of the messages between workers."""

    VALID = 1
    EXPIRING = 2
    EXPIRED = 3
    REMOVED = 4
    """The provider does not have the certificate."""
    UNREADABLE = 5
    """The gateway cannot read the certificate, and does not know its version."""


def content_version(chain: Iterable[bytes]) -> str:
    """Return the version of a certificate. chain: the DER encodings of the certificates, leaf first.

    It depends only on the public content, so that all gateways compute the same version.
    """
    digest = hashlib.sha256()
    for certificate in chain:
        digest.update(certificate)
    return digest.hexdigest()


@dataclass(frozen=True)
class CertificateState:
    """The state of one certificate. Two states are equal if an event about one of them says the same as the other.

    version: empty for REMOVED and UNREADABLE. reason: of the failure, for UNREADABLE. certificate: the serialized
    message Certificate, in the FULL view; empty for REMOVED and UNREADABLE.
    """

    phase: Phase
    version: str = ""
    reason: str = ""
    certificate: bytes = field(default=b"", compare=False, repr=False)

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(f"{int(self.phase)}\0{self.version}\0{self.reason}".encode()).digest()

    def weight(self, name: str) -> int:
        """Return what this state of a certificate contributes to a resume token. A removed one contributes nothing."""
        if self.phase is Phase.REMOVED:
            return 0
        return int.from_bytes(hashlib.sha256(self._digest + name.encode()).digest())


REMOVED = CertificateState(Phase.REMOVED)


def weight_of(name: str, state: CertificateState | None) -> int:
    """Return what a certificate contributes to a resume token. None: the reader knows nothing about it."""
    return state.weight(name) if state is not None else 0


class ResumeToken:
    """What a reader knows, as a number that does not depend on the order in which the reader learned it.

    It is the sum of the weights of all certificates, modulo 2^256. All gateways compute the same token for the same
    content.
    """

    __slots__ = ("_total",)

    def __init__(self, total: int = 0) -> None:
        self._total = total

    def replace(self, name: str, old: CertificateState | None, new: CertificateState | None) -> None:
        """Replace the state of one certificate."""
        self._total = (self._total + weight_of(name, new) - weight_of(name, old)) % (1 << _DIGEST_BITS)

    def __str__(self) -> str:
        return f"{self._total:064x}"
