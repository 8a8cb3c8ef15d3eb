"""The schema of the policies covers the complete contract: every method, resource type, and secret."""

import json

import cedarpy
import pytest

from gateway.authz.actions import ACTIONS, GROUPS, PRIVATE, Action
from gateway.authz.resources import RESOURCE_TYPES, ResourceType, accepted_types, lineage
from gateway.authz.schema import schema, schema_text
from gateway.authz.targets import TARGETS
from gateway.contract.access import KEY_USE
from gateway.contract.descriptors import secret_fields
from gateway.contract.methods import BATCHES, INTERNAL_METHODS, METHODS, Method
from gateway.contract.resource_names import RESOURCES
from tests.support.policies import NAMES

ELSEWHERE = {"CreateCertificate": "keyway.dev/Certificate", "ListProviders": "keyway.dev/Provider"}
ELSEWHERE |= dict.fromkeys(("ListCertificates", "PollCertificates", "WatchCertificates"), "keyway.dev/Provider")


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_is_an_action_or_a_batch_of_one(method: Method) -> None:
    if method.operation in BATCHES:
        assert method.operation not in TARGETS
        assert method.name not in ACTIONS
        assert BATCHES[method.operation] in TARGETS
    else:
        assert TARGETS[method.operation].action == method.name
        assert method.name in ACTIONS


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_method_with_a_secret_response_is_private_or_uses_a_key(method: Method) -> None:
    item = TARGETS[BATCHES.get(method.operation, method.operation)]
    if any(secret_fields(method.response.DESCRIPTOR)):
        assert item.private or item.private_action is not None or method.access == KEY_USE


def test_known_methods_read_private_material() -> None:
    assert {"GetPrivateKey", "GetSymmetricKey", "GetSecret", "DownloadCertificateWithPrivateKey"} <= PRIVATE
    assert PRIVATE.isdisjoint({"Decrypt", "GenerateDataKey", "DownloadCertificate", "GetPublicKey"})


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_every_action_is_in_one_group_or_private(action: Action) -> None:
    if action.name in {method.name for method in INTERNAL_METHODS}:
        assert not action.groups  # a policy for callers does not affect them
        return
    assert bool(action.groups) != action.private
    assert all(action.name in GROUPS[name] for name in action.groups)


def test_groups_partition_the_other_actions() -> None:
    members = [name for group in GROUPS.values() for name in group]
    assert set(members) == ACTIONS.keys() - PRIVATE - {method.name for method in INTERNAL_METHODS}
    assert len(members) == len(set(members))


def test_resource_type_is_an_entity_in_its_parent() -> None:
    assert RESOURCE_TYPES.keys() == RESOURCES.keys() == NAMES.keys()
    parents = {name.rpartition("/")[2]: (kind.parent or "").rpartition("/")[2] for name, kind in RESOURCE_TYPES.items()}
    assert parents == {
        "Provider": "",
        "Certificate": "Provider",
        "TrustStore": "Provider",
        "TrustedAuthority": "TrustStore",
        "Key": "Provider",
        "KeyVersion": "Key",
        "Secret": "Provider",
        "AuditLog": "",
    }


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.action)
def test_target_has_the_resource_type_of_the_request(target) -> None:  # type: ignore[no-untyped-def]
    (method,) = (method for method in (*METHODS, *INTERNAL_METHODS) if method.name == target.action)
    fields = method.request.DESCRIPTOR.fields_by_name
    expected = ELSEWHERE.get(method.name)
    if expected is None:
        assert method.name_field is not None
        options = fields[method.name_field].GetOptions()
        ((_, reference),) = [item for item in options.ListFields() if item[0].name == "resource_reference"]
        expected = reference.type
    assert target.resource_type == expected


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES.values(), ids=lambda resource_type: resource_type.entity)
@pytest.mark.parametrize("name", ["", "no/name", None])
def test_entity_matches_the_schema(resource_type: ResourceType, name: str | None) -> None:
    entities = lineage(NAMES[resource_type.name] if name is None else name, resource_type.name)
    known = cedarpy.Entities.from_json_str(json.dumps(entities), schema())
    assert len(known) >= len(entities)
    assert entities[0]["uid"]["type"] == resource_type.entity


def test_lineage_of_a_key_version() -> None:
    version, key, provider = lineage("providers/p/keys/k/versions/3", "keyway.dev/KeyVersion")
    assert version["uid"] == {"type": "Keyway::KeyVersion", "id": "providers/p/keys/k/versions/3"}
    assert version["attrs"] == {
        "name": "providers/p/keys/k/versions/3",
        "id": "3",
        "provider": "p",
        "key": "k",
        "version": "3",
    }
    assert version["parents"] == [key["uid"]] == [{"type": "Keyway::Key", "id": "providers/p/keys/k"}]
    assert key["parents"] == [provider["uid"]] == [{"type": "Keyway::Provider", "id": "providers/p"}]
    assert provider["parents"] == []


def test_key_name_in_a_field_for_versions_is_a_key() -> None:
    (key, _) = lineage("providers/p/keys/k", "keyway.dev/KeyVersion")
    assert key["uid"] == {"type": "Keyway::Key", "id": "providers/p/keys/k"}
    assert [taken.entity for taken in accepted_types("keyway.dev/KeyVersion")] == ["Keyway::KeyVersion", "Keyway::Key"]


def test_cedar_accepts_the_schema() -> None:
    text = str(cedarpy.Schema.from_str(schema_text()))
    assert all(f'"{name}"' in text or f"action {name}" in text.replace('"', "") for name in (*ACTIONS, *GROUPS))
