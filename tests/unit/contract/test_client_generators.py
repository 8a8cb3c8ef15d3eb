"""Generators of the clients' list methods and retry policy: new methods and values need no edit by hand."""

from collections.abc import Mapping
from typing import Any

import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from clients import java_services, lists, retry_policy
from clients.api_reference import Commented
from clients.contract_reader import Contract
from clients.service_config import RETRY_POLICY
from keyway.v1 import (
    audit_record_pb2,
    audit_service_pb2,
    certificate_pb2,
    certificate_service_pb2,
    key_service_pb2,
    provider_pb2,
    provider_service_pb2,
)
from tests.support.docs import ROOT

MODULES = (
    audit_record_pb2,
    audit_service_pb2,
    certificate_pb2,
    certificate_service_pb2,
    key_service_pb2,
    provider_pb2,
    provider_service_pb2,
)


def contract(*, with_wrapping_keys: bool = False) -> Contract:
    """Return the contract, with one more list method if requested."""
    files = []
    for module in MODULES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        if with_wrapping_keys and module is key_service_pb2:
            add_wrapping_keys(file)
        files.append(Commented(file, {}))
    return Contract(files)


def add_wrapping_keys(file: FileDescriptorProto) -> None:
    text, message = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_MESSAGE
    request = file.message_type.add(name="ListWrappingKeysRequest")
    parent = request.field.add(name="parent", number=1, type=text)
    extension: Any = field_behavior_pb2.field_behavior  # its published type is not that of an extension
    parent.options.Extensions[extension].append(field_behavior_pb2.REQUIRED)
    request.field.add(name="page_token", number=2, type=text)
    file.message_type.append(DescriptorProto(name="WrappingKey"))
    response = file.message_type.add(name="ListWrappingKeysResponse")
    repeated = FieldDescriptorProto.LABEL_REPEATED
    response.field.add(name="wrapping_keys", number=1, type=message, type_name=".keyway.v1.WrappingKey", label=repeated)
    response.field.add(name="next_page_token", number=2, type=text)
    file.service[0].method.add(
        name="ListWrappingKeys",
        input_type=".keyway.v1.ListWrappingKeysRequest",
        output_type=".keyway.v1.ListWrappingKeysResponse",
    )


def sources(made: Contract) -> Mapping[str, str]:
    """Return the generated text by the path below `clients`."""
    methods = list(made.list_methods())
    found = {name: source(made, methods) for name, source in lists.SOURCES.items()}
    for file in made.files:
        for index, service in enumerate(file.file.service):
            own = [method for method in methods if method.service == service.name]
            text = java_services.service_class(file, index, service, own)
            found[f"java/client/src/main/java/dev/keyway/{service.name}.java"] = text
    return found


def test_new_list_method_is_iterated_in_every_language() -> None:
    made = sources(contract(with_wrapping_keys=True))
    python = made["python/keyway/lists.py"]
    assert "method: Callable[..., ListWrappingKeysResponse]," in python
    assert ") -> AsyncIterator[WrappingKey]: ..." in python
    assert "func (c *Client) AllWrappingKeys(" in made["go/lists.go"]
    assert "return c.Keys.ListWrappingKeys(ctx, next, options...)" in made["go/lists.go"]
    java = made["java/client/src/main/java/dev/keyway/KeyService.java"]
    assert "public Pages<ListWrappingKeysResponse, WrappingKey> allWrappingKeys(" in java
    typescript = made["typescript/src/gen/lists.ts"]
    assert "abstract readonly keys: Calls<typeof KeyService>;" in typescript
    # A required field that accepts no wildcard has no default.
    assert '"listWrappingKeys"]>,' in typescript
    assert "(page) => page.wrappingKeys" in typescript


@pytest.mark.parametrize("name", list(lists.SOURCES))
def test_committed_list_methods_are_current(name: str) -> None:
    assert (ROOT / "clients" / name).read_text(encoding="utf-8") == sources(contract())[name]


@pytest.mark.parametrize("name", list(retry_policy.SOURCES))
def test_committed_retry_policy_is_current(name: str) -> None:
    committed = (ROOT / "clients" / name).read_text(encoding="utf-8")
    assert committed == retry_policy.SOURCES[name](RETRY_POLICY)


@pytest.mark.parametrize("name", list(retry_policy.SOURCES))
def test_changed_retry_policy_changes_every_client(name: str) -> None:
    changed = {**RETRY_POLICY, "maxAttempts": 7, "backoffMultiplier": 1.5, "maxBackoff": "2s"}
    text = retry_policy.SOURCES[name](changed)
    assert [value in text for value in ("7", "1.5", '"2s"', "UNAVAILABLE")] == [True] * 4
