"""The HTTP rules of the contract: each method has one, and they are consistent with its names, secrets, and effects."""

from collections import Counter
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import MethodDescriptorProto

from clients.http_rules import Binding, bindings
from gateway.contract.descriptors import FILES, is_required
from gateway.contract.methods import METHODS, Method
from gateway.contract.resource_names import RESOURCES, referenced_type

DESCRIPTORS = {
    f"{service.full_name}/{method.name}": method
    for file in FILES
    for service in file.services_by_name.values()
    for method in service.methods
}


def rules(method: Method) -> list[Binding]:
    copied = MethodDescriptorProto()
    DESCRIPTORS[method.full_name].CopyToProto(copied)
    return list(bindings(copied))


each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@each_method
def test_method_has_a_rule(method: Method) -> None:
    assert rules(method)


def test_no_two_methods_have_the_same_path() -> None:
    counts = Counter((rule.verb, rule.pattern) for method in METHODS for rule in rules(method))
    assert [path for path, count in counts.items() if count > 1] == []


@each_method
def test_path_contains_the_name_of_the_resource(method: Method) -> None:
    for rule in rules(method):
        assert rule.path_field == method.name_field


@each_method
def test_paths_accept_every_pattern_of_the_resource(method: Method) -> None:
    if method.name_field is None:
        return
    field: Any = method.request.DESCRIPTOR.fields_by_name[method.name_field]
    referenced = referenced_type(field)
    assert referenced is not None
    expected = {pattern_of(pattern.template) for pattern in RESOURCES[referenced]}
    assert {rule.template.partition("=")[2].partition("}")[0] for rule in rules(method)} == expected


def pattern_of(pattern: str) -> str:
    """Return a pattern with `*` for each variable."""
    return "/".join("*" if part.startswith("{") else part for part in pattern.split("/"))


@each_method
def test_method_with_side_effects_is_not_called_with_get(method: Method) -> None:
    assert not method.state_changing or all(rule.verb != "GET" for rule in rules(method))


@each_method
def test_secret_of_a_request_can_be_in_a_body(method: Method) -> None:
    secret: list[Any] = [field for field in method.request.DESCRIPTOR.fields if field.GetOptions().debug_redact]
    with_body = [rule for rule in rules(method) if rule.has_body]
    assert not secret or with_body
    assert not any(is_required(field) for field in secret) or len(with_body) == len(rules(method))
