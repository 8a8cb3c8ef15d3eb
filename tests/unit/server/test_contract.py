"""The contract as the server reads it: every method, where its resource's name stands, and what is safe to repeat."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

from gateway.contract.methods import BATCHES, METHODS, RESOURCES, SERVICES, Method, referenced_type, snake_case
from gateway.providers.base.capabilities import CAPABILITIES
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers

CHANGING = {
    "CreateCertificate",
    "DeleteCertificate",
    "UploadCertificate",
    "ImportCertificate",
    "InstallSignedCertificate",
    "ImportTrustedAuthority",
    "DeleteTrustedAuthority",
}
ELSEWHERE = {"parent": {"ListCertificates", "CreateCertificate", "ListTrustedAuthorities", "ImportTrustedAuthority"}}
ELSEWHERE["provider"] = {"GetClientInfo"}
NOWHERE = {"ListProviders", "BatchEncrypt", "BatchDecrypt"}


def test_services() -> None:
    assert SERVICES == ("keyway.v1.CertificateService", "keyway.v1.KeyService", "keyway.v1.ProviderService")
    assert len(METHODS) == 30
    assert len({method.full_name for method in METHODS}) == 30
    assert len({method.operation for method in METHODS}) == 30


def test_a_method() -> None:
    (method,) = (method for method in METHODS if method.name == "GetCertificateSigningRequest")
    assert method == Method(
        service="keyway.v1.CertificateService",
        name="GetCertificateSigningRequest",
        operation="get_certificate_signing_request",
        request=certificates.GetCertificateSigningRequestRequest,
        response=certificates.GetCertificateSigningRequestResponse,
        repeatable=True,
        state_changing=False,
        name_field="name",
    )
    assert method.full_name == "keyway.v1.CertificateService/GetCertificateSigningRequest"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method(method: Method) -> None:
    assert method.repeatable == (method.name not in CHANGING)
    assert method.state_changing == (method.name in CHANGING)
    assert method.request.DESCRIPTOR.name == f"{method.name}Request"
    assert method.response.DESCRIPTOR.name == f"{method.name}Response"
    fields = [field for field, names in ELSEWHERE.items() if method.name in names]
    assert method.name_field == (None if method.name in NOWHERE else (fields or ["name"])[0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Sign", "sign"), ("GetPublicKey", "get_public_key"), ("BatchEncrypt", "batch_encrypt")],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_capabilities_are_methods_of_the_contract() -> None:
    """An operation of a capability that is misspelt would never be called; one that is missing never be served."""
    offered = [name for capability in CAPABILITIES for name in vars(capability) if not name.startswith("_")]
    assert len(set(offered)) == len(offered)
    routed = {method.operation for method in METHODS if method.service != "keyway.v1.ProviderService"}
    assert set(offered) == routed - BATCHES.keys()
    assert set(BATCHES.values()) <= set(offered)


def test_references() -> None:
    request: Mapping[str, Any] = certificates.ListCertificatesRequest.DESCRIPTOR.fields_by_name
    assert referenced_type(request["parent"]) == "keyway.dev/Provider"
    assert referenced_type(request["page_token"]) is None
    version: Mapping[str, Any] = keys.GetPublicKeyRequest.DESCRIPTOR.fields_by_name
    assert referenced_type(version["name"]) == "keyway.dev/KeyVersion"


def test_every_reference_leads_to_a_pattern() -> None:
    for method in METHODS:
        fields: Sequence[Any] = method.request.DESCRIPTOR.fields
        for field in fields:
            type_name = referenced_type(field)
            assert type_name is None or RESOURCES[type_name]


def test_every_pattern_begins_with_its_provider() -> None:
    for patterns in RESOURCES.values():
        for pattern in patterns:
            assert re.match(r"providers/\{provider\}(/|\Z)", pattern.template)


def test_levels_are_said_for_every_method_of_the_providers_service() -> None:
    for method in providers.DESCRIPTOR.services_by_name["ProviderService"].methods:
        assert method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
