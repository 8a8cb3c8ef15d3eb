"""The schema of policies knows all of the contract: no method, resource or secret can be forgotten."""

import json

import cedarpy
import pytest

from gateway.authz.actions import ACTIONS, GROUPS, PRIVATE, Action
from gateway.authz.resources import RESOURCE_TYPES, ResourceType, accepted_types, lineage
from gateway.authz.schema import schema, schema_text
from gateway.authz.targets import TARGETS
from gateway.contract.access import KEY_USE
from gateway.contract.descriptors import secret_fields
from gateway.contract.methods import BATCHES, METHODS, Method
from gateway.contract.resource_names import RESOURCES
from tests.unit.authz.support import NAMES

SECRET_ANSWERS = {
    "DownloadCertificate": {"private_key_pem"},
    "GetSecret": {"payload"},
    "Decrypt": {"plaintext"},
    "GenerateDataKey": {"plaintext"},
    "GetSymmetricKey": {"key_material"},
    "GetPrivateKey": {"pkcs8_der", "pem"},
    "BatchDecrypt": {"results.response.plaintext"},
}
"""Every secret that a method answers. A new one belongs here, once it was decided who may read it."""

ELSEWHERE = {"CreateCertificate": "keyway.dev/Certificate", "ListProviders": "keyway.dev/Provider"}
ELSEWHERE["ListCertificates"] = "keyway.dev/Provider"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_is_an_action_or_made_of_such(method: Method) -> None:
    if method.operation in BATCHES:
        assert method.operation not in TARGETS
        assert method.name not in ACTIONS
        assert BATCHES[method.operation] in TARGETS
    else:
        assert TARGETS[method.operation].action == method.name
        assert method.name in ACTIONS


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_secret_answer_was_thought_about(method: Method) -> None:
    assert set(secret_fields(method.response.DESCRIPTOR)) == SECRET_ANSWERS.get(method.name, set())


def test_what_reads_private_material() -> None:
    assert {"GetPrivateKey", "GetSymmetricKey", "GetSecret", "DownloadCertificateWithPrivateKey"} == PRIVATE
    key_use = {method.name for method in METHODS if method.access == KEY_USE}
    assert set(SECRET_ANSWERS) - key_use == {"GetPrivateKey", "GetSymmetricKey", "GetSecret", "DownloadCertificate"}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_every_action_is_in_a_group_or_private(action: Action) -> None:
    assert bool(action.groups) != action.private
    assert all(action.name in GROUPS[name] for name in action.groups)


def test_groups_have_only_actions() -> None:
    members = [name for group in GROUPS.values() for name in group]
    assert set(members) == ACTIONS.keys() - PRIVATE
    assert len(members) == len(set(members))


def test_every_resource_type_is_an_entity_in_its_parent() -> None:
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
    }


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.action)
def test_what_a_method_is_about(target) -> None:  # type: ignore[no-untyped-def]
    (method,) = (method for method in METHODS if method.name == target.action)
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
def test_entities_of_resources_are_what_the_schema_says(resource_type: ResourceType, name: str | None) -> None:
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


def test_a_keys_name_is_a_key_also_where_a_version_is_taken() -> None:
    (key, _) = lineage("providers/p/keys/k", "keyway.dev/KeyVersion")
    assert key["uid"] == {"type": "Keyway::Key", "id": "providers/p/keys/k"}
    assert [taken.entity for taken in accepted_types("keyway.dev/KeyVersion")] == ["Keyway::KeyVersion", "Keyway::Key"]


def test_cedar_takes_the_schema() -> None:
    text = str(cedarpy.Schema.from_str(schema_text()))
    assert all(f'"{name}"' in text or f"action {name}" in text.replace('"', "") for name in (*ACTIONS, *GROUPS))
