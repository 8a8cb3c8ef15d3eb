"""Decisions of a set of policies by caller, group, token, action, and resource."""

from pathlib import Path

import pytest

from gateway.authz.actions import ACTIONS
from gateway.authz.principals import caller_id
from gateway.identity.caller import ANONYMOUS, Caller
from tests.support.policies import ALICE, BOB, allowed, ask, group, loaded, member

ENCRYPT = 'action == Keyway::Action::"Encrypt"'


def permit(principal: str = "principal", action: str = ENCRYPT, resource: str = "resource", rest: str = "") -> str:
    return f"permit({principal}, {action}, {resource}) {rest};"


@pytest.mark.parametrize("text", ["", "// nothing yet\n", "forbid(principal, action, resource);"])
def test_everything_is_denied_by_default(tmp_path: Path, text: str) -> None:
    policies = loaded(tmp_path, text)
    assert not any(allowed(policies, ALICE, action) for action in ACTIONS)


def test_forbid_overrides_permit(tmp_path: Path) -> None:
    policies = loaded(
        tmp_path, '@id("yes") ' + permit(), '@id("no") forbid(principal, action, resource) when { resource.id == "k" };'
    )
    assert ask(policies, ALICE, "Encrypt", "providers/p/keys/other").policies == ("yes",)
    refusal = ask(policies, ALICE, "Encrypt")
    assert not refusal.allowed
    assert refusal.policies == ("no",)


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert ask(loaded(tmp_path, "\ufeff" + permit()), ALICE, "Encrypt").allowed


def test_policy_is_named_by_its_id_or_location(tmp_path: Path) -> None:
    policies = loaded(tmp_path, '// one\n\n@id("first") ' + permit() + "\n\n  // two\n" + permit(), permit())
    assert [policy.name for policy in policies.policies] == ["first", "0.cedar:6", "1.cedar:1"]
    assert ask(policies, ALICE, "Encrypt").policies == ("0.cedar:6", "1.cedar:1", "first")


def test_decision_contains_action_and_resource(tmp_path: Path) -> None:
    decision = ask(loaded(tmp_path, '@id("yes")' + permit()), ALICE, "Encrypt")
    assert decision.allowed
    assert (decision.action, decision.resource_type, decision.resource) == (
        "Encrypt",
        "keyway.dev/Key",
        "providers/p/keys/k",
    )
    assert decision.policies == ("yes",)


class TestCallers:
    @pytest.mark.parametrize(
        ("caller", "name"),
        [
            (Caller("spiffe://example.org/a", "spiffe"), "spiffe://example.org/a"),
            (Caller("a.example.org", "dns"), "dns:a.example.org"),
            (Caller("A Server", "common-name"), "cn:A Server"),
            (Caller("1234", "jwt", "https://issuer"), "sub:1234"),
            (ANONYMOUS, "anonymous"),
        ],
    )
    def test_caller_id_of_each_kind(self, tmp_path: Path, caller: Caller, name: str) -> None:
        assert caller_id(caller) == name
        policies = loaded(tmp_path, permit(principal=f'principal == Keyway::Caller::"{name}"'))
        assert allowed(policies, caller, "Encrypt")

    @pytest.mark.parametrize("kind", ["dns", "common-name", "jwt"])
    def test_same_name_of_another_kind_is_another_caller(self, tmp_path: Path, kind: str) -> None:
        policies = loaded(tmp_path, permit(principal=f'principal == Keyway::Caller::"{ALICE.name}"'))
        assert allowed(policies, ALICE, "Encrypt")
        assert not allowed(policies, Caller(ALICE.name, kind), "Encrypt")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "condition",
        [
            'principal.groups.contains("staff")',
            'principal.scopes.contains("keys.use")',
            'principal.issuer == "https://issuer"',
            'principal.kind == "jwt"',
        ],
    )
    def test_conditions_can_use_the_claims_of_a_token(self, tmp_path: Path, condition: str) -> None:
        policies = loaded(tmp_path, permit(rest=f"when {{ {condition} }}"))
        assert allowed(policies, Caller("1", "jwt", "https://issuer", ("staff",), ("keys.use",)), "Encrypt")
        assert not allowed(policies, Caller("1", "spiffe", "", ("other",), ()), "Encrypt")

    def test_group_of_the_entities_file_permits_its_members(self, tmp_path: Path) -> None:
        entities = [group("inner", "outer"), group("outer"), member(ALICE.name, "inner")]
        policies = loaded(tmp_path, permit(principal='principal in Keyway::Group::"outer"'), entities=entities)
        assert allowed(policies, ALICE, "Encrypt")
        assert not allowed(policies, BOB, "Encrypt")

    def test_group_in_a_token_is_not_a_group_of_the_entities_file(self, tmp_path: Path) -> None:
        policies = loaded(tmp_path, permit(principal='principal in Keyway::Group::"g"'), entities=[group("g")])
        assert not allowed(policies, Caller("1", "jwt", "https://issuer", ("g",)), "Encrypt")

    def test_caller_in_the_entities_file_keeps_the_claims_of_its_token(self, tmp_path: Path) -> None:
        policies = loaded(
            tmp_path,
            permit(principal='principal in Keyway::Group::"g"', rest='when { principal.scopes.contains("s") }'),
            entities=[group("g"), member("sub:1", "g")],
        )
        assert allowed(policies, Caller("1", "jwt", "https://issuer", (), ("s",)), "Encrypt")
        assert not allowed(policies, Caller("1", "jwt", "https://issuer"), "Encrypt")


