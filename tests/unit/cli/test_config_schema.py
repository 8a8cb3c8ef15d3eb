"""The JSON Schema of the configuration: valid itself, accepts the shipped files, and rejects mistakes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gateway.cli.program import main

ROOT = Path(__file__).parents[3]
CONFIGURATIONS = ["deploy/emulators.yaml", "deploy/trusted.yaml", "deploy/central/gateway.yaml"]


@pytest.fixture
def schema(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["config", "schema"]) == 0
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return parsed


def test_schema_is_valid(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_shipped_configurations_match_the_schema(name: str, schema: dict[str, Any]) -> None:
    jsonschema.validate(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), schema)


def test_complete_example_of_the_docs_matches_the_schema_and_has_every_key(schema: dict[str, Any]) -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    example = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    jsonschema.validate(example, schema)
    assert set(example) == set(schema["properties"]), "the page states that every top-level key occurs"


@pytest.mark.parametrize(
    "tree",
    [
        {"lisen": "127.0.0.1:1"},
        {"workers": 0},
        {"workers": "two"},
        {"providers": [{"id": "a", "type": "unknown", "endpoint": "http://h"}]},
        {"providers": [{"id": "a", "type": "asteria", "endpoint": "http://h", "app_key": "k"}]},
        {"providers": [{"id": "a", "type": {"env": "TYPE"}, "endpoint": "http://h"}]},
        {"identity": {"certificate_file": "a.pem"}},
    ],
)
def test_mistakes_do_not_match_the_schema(tree: dict[str, Any], schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, schema)


def test_every_scalar_can_be_a_secret_reference(schema: dict[str, Any]) -> None:
    provider = {"id": "a", "type": "nhn-secure-key-manager", "api_version": "v1.0", "app_key": {"env": "KEY"}}
    jsonschema.validate({"listen": {"env": "ADDRESS"}, "providers": [provider]}, schema)


def test_committed_reference_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "reference"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs/configuration-reference.md").read_text(encoding="utf-8")


def test_every_setting_has_a_description(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "reference"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_property_of_the_schema_has_a_description(schema: dict[str, Any]) -> None:
    for name, definition in {"top level": schema, **schema["$defs"]}.items():
        for key, described in definition.get("properties", {}).items():
            assert described.get("description"), f"{name}: {key}"
