"""The OpenAPI description of REST/JSON."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from gateway.contract.methods import METHODS, Method
from tests.support.docs import page

DOCUMENT: Final = json.loads(page("docs/openapi.json"))
OPERATIONS: Final = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield all members of all objects."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name, member
            yield from members(member)
    elif isinstance(value, list):
        for item in value:
            yield from members(item)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_method_is_described(method: Method) -> None:
    (operation,) = (each for each in OPERATIONS if each["operationId"] == method.name)
    assert operation["description"]
    assert {"200", "400", "401", "403", "404", "429", "500", "503"} <= operation["responses"].keys()


def test_every_reference_has_a_target() -> None:
    for name, target in members(DOCUMENT):
        if name == "$ref":
            found: Any = DOCUMENT
            for part in target.removeprefix("#/").split("/"):
                found = found[part]
            assert found


def test_no_secret_is_a_query_parameter() -> None:
    parameters = {each["name"] for operation in OPERATIONS for each in operation.get("parameters", ())}
    assert "pageSize" in parameters
    assert not {name for name in parameters if "password" in name.lower() or "plaintext" in name.lower()}


def test_conflict_is_described_where_the_contract_states_it() -> None:
    conflicting = {each["operationId"] for each in OPERATIONS if "409" in each["responses"]}
    assert conflicting == {"CreateCertificate", "ImportCertificate"}


def test_limits_are_those_of_the_contract() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    decrypt = schemas["DecryptBody"]
    assert decrypt["required"] == ["ciphertext"]
    assert decrypt["properties"]["ciphertext"]["maxLength"] == 131_072
    assert "name" not in decrypt["properties"]
    assert decrypt["additionalProperties"] is False
    assert schemas["UploadCertificateBody"]["properties"]["content"]["maxLength"] == 5_592_408
