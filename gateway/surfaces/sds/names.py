"""The names of secrets that a node requests: resource names and configured aliases."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.contract.resource_names import CERTIFICATE, TRUST_STORE, Pattern

CERTIFICATE_TYPE: Final = "keyway.dev/Certificate"
TRUST_STORE_TYPE: Final = "keyway.dev/TrustStore"
_PATTERNS: Final[Mapping[str, Pattern]] = {CERTIFICATE_TYPE: CERTIFICATE, TRUST_STORE_TYPE: TRUST_STORE}


class SecretResource(NamedTuple):
    """The resource behind a secret. type: in the contract, such as `keyway.dev/Certificate`. name: its full name."""

    type: str
    name: str

    @property
    def is_certificate(self) -> bool:
        """Whether the secret is a certificate with its private key. Otherwise, it is a trust bundle."""
        return self.type == CERTIFICATE_TYPE


class SecretNames:
    """Finds the resource of a requested name. aliases: the resource name of each alias."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._aliases = aliases

    def resolve(self, name: str) -> SecretResource | None:
        """Return the resource that a node requests; None if the name is neither an alias nor a resource name."""
        return resource_of(self._aliases.get(name, name))


def resource_of(name: str) -> SecretResource | None:
    """Return the resource with this name; None if it is not the name of a certificate or a trust store."""
    for kind, pattern in _PATTERNS.items():
        if pattern.parse(name) is not None:
            return SecretResource(kind, name)
    return None