class TestResources:
    @pytest.mark.parametrize(
        "resource",
        [
            'resource == Keyway::KeyVersion::"providers/p/keys/k/versions/1"',
            'resource in Keyway::Key::"providers/p/keys/k"',
            'resource in Keyway::Provider::"providers/p"',
            'resource is Keyway::KeyVersion in Keyway::Key::"providers/p/keys/k"',
        ],
    )
    def test_resource_matches_by_in_and_by_equality(self, tmp_path: Path, resource: str) -> None:
        policies = loaded(tmp_path, permit(action='action == Keyway::Action::"GetPublicKey"', resource=resource))
        assert allowed(policies, ALICE, "GetPublicKey")
        for other in ("providers/q/keys/k/versions/1", "providers/q/keys/k", "providers/p2/keys/k/versions/1"):
            assert not allowed(policies, ALICE, "GetPublicKey", other)

    def test_key_contains_itself_and_its_versions(self, tmp_path: Path) -> None:
        scope = 'resource in Keyway::Key::"providers/p/keys/k"'
        policies = loaded(tmp_path, permit(action='action == Keyway::Action::"GetPublicKey"', resource=scope))
        assert allowed(policies, ALICE, "GetPublicKey", "providers/p/keys/k")
        assert allowed(policies, ALICE, "GetPublicKey", "providers/p/keys/k/versions/7")
        assert not allowed(policies, ALICE, "GetPublicKey", "providers/p/keys/k2")

    def test_segment_is_available_under_its_variable(self, tmp_path: Path) -> None:
        rest = 'when { resource.key like "orders-*" }'
        policies = loaded(tmp_path, permit(action='action == Keyway::Action::"GetPublicKey"', rest=rest))
        assert allowed(policies, ALICE, "GetPublicKey", "providers/p/keys/orders-1")
        assert allowed(policies, ALICE, "GetPublicKey", "providers/p/keys/orders-1/versions/3")
        assert not allowed(policies, ALICE, "GetPublicKey", "providers/p/keys/my-orders-1")

    def test_trusted_authority_is_in_its_store_and_its_provider(self, tmp_path: Path) -> None:
        for index, above in enumerate(
            ('Keyway::TrustStore::"providers/p/trustStores/t"', 'Keyway::Provider::"providers/p"')
        ):
            folder = tmp_path / str(index)
            folder.mkdir()
            policies = loaded(folder, permit(action="action", resource=f"resource in {above}"))
            assert allowed(policies, ALICE, "DeleteTrustedAuthority")
            assert not allowed(policies, ALICE, "DeleteTrustedAuthority", "providers/p2/trustStores/t/authorities/a")


def test_policy_that_cannot_be_evaluated_denies(tmp_path: Path) -> None:
    """Cedar alone would skip a forbid that it cannot evaluate."""
    overflow = 'unless { 9223372036854775807 + 1 == 0 || resource.id == "never" }'
    policies = loaded(tmp_path, permit(), f"forbid(principal, action, resource) {overflow};")
    assert not allowed(policies, ALICE, "Encrypt")
