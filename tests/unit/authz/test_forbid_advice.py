"""Warnings about forbids that a caller can avoid with another name of the same resource."""

from pathlib import Path

import pytest

from gateway.authz.advice import advice
from tests.support.policies import loaded

ALL = '@id("all") permit(principal, action, resource);'
ENCRYPT = 'action == Keyway::Action::"Encrypt"'
BROAD = f'@id("broad") permit(principal, {ENCRYPT}, resource);'
KEY = 'Keyway::Key::"providers/p/keys/secret"'


def warnings(folder: Path, *texts: str) -> list[str]:
    """Return the warnings about the policy `it`."""
    return [line for line in advice(loaded(folder, *texts)) if " it: " in line]


def by_name(folder: Path, forbid: str, permit: str = BROAD) -> bool:
    """Return whether there is a warning that the forbid depends on the spelling of a name."""
    found = [line for line in warnings(folder, permit, f'@id("it") {forbid}') if "forbids resources by name" in line]
    assert all(line.startswith("1.cedar:1: policy it: ") for line in found)
    return bool(found)


@pytest.mark.parametrize(
    "rest",
    [
        f"resource == {KEY});",
        f"resource in {KEY});",
        f"resource is Keyway::Key in {KEY});",
        f"resource) when {{ resource == {KEY} }};",
        f"resource) when {{ {KEY} == resource }};",
        f"resource) when {{ resource in [{KEY}] }};",
        f"resource) when {{ [{KEY}].contains(resource) }};",
        f"resource) when {{ resource is Keyway::Key in {KEY} }};",
        'resource) when { resource.key == "secret" };',
        'resource) when { "providers/p/keys/secret" == resource.name };',
        'resource) when { ["other", "secret"].contains(resource.key) };',
        'resource) when { resource.key like "secret*" };',
        'resource) when { true && (principal.kind == "jwt" || resource.key == "secret") };',
        'resource) when { if principal.kind == "jwt" then true else resource.key == "secret" };',
        'resource) unless { resource.key != "secret" };',
        'resource) unless { !(resource.key == "secret") };',
    ],
)
def test_forbid_by_name_under_a_broad_permit_produces_a_warning(tmp_path: Path, rest: str) -> None:
    assert by_name(tmp_path, f"forbid(principal, {ENCRYPT}, {rest}")
    assert by_name(tmp_path, f"forbid(principal, action, {rest}".replace("resource)", "resource is Keyway::Key)", 1))


@pytest.mark.parametrize(
    "rest",
    [
        "resource);",
        'resource in Keyway::Provider::"providers/p");',
        'resource) when { resource.provider == "p" };',
        'resource) when { resource in Keyway::Provider::"providers/p" };',
        f"resource) unless {{ resource == {KEY} }};",
        'resource) unless { resource.key == "open" };',
        'resource) unless { resource.key like "open-*" };',
        'resource) when { resource.key != "open" };',
        'resource) when { !(resource.key like "open-*") };',
        'resource) unless { principal.scopes.contains("admin") };',
    ],
)
def test_forbid_that_covers_every_other_name_produces_no_warning(tmp_path: Path, rest: str) -> None:
    assert not by_name(tmp_path, f"forbid(principal, {ENCRYPT}, {rest}")


@pytest.mark.parametrize(
    ("rest", "warned"),
    [
        ('resource in Keyway::Provider::"providers/p");', True),
        ('resource in Keyway::Provider::"providers/other");', False),
        ('resource) when { resource.key like "s*" };', True),
        ('resource) when { resource.key like "open-*" };', False),
        (f"resource == {KEY});", False),
        ('resource) when { principal.kind == "jwt" && resource.key == "secret" };', False),
        ('resource) when { principal.kind == "jwt" || resource.key == "secret" };', True),
    ],
)
def test_warning_needs_a_permit_that_other_spellings_can_match(tmp_path: Path, rest: str, warned: bool) -> None:
    forbid = f"forbid(principal, {ENCRYPT}, resource == {KEY});"
    assert by_name(tmp_path, forbid, f'@id("it\'s") permit(principal, {ENCRYPT}, {rest}') is warned


@pytest.mark.parametrize(
    ("head", "warned"),
    [
        ("principal, action", True),
        ('principal, action in Keyway::Action::"UseKeys"', True),
        ('principal, action == Keyway::Action::"Decrypt"', False),
        ('principal == Keyway::Caller::"cn:a", action', True),
        ('principal == Keyway::Caller::"cn:b", action', False),
    ],
)
def test_warning_needs_a_permit_for_the_same_callers_and_actions(tmp_path: Path, head: str, warned: bool) -> None:
    forbid = f'forbid(principal == Keyway::Caller::"cn:a", {ENCRYPT}, resource == {KEY});'
    assert by_name(tmp_path, forbid, f"permit({head}, resource);") is warned


def test_forbid_of_private_material_is_not_avoided_through_a_permit_that_does_not_name_it(tmp_path: Path) -> None:
    secret = 'Keyway::Secret::"providers/p/secrets/s"'
    forbid = f'forbid(principal, action == Keyway::Action::"GetSecret", resource == {secret});'
    assert not by_name(tmp_path, forbid, ALL)
    assert by_name(tmp_path, forbid, 'permit(principal, action == Keyway::Action::"GetSecret", resource);')


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (f"resource == {KEY});", "write resource in instead of resource =="),
        (f"resource) when {{ resource == {KEY} }};", "write resource in instead of resource =="),
        (f"resource in {KEY});", None),
        ('resource == Keyway::KeyVersion::"providers/p/keys/secret/versions/1");', "uses its current version"),
        ('resource) when { resource.id == "secret" };', "test resource.key instead"),
        ('resource) when { resource.key == "secret" };', None),
    ],
)
def test_forbid_that_misses_key_versions_produces_a_warning(tmp_path: Path, rest: str, expected: str | None) -> None:
    found = warnings(tmp_path, f'@id("it") forbid(principal, action == Keyway::Action::"GetPrivateKey", {rest}')
    assert len(found) == (expected is not None)
    assert all(expected in line for line in found if expected is not None)
