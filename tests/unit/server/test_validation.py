"""Validation against the descriptors: required fields, resource names, enums, and the order of violations."""

import re
from typing import Any

import pytest
from google.protobuf.message import Message

from gateway.contract.descriptors import field_facts
from gateway.errors import InvalidRequest
from gateway.server.interceptors.validation import validate
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1.options_pb2 import FIELD_FORMAT_FILENAME
from tests.support.contract_messages import REQUEST_TYPES, fields, is_required, put, referenced_name, valid
from tests.support.violations import full_name, problems

REQUIRED = [field for field in fields() if is_required(field)]
REFERENCES = [field for field in fields() if referenced_name(field) is not None]
ENUMS = [field for field in fields() if field.enum_type is not None]
WITH_WILDCARD = {
    f"keyway.v1.{request}Request.parent"
    for request in (
        "ListCertificates",
        "ListAuditRecords",
        "GetAuditRecord",
        "SummarizeAuditRecords",
        "ListSecretDeliveries",
    )
}
KEY = "providers/p/keys/k"
PROVIDER_SEGMENT = re.compile(r"(?<=^providers/)p|(?<=^auditLogs/)p")


class TestDescriptors:
    def test_test_data_has_fields_of_every_kind(self) -> None:
        assert REQUEST_TYPES
        assert REQUIRED
        assert REFERENCES
        assert ENUMS

    @pytest.mark.parametrize("request_type", REQUEST_TYPES, ids=full_name)
    def test_smallest_valid_request_has_no_violations(self, request_type: type[Message]) -> None:
        assert problems(valid(request_type.DESCRIPTOR)) == {}

    @pytest.mark.parametrize("field", REQUIRED, ids=full_name)
    def test_empty_required_field_is_a_violation(self, field: Any) -> None:
        message = valid(field.containing_type)
        message.ClearField(field.name)
        found = problems(message)
        assert found.keys() == {field.name}
        most = field_facts(field).max_items
        assert found[field.name] == (f"must have 1 to {most} items" if field.is_repeated else "is required")

    @pytest.mark.parametrize("request_type", REQUEST_TYPES, ids=full_name)
    def test_all_empty_required_fields_are_reported(self, request_type: type[Message]) -> None:
        required = {field.name for field in request_type.DESCRIPTOR.fields if is_required(field)}
        assert problems(request_type()).keys() == required

    @pytest.mark.parametrize("field", REFERENCES, ids=full_name)
    @pytest.mark.parametrize(
        "name",
        [
            "x",
            "providers/",
            "providers/p/",
            "providers/p/keys/..",
            "providers/p/nothings/n",
            "providers/\x85",
            "a" * 1025,
            "providers/p/certificates/a/b",
            "providers/p/keys/k/versions/x",
            "providers//keys/k",
            "/providers/p",
        ],
    )
    def test_names_without_a_pattern_are_violations(self, field: Any, name: str) -> None:
        message = valid(field.containing_type)
        put(message, field, name)
        assert problems(message).keys() == {field.name}

    @pytest.mark.parametrize("field", REFERENCES, ids=full_name)
    def test_names_of_other_resource_types_are_violations(self, field: Any) -> None:
        own = referenced_name(field)
        for name in {referenced_name(other) for other in REFERENCES} - {own}:
            message = valid(field.containing_type)
            put(message, field, name)
            key_for_its_version = own == f"{KEY}/versions/1" and name == KEY
            assert (field.name in problems(message)) == (not key_for_its_version), name

    @pytest.mark.parametrize("field", REFERENCES, ids=full_name)
    def test_wildcard_is_accepted_in_lists_only(self, field: Any) -> None:
        message = valid(field.containing_type)
        own = referenced_name(field)
        assert own is not None
        put(message, field, PROVIDER_SEGMENT.sub("-", own))
        allowed = field.full_name in WITH_WILDCARD
        assert problems(message).keys() == (set() if allowed else {field.name})

    @pytest.mark.parametrize("field", [field for field in REFERENCES if field.name != "parent"], ids=full_name)
    def test_name_length_is_limited(self, field: Any) -> None:
        own = referenced_name(field)
        assert own is not None
        message = valid(field.containing_type)
        longest = PROVIDER_SEGMENT.sub("가" * (1024 - len(own) + 1), own)
        assert len(longest) == 1024
        put(message, field, longest)
        assert problems(message) == {}
        put(message, field, PROVIDER_SEGMENT.sub("가" * (1024 - len(own) + 2), own))
        assert problems(message) == {field.name: "must have at most 1024 characters"}

    @pytest.mark.parametrize("field", ENUMS, ids=full_name)
    def test_unknown_enum_values_are_violations(self, field: Any) -> None:
        assert field.enum_type is not None
        message = valid(field.containing_type)
        for number in field.enum_type.values_by_number:
            put(message, field, number)
            assert problems(message) == {}
        for number in (-1, max(field.enum_type.values_by_number) + 1, 2**31 - 1):
            put(message, field, number)
            assert problems(message) == {field.name: "is not a value of its enumeration"}

    @pytest.mark.parametrize("field", fields(), ids=full_name)
    def test_fields_declare_the_rule_that_their_name_implies(self, field: Any) -> None:
        """Page sizes, file names, and plaintexts are recognizable by their names."""
        facts = field_facts(field)
        if field.name == "page_size":
            assert facts.max_value
        if field.name.endswith("filename"):
            assert facts.format == FIELD_FORMAT_FILENAME
        if field.name == "plaintext":
            assert facts.encoding_field in field.containing_type.fields_by_name


def test_all_violations_are_reported_in_the_order_of_the_fields() -> None:
    message = certificates.CreateCertificateRequest(
        parent="providers/-", certificate_id="a/b", key_size=-1, validity_days=-1, keystore_password="secret-marker"
    )
    message.subject.country = "KR"
    with pytest.raises(InvalidRequest) as caught:
        validate(message)
    assert [violation.field for violation in caught.value.violations] == [
        "parent",
        "certificate_id",
        "key_size",
        "validity_days",
        "private_key_password",
        "subject.common_name",
    ]
    assert "secret-marker" not in caught.value.message
