"""Reading private material must be permitted by name: no wildcard, group, or condition covers it."""

from pathlib import Path

import pytest

from gateway.authz.actions import ACTIONS, GROUPS, PRIVATE
from tests.support.policies import ALICE, BOB, allowed, ask, group, loaded, member

EVERYTHING = "permit(principal, action, resource);"
GROUP_UIDS = [f'Keyway::Action::"{name}"' for name in GROUPS]
MEMBER = [group("g"), member(ALICE.name, "g")]


def test_wildcard_does_not_permit_private_material(tmp_path: Path) -> None:
    policies = loaded(tmp_path, EVERYTHING)
    assert {action for action in ACTIONS if allowed(policies, ALICE, action)} == ACTIONS.keys() - PRIVATE


def test_denial_of_private_material_names_no_permit(tmp_path: Path) -> None:
    assert ask(loaded(tmp_path, EVERYTHING), ALICE, "GetSecret").policies == ()


@pytest.mark.parametrize("action", sorted(PRIVATE))
@pytest.mark.parametrize(
    "scope",
    [
        "action",
        f"action in [{', '.join(GROUP_UIDS)}]",
        *(f"action in {uid}" for uid in GROUP_UIDS),
    ],
)
def test_scope_that_does_not_name_the_action_does_not_permit_private_material(
    tmp_path: Path, action: str, scope: str
) -> None:
    assert not allowed(loaded(tmp_path, f"permit(principal, {scope}, resource);"), ALICE, action)


@pytest.mark.parametrize("action", sorted(PRIVATE))
@pytest.mark.parametrize(
    "condition",
    [
        'when {{ action == Keyway::Action::"{0}" }}',
        'when {{ action in [Keyway::Action::"{0}"] }}',
        'unless {{ action != Keyway::Action::"{0}" }}',
    ],
)
def test_condition_does_not_permit_private_material(tmp_path: Path, action: str, condition: str) -> None:
    policies = loaded(tmp_path, f"permit(principal, action, resource) {condition.format(action)};")
    assert not allowed(policies, ALICE, action)


@pytest.mark.parametrize("action", sorted(PRIVATE))
@pytest.mark.parametrize(
    "scope",
    [
        'action == Keyway::Action::"{0}"',
        'action in [Keyway::Action::"{0}"]',
        'action in Keyway::Action::"{0}"',
        'action in [Keyway::Action::"Encrypt", Keyway::Action::"{0}"]',
        'action in [Keyway::Action::"{0}", Keyway::Action::"ReadMetadata"]',
    ],
)
def test_named_action_is_permitted_and_no_other(tmp_path: Path, action: str, scope: str) -> None:
    policies = loaded(tmp_path, f"permit(principal, {scope.format(action)}, resource);", EVERYTHING)
    assert {private for private in PRIVATE if allowed(policies, ALICE, private)} == {action}


@pytest.mark.parametrize("action", sorted(PRIVATE))
@pytest.mark.parametrize("scope", ["action", 'action == Keyway::Action::"{0}"'])
def test_forbid_does_not_need_to_name_the_action(tmp_path: Path, action: str, scope: str) -> None:
    policies = loaded(
        tmp_path,
        f'@id("yes") permit(principal, action == Keyway::Action::"{action}", resource);',
        f'@id("no") forbid(principal in Keyway::Group::"g", {scope.format(action)}, resource);',
        entities=MEMBER,
    )
    assert allowed(policies, BOB, action)
    refusal = ask(policies, ALICE, action)
    assert not refusal.allowed
    assert refusal.policies == ("no",)


def test_download_without_the_private_key_is_a_separate_action(tmp_path: Path) -> None:
    with_key = loaded(
        tmp_path, 'permit(principal, action == Keyway::Action::"DownloadCertificateWithPrivateKey", resource);'
    )
    assert allowed(with_key, ALICE, "DownloadCertificateWithPrivateKey")
    assert not allowed(with_key, ALICE, "DownloadCertificate")
