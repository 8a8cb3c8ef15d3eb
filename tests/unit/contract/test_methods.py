"""The methods of the contract, as the gateway reads them from the descriptors."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from gateway.contract import access
from gateway.contract.descriptors import secret_fields
from gateway.contract.methods import (
    BATCHES,
    CACHEABLE,
    METHODS,
    SERVICES,
    Method,
    MethodFactsError,
    method_of,
    snake_case,
)
from gateway.contract.resource_names import RESOURCES, referenced_type
from gateway.providers.base.provider import OPERATIONS
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import options_pb2 as options

CHANGING_VERBS = ("Create", "Delete", "Upload", "Import", "Install")
NAME_FIELDS = ("name", "parent", "provider")
EACH_METHOD = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def test_names_of_services_methods_and_operations_are_unique() -> None:
    assert set(SERVICES) == {method.service for method in METHODS}
    assert len({method.full_name for method in METHODS}) == len(METHODS)
    assert len({method.operation for method in METHODS}) == len(METHODS)


def test_method_states_all_its_facts() -> None:
    (method,) = (method for method in METHODS if method.name == "GetCertificateSigningRequest")
    assert method == Method(
        service="keyway.v1.CertificateService",
        name="GetCertificateSigningRequest",
        operation="get_certificate_signing_request",
        request=certificates.GetCertificateSigningRequestRequest,
        response=certificates.GetCertificateSigningRequestResponse,
        idempotent=True,
        state_changing=False,
        name_field="name",
        access=options.ACCESS_CLASS_CERTIFICATE_ADMINISTRATION,
        activity=options.AUDIT_ACTIVITY_READ,
        cacheable=False,
        merge_repetitions=False,
        served_by_gateway=False,
    )
    assert method.full_name == "keyway.v1.CertificateService/GetCertificateSigningRequest"


@EACH_METHOD
def test_methods_change_state_exactly_if_their_verb_does(method: Method) -> None:
    changes = method.name.startswith(CHANGING_VERBS)
    assert method.state_changing == changes
    assert method.idempotent == (not changes)


@EACH_METHOD
def test_request_and_response_are_named_after_the_method(method: Method) -> None:
    assert method.request.DESCRIPTOR.name == f"{method.name}Request"
    assert method.response.DESCRIPTOR.name == f"{method.name}Response"


@EACH_METHOD
def test_name_field_is_the_one_field_that_names_a_resource(method: Method) -> None:
    fields: Sequence[Any] = method.request.DESCRIPTOR.fields
    named = [field.name for field in fields if field.name in NAME_FIELDS]
    assert method.name_field == (named[0] if named else None)


@EACH_METHOD
def test_every_method_sets_access_and_activity(method: Method) -> None:
    assert method.access != options.ACCESS_CLASS_UNSPECIFIED
    assert method.activity != options.AUDIT_ACTIVITY_UNSPECIFIED


@EACH_METHOD
def test_activity_agrees_with_the_access_class(method: Method) -> None:
    if method.access in (access.PRIVATE_MATERIAL, options.ACCESS_CLASS_METADATA, options.ACCESS_CLASS_PUBLIC_MATERIAL):
        assert method.activity == options.AUDIT_ACTIVITY_READ
    if method.state_changing:
        assert method.activity not in (options.AUDIT_ACTIVITY_READ, options.AUDIT_ACTIVITY_OTHER)


@pytest.mark.parametrize(("batch", "item"), BATCHES.items())
def test_batch_has_the_facts_of_its_items(batch: str, item: str) -> None:
    by_operation = {method.operation: method for method in METHODS}
    assert by_operation[batch].access == by_operation[item].access
    assert by_operation[batch].activity == by_operation[item].activity


@pytest.mark.parametrize("operation", sorted(CACHEABLE))
def test_cacheable_method_has_no_secret_and_no_side_effect(operation: str) -> None:
    (method,) = (method for method in METHODS if method.operation == operation)
    assert list(secret_fields(method.response.DESCRIPTOR)) == []
    assert all("." not in field for field in secret_fields(method.request.DESCRIPTOR))
    assert not method.state_changing


METADATA, KEY_USE, READ = options.ACCESS_CLASS_METADATA, options.ACCESS_CLASS_KEY_USE, options.AUDIT_ACTIVITY_READ


def method_with(facts: options.MethodFacts | None, *, secret: bool = False, safe: bool = True) -> Any:
    """Return the descriptor of a method with these options, whose response has a secret field or not."""
    file = descriptor_pb2.FileDescriptorProto(name="test.proto", package="test", syntax="proto3")
    file.message_type.add(name="R")
    field = file.message_type.add(name="A").field.add(name="a", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    field.options.debug_redact = secret
    method = file.service.add(name="S").method.add(name="M", input_type=".test.R", output_type=".test.A")
    if safe:
        method.options.idempotency_level = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
    if facts is not None:
        extension: Any = options.method
        method.options.Extensions[extension].CopyFrom(facts)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindMethodByName("test.S.M")


@pytest.mark.parametrize(
    "facts",
    [None, options.MethodFacts(access=METADATA), options.MethodFacts(activity=READ)],
    ids=["no options", "no activity", "no access"],
)
def test_method_without_facts_is_rejected(facts: options.MethodFacts | None) -> None:
    with pytest.raises(MethodFactsError, match=r"^test\.S/M: .* must set access and activity$"):
        method_of(method_with(facts))


def test_secret_response_requires_a_class_that_returns_secrets() -> None:
    assert method_of(method_with(options.MethodFacts(access=KEY_USE, activity=READ), secret=True)).access == KEY_USE
    with pytest.raises(MethodFactsError, match="its access class must be private material or key use"):
        method_of(method_with(options.MethodFacts(access=METADATA, activity=READ), secret=True))


@pytest.mark.parametrize(("secret", "safe"), [(True, True), (False, False)])
def test_secret_or_state_changing_method_cannot_be_cacheable(*, secret: bool, safe: bool) -> None:
    facts = options.MethodFacts(access=KEY_USE, activity=READ, cacheable=True)
    assert method_of(method_with(facts)).cacheable
    with pytest.raises(MethodFactsError, match="a cacheable method has no side effects and no secret field"):
        method_of(method_with(facts, secret=secret, safe=safe))


def test_only_own_methods_without_side_effects_merge_repetitions() -> None:
    facts = options.MethodFacts(access=METADATA, activity=READ, merge_repetitions=True)
    with pytest.raises(MethodFactsError, match="that the gateway serves itself can merge repetitions"):
        method_of(method_with(facts))
    assert all(method.merge_repetitions == (method.service == "keyway.v1.AuditService") for method in METHODS)


@EACH_METHOD
def test_no_two_fields_have_the_same_accessor_in_java(method: Method) -> None:
    """The accessor getXBytes returns the UTF-8 form of a string x, or the value of a field x_bytes."""
    for message in (method.request, method.response):
        fields: Mapping[str, Any] = message.DESCRIPTOR.fields_by_name
        assert [name for name in fields if f"{name}_bytes" in fields] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Sign", "sign"), ("GetPublicKey", "get_public_key"), ("BatchEncrypt", "batch_encrypt")],
)
def test_method_names_are_converted_to_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_operations_of_providers_are_the_methods_that_providers_can_serve() -> None:
    """If this fails, run `python -m clients.operations`."""
    routed = {method.operation for method in METHODS if not method.served_by_gateway and not method.streaming}
    assert set(OPERATIONS) == routed - BATCHES.keys()
    assert set(BATCHES.values()) <= set(OPERATIONS)


def test_referenced_type_is_the_type_that_a_field_names() -> None:
    request: Mapping[str, Any] = certificates.ListCertificatesRequest.DESCRIPTOR.fields_by_name
    assert referenced_type(request["parent"]) == "keyway.dev/Provider"
    assert referenced_type(request["page_token"]) is None
    version: Mapping[str, Any] = keys.GetPublicKeyRequest.DESCRIPTOR.fields_by_name
    assert referenced_type(version["name"]) == "keyway.dev/KeyVersion"


@EACH_METHOD
def test_every_reference_has_a_pattern(method: Method) -> None:
    fields: Sequence[Any] = method.request.DESCRIPTOR.fields
    for field in fields:
        type_name = referenced_type(field)
        assert type_name is None or RESOURCES[type_name]
