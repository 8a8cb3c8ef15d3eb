"""Warnings about policies that are valid but look like mistakes."""

from pathlib import Path

import pytest

from gateway.authz.advice import advice
from tests.support.policies import group, loaded, member

ENCRYPT = 'action == Keyway::Action::"Encrypt"'
PRIVATE = "DownloadCertificateWithPrivateKey, GetPrivateKey, GetSecret, GetSymmetricKey"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "permit(principal, action, resource);",
            f"permits every action except those that read private material ({PRIVATE})",
        ),
        (
            'permit(principal, action, resource) when { action == Keyway::Action::"GetSecret" };',
            "does not permit GetSecret: name it in the scope",
        ),
        (
            'permit(principal, action in [Keyway::Action::"GetSecret", Keyway::Action::"UseKeys"], resource) '
            'unless { action in [Keyway::Action::"GetPrivateKey"] };',
            "does not permit GetPrivateKey: name it in the scope",
        ),
        (f'permit(principal in Keyway::Group::"typo", {ENCRYPT}, resource);', "names the group typo"),
        (
            f'permit(principal, {ENCRYPT}, resource) unless {{ principal in Keyway::Group::"typo" }};',
            "names the group typo",
        ),
        (
            f'permit(principal == Keyway::Caller::"web", {ENCRYPT}, resource);',
            "names the caller web, which is not a caller ID",
        ),
        (
            f'permit(principal == Keyway::Caller::"dns:Web.example.org", {ENCRYPT}, resource);',
            "names the caller dns:Web.example.org, which matches no caller: the DNS name in a caller ID is lowercase",
        ),
        (
            f'permit(principal, {ENCRYPT}, resource == Keyway::Key::"nhn-keys/orders");',
            "nhn-keys/orders, which is not a valid name: names are providers/{provider}/keys/{key}",
        ),
        (
            f'permit(principal, {ENCRYPT}, resource in Keyway::Provider::"nhn-keys");',
            "names the Keyway::Provider nhn-keys, which is not a valid name",
        ),
    ],
)
def test_suspicious_policy_produces_a_warning(tmp_path: Path, text: str, expected: str) -> None:
    warnings = list(advice(loaded(tmp_path, f'\n@id("it") {text}', entities=[group("g")])))
    assert any(line.startswith("0.cedar:2: policy it: ") and expected in line for line in warnings)


@pytest.mark.parametrize(
    "text",
    [
        f'permit(principal in Keyway::Group::"g", {ENCRYPT}, resource in Keyway::Provider::"providers/p");',
        f'permit(principal == Keyway::Caller::"cn:Web", {ENCRYPT}, resource == Keyway::Key::"providers/p/keys/k");',
        'permit(principal, action in Keyway::Action::"ReadMetadata", resource);',
        'permit(principal, action == Keyway::Action::"GetSecret", resource);',
        'permit(principal, action == Keyway::Action::"GetSecret", resource) '
        'when { action == Keyway::Action::"GetSecret" };',
        "forbid(principal, action, resource);",
        'forbid(principal, action, resource) when { action == Keyway::Action::"GetSecret" };',
    ],
)
def test_unsuspicious_policy_produces_no_warning(tmp_path: Path, text: str) -> None:
    assert list(advice(loaded(tmp_path, text, entities=[group("g")]))) == []


def test_caller_in_the_entities_file_that_cannot_exist_produces_a_warning(tmp_path: Path) -> None:
    policy = 'forbid(principal in Keyway::Group::"g", action, resource);'
    policies = loaded(
        tmp_path, policy, entities=[group("g"), member("dns:Web.example.org", "g"), member("cn:Web", "g")]
    )
    (warning,) = advice(policies)
    assert warning.startswith("the entities file names the caller dns:Web.example.org, which matches no caller")


def test_empty_policy_set_produces_a_warning(tmp_path: Path) -> None:
    assert list(advice(loaded(tmp_path, "// none"))) == ["there are no policies, so every call is denied"]
