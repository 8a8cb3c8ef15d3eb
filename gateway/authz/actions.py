"""The actions that policies permit: one for each method, and the groups that name several at once.

Which actions read private material is told by the descriptors. Those are in no group: a policy has to name them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.authz.resources import taken_types
from gateway.authz.targets import TARGETS

ACTION: Final = "Keyway::Action"

GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "ReadMetadata": frozenset(
        {
            "ListCertificates",
            "GetCertificate",
            "CheckCertificate",
            "ListTrustedAuthorities",
            "GetTrustedAuthority",
            "GetClientInfo",
            "ListProviders",
            "GetProvider",
            "CheckProvider",
            "ListStatusMappings",
        }
    ),
    "ReadPublicMaterial": frozenset({"DownloadCertificate", "GetPublicKey"}),
    "UseKeys": frozenset({"Encrypt", "Decrypt", "GenerateDataKey", "Sign", "Verify"}),
    "ManageCertificates": frozenset(
        {
            "CreateCertificate",
            "DeleteCertificate",
            "UploadCertificate",
            "ImportCertificate",
            "GetCertificateSigningRequest",
            "InstallSignedCertificate",
        }
    ),
    "ManageTrustStores": frozenset({"ImportTrustedAuthority", "DeleteTrustedAuthority"}),
}
"""Groups of actions, with their members. Every action is in one, but for those that read private material."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    private: it reads private material; no wildcard and no group covers it. resource_type: of the contract, that the
    request names. entities: the types of the resources it may turn out to be, in policies. groups: that it is in.
    """

    name: str
    private: bool
    resource_type: str
    entities: tuple[str, ...]
    groups: tuple[str, ...]


def _actions() -> Iterator[Action]:
    for target in TARGETS.values():
        entities = tuple(taken.entity for taken in taken_types(target.resource_type))
        yield Action(
            target.action, target.private, target.resource_type, entities, _groups(target.action, target.private)
        )
        if target.private_action is not None:
            yield Action(target.private_action, True, target.resource_type, entities, ())


def _groups(action: str, private: bool) -> tuple[str, ...]:
    return () if private else tuple(group for group, members in GROUPS.items() if action in members)


def _by_name(actions: Iterator[Action]) -> Mapping[str, Action]:
    found: dict[str, Action] = {}
    for action in actions:
        if action.name in found or action.name in GROUPS:
            raise ValueError(f"two actions are called {action.name}")
        found[action.name] = action
    return found


ACTIONS: Final = _by_name(_actions())
"""By name."""

PRIVATE: Final = frozenset(name for name, action in ACTIONS.items() if action.private)
"""The actions that read private material."""
