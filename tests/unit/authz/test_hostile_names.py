"""Hostile names: any text is one caller or one resource, and never part of a policy."""

from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies
from structlog.testing import capture_logs

from gateway.authz.policies import Policies
from gateway.authz.resources import bounded
from gateway.identity.caller import Caller
from tests.support.policies import ALICE, allowed, loaded

HOSTILE = [
    '"',
    "\\",
    '\\"',
    'k" || true || "',
    'k"); permit(principal, action, resource); ',
    '::"x"',
    'Keyway::Key::"allowed"',
    "*",
    "allowed*",
    "ällowed",
    "ａｌｌｏｗｅｄ",
    "allowed\u200b",
    "allowed ",
    "allowed\u0301",
    "\U0001f511",
    "{}",
    "__entity",
    "?principal",
    "allowed%2fk",
    "a" * 999,
]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Policies:
    """Alice is permitted to encrypt with one key, and every caller to decrypt with keys named `allowed-*`."""
    return loaded(
        tmp_path_factory.mktemp("policies"),
        f"""
        permit(principal == Keyway::Caller::"{ALICE.name}", action == Keyway::Action::"Encrypt",
               resource == Keyway::Key::"providers/p/keys/allowed");
        permit(principal, action == Keyway::Action::"Decrypt", resource) when {{ resource.key like "allowed-*" }};
        """,
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_resource_name_is_only_that_resource(policies: Policies, name: str) -> None:
    assert allowed(policies, ALICE, "Encrypt", "providers/p/keys/allowed")
    assert not allowed(policies, ALICE, "Encrypt", f"providers/p/keys/{name}")
    assert allowed(policies, ALICE, "Decrypt", f"providers/p/keys/allowed-{name}")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_caller_name_is_only_that_caller(policies: Policies, name: str) -> None:
    for caller in (
        Caller(name, "jwt"),
        Caller(ALICE.name + name, "spiffe"),
        Caller(name, "common-name", name, (name,)),
    ):
        assert not allowed(policies, caller, "Encrypt", "providers/p/keys/allowed")
        assert allowed(policies, caller, "Decrypt", "providers/p/keys/allowed-1")


@pytest.mark.parametrize("name", HOSTILE)
def test_policy_can_name_a_hostile_caller(tmp_path: Path, name: str) -> None:
    written = name.replace("\\", "\\\\").replace('"', '\\"')
    policies = loaded(
        tmp_path, f'permit(principal == Keyway::Caller::"sub:{written}", action, resource) when {{ true }};'
    )
    assert allowed(policies, Caller(name, "jwt"), "Encrypt")
    assert not allowed(policies, Caller(name + "x", "jwt"), "Encrypt")


@pytest.mark.parametrize(
    "resource",
    ["", "allowed", "keys/allowed", "providers/p/keys/allowed/", "providers/p/keys/a/b", "providers/../keys/allowed"],
)
def test_invalid_resource_name_belongs_to_no_provider(tmp_path: Path, policies: Policies, resource: str) -> None:
    assert not allowed(policies, ALICE, "Encrypt", resource)
    everything = loaded(tmp_path, 'permit(principal, action, resource in Keyway::Provider::"providers/p");')
    assert not allowed(everything, ALICE, "Encrypt", resource)


def test_too_long_name_is_truncated_to_an_invalid_name(tmp_path: Path) -> None:
    name = "providers/p/keys/" + "k" * 1007
    assert len(name) == 1024
    policies = loaded(tmp_path, 'permit(principal, action, resource in Keyway::Provider::"providers/p");')
    assert allowed(policies, ALICE, "Encrypt", name)
    assert not allowed(policies, ALICE, "Encrypt", name + "k")
    assert len(bounded(name + "k" * 10_000)) == 1025


@pytest.mark.parametrize("caller", [Caller("\ud800", "jwt"), Caller("1", "jwt", "", ("\udfff",))])
def test_lone_surrogate_is_denied(policies: Policies, caller: Caller) -> None:
    with capture_logs() as logs:
        assert not allowed(policies, caller, "Decrypt", "providers/p/keys/allowed-1")
    assert logs[0]["event"] == "policy_request_invalid"


@hypothesis.given(name=strategies.text(max_size=30), resource=strategies.text(max_size=30))
def test_arbitrary_text_is_denied(policies: Policies, name: str, resource: str) -> None:
    caller = Caller(name, "jwt")
    assert not allowed(policies, caller, "Encrypt", resource)
    assert not allowed(policies, caller, "Encrypt", f"providers/p/keys/{resource}")
    assert not allowed(policies, caller, "GetSecret", f"providers/p/secrets/{resource}")
