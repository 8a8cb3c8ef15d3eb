"""The example policies in `deploy/policies`: what each caller is allowed to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.authz.actions import ACTIONS, GROUPS
from gateway.authz.advice import advice
from gateway.authz.policies import Policies, load
from gateway.authz.settings import PolicySettings
from gateway.identity.caller import Caller

FOLDER = Path("deploy/policies")
OWN = "providers/nhn-certs/certificates/www.example.com"

RESOURCES = {
    "keyway.dev/Provider": ("providers/nhn-certs", "providers/nhn-keys", "providers/asteria"),
    "keyway.dev/Certificate": (
        OWN,
        "providers/nhn-certs/certificates/www.example.com.evil",
        "providers/nhn-certs/certificates/www.example.com",
        "providers/asteria/certificates/www.example.com",
        "providers/asteria/certificates/server",
    ),
    "keyway.dev/TrustStore": ("providers/asteria/trustStores/server",),
    "keyway.dev/TrustedAuthority": ("providers/asteria/trustStores/server/authorities/root",),
    "keyway.dev/Key": (
        "providers/nhn-keys/keys/orders-key",
        "providers/nhn-keys/keys/orders-2",
        "providers/nhn-keys/keys/payments-key",
        "providers/nhn-keys/keys/my-orders-key",
        "providers/other-keys/keys/orders-key",
    ),
    "keyway.dev/KeyVersion": (
        "providers/nhn-keys/keys/orders-key",
        "providers/nhn-keys/keys/orders-key/versions/1",
        "providers/nhn-keys/keys/payments-key/versions/1",
    ),
    "keyway.dev/Secret": ("providers/nhn-keys/secrets/orders-password", "providers/nhn-keys/secrets/other"),
    "keyway.dev/AuditLog": ("auditLogs/nhn-keys", "auditLogs/keyway:gateway"),
}

WEB = {(action, OWN) for action in ("DownloadCertificate", "DownloadCertificateWithPrivateKey")}
ORDERS = {
    (action, f"providers/nhn-keys/keys/{key}")
    for action in ("Encrypt", "Decrypt")
    for key in ("orders-key", "orders-2")
}


def everything() -> Iterator[tuple[str, str]]:
    return ((action.name, name) for action in ACTIONS.values() for name in RESOURCES[action.resource_type])


def of_groups(*groups: str) -> set[tuple[str, str]]:
    members = {action for group in groups for action in GROUPS[group]}
    return {(action, name) for action, name in everything() if action in members}


ALLOWED = {
    Caller("spiffe://example.org/web", "spiffe"): WEB,
    Caller("edge.example.org", "dns"): WEB,
    Caller("spiffe://example.org/orders", "spiffe"): ORDERS,
    Caller("spiffe://example.org/auditor", "spiffe"): of_groups("ReadMetadata", "ReadAuditLogs"),
    Caller("spiffe://example.org/operator", "spiffe"): of_groups(
        "ReadMetadata", "ReadPublicMaterial", "ManageCertificates", "ManageTrustStores"
    ),
    Caller("spiffe://example.org/other", "spiffe"): set(),
    Caller("spiffe://example.org/orders", "common-name"): set(),
    Caller("web-tier", "jwt", "https://issuer", ("web-tier", "operators", "auditors")): set(),
}


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load(
        PolicySettings(policy_files=tuple(sorted(FOLDER.glob("*.cedar"))), entities_file=FOLDER / "entities.json")
    )


@pytest.mark.parametrize("caller", ALLOWED, ids=lambda caller: f"{caller.kind} {caller.name}")
def test_caller_is_allowed_exactly_the_expected_calls(policies: Policies, caller: Caller) -> None:
    found = {
        (action, name)
        for action, name in everything()
        if policies.decide(caller, action, name, ACTIONS[action].resource_type).allowed
    }
    assert found == ALLOWED[caller]


def test_auditor_and_operator_do_not_read_private_material() -> None:
    """Spot checks, because the table above is made of groups."""
    auditor, operator = (ALLOWED[Caller(f"spiffe://example.org/{name}", "spiffe")] for name in ("auditor", "operator"))
    assert ("ListCertificates", "providers/asteria") in auditor
    assert ("GetCertificate", OWN) in auditor
    private = {"DownloadCertificateWithPrivateKey", "GetPrivateKey", "GetSymmetricKey", "GetSecret"}
    assert not (private | {"DownloadCertificate", "GetPublicKey", "Encrypt", "DeleteCertificate"}) & actions(auditor)
    assert {"CreateCertificate", "ImportTrustedAuthority", "DeleteTrustedAuthority"} <= actions(operator)
    assert not (private | {"Encrypt", "Decrypt", "Sign"}) & actions(operator)


def actions(pairs: set[tuple[str, str]]) -> set[str]:
    return {action for action, _ in pairs}


def test_examples_produce_no_warning(policies: Policies) -> None:
    assert len(policies.policies) == 5
    assert list(advice(policies)) == []
