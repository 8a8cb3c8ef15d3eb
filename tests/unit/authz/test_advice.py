"""Policies that are valid, but look like a mistake."""

from pathlib import Path

import pytest

from gateway.authz.advice import advice
from tests.unit.authz.support import group, loaded

ENCRYPT = 'action == Keyway::Action::"Encrypt"'
PRIVATE = "DownloadCertificateWithPrivateKey, GetPrivateKey, GetSecret, GetSymmetricKey"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "permit(principal, action, resource);",
            f"permits every action but those that read private material ({PRIVATE})",
        ),
        (
            'permit(principal, action, resource) when { action == Keyway::Action::"GetSecret" };',
            "does not permit GetSecret, which only its conditions name",
        ),
        (
            'permit(principal, action in [Keyway::Action::"GetSecret", Keyway::Action::"UseKeys"], resource) '
            'unless { action in [Keyway::Action::"GetPrivateKey"] };',
            "does not permit GetPrivateKey, which only its conditions name",
        ),
        (f'permit(principal in Keyway::Group::"typo", {ENCRYPT}, resource);', "names the group typo"),
        (
            f'permit(principal, {ENCRYPT}, resource) unless {{ principal in Keyway::Group::"typo" }};',
            "names the group typo",
        ),
        (
            f'permit(principal == Keyway::Caller::"web", {ENCRYPT}, resource);',
            "names the caller web, whom nobody can be",
        ),
        (
            f'permit(principal, {ENCRYPT}, resource == Keyway::Key::"nhn-keys/orders");',
            "names the Keyway::Key nhn-keys/orders, which none can be: names are providers/{provider}/keys/{key}",
        ),
        (
            f'permit(principal, {ENCRYPT}, resource in Keyway::Provider::"nhn-keys");',
            "names the Keyway::Provider nhn-keys, which none can be",
        ),
    ],
)
def test_it_is_told(tmp_path: Path, text: str, expected: str) -> None:
    told = list(advice(loaded(tmp_path, f'\n@id("it") {text}', entities=[group("g")])))
    assert any(line.startswith("0.cedar:2: policy it: ") and expected in line for line in told)


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
def test_nothing_is_told(tmp_path: Path, text: str) -> None:
    assert list(advice(loaded(tmp_path, text, entities=[group("g")]))) == []


def test_no_policies(tmp_path: Path) -> None:
    assert list(advice(loaded(tmp_path, "// none"))) == ["there are no policies: everything is denied"]
