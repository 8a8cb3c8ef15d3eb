"""JSON Schema (draft 2020-12) of the configuration, generated from the settings classes.

Every scalar value of the configuration except the `type` of a provider can be a secret reference, so every other scalar
of the schema can be one too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from gateway.config.base import Settings

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: Final = {"string", "number", "integer", "boolean"}
_REFERENCE: Final = "SecretReference"
_REFERENCE_SCHEMA: Final[Schema] = {
    "description": "The value of an environment variable, or the content of a file relative to the configuration file.",
    "oneOf": [
        {
            "type": "object",
            "properties": {kind: {"type": "string"}},
            "required": [kind],
            "additionalProperties": False,
        }
        for kind in ("env", "file")
    ],
}


def json_schema(root: type[Settings], title: str, alternatives: Mapping[str, Mapping[str, type[Settings]]]) -> Schema:
    """Return the schema of `root`.

    alternatives: for each top-level key whose value is a list of several kinds of items, such as `providers`: the
    settings class of an item, by the value of the item's key `type`.
    """
    classes = [root, *(model for models in alternatives.values() for model in models.values())]
    references, schema = models_json_schema(
        [(model, "validation") for model in classes], schema_generator=_Generator, ref_template="#/$defs/{model}"
    )
    named = {model: references[(model, "validation")] for model in classes}
    definitions = {name: _with_references(definition) for name, definition in schema["$defs"].items()}
    top = definitions.pop(named[root]["$ref"].rpartition("/")[2])
    for key, models in alternatives.items():
        described = {"description": top["properties"][key].get("description", "")}
        top["properties"][key] = described | _list_of({name: named[model] for name, model in models.items()})
    used = _reachable(top, definitions)
    kept = {name: definition for name, definition in sorted(definitions.items()) if name in used}
    return {"$schema": _DIALECT, "title": title, **top, "$defs": {_REFERENCE: _REFERENCE_SCHEMA, **kept}}


class _Generator(GenerateJsonSchema):
    """Writes defaults that JSON can't express, such as time zones, as text."""

    def encode_default(self, dft: Any) -> Any:
        """Return the default as JSON data."""
        try:
            return super().encode_default(dft)
        except Exception:  # noqa: BLE001 - pydantic raises errors of several kinds for types that it does not know
            return str(dft)


def _list_of(models: Mapping[str, Schema]) -> Schema:
    """Return the schema of a list whose items have the schema that their `type` selects."""
    selected = [
        {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": model}
        for name, model in models.items()
    ]
    item = {"type": "object", "properties": {"type": {"enum": list(models)}}, "required": ["type"], "allOf": selected}
    return {"type": ["array", "null"], "items": item, "default": []}


def _with_references(schema: Schema) -> Schema:
    """Return the schema with secret references allowed for every scalar, and without generated titles."""
    schema = {key: value for key, value in schema.items() if key != "title"}
    if "const" in schema:
        return schema
    if "enum" in schema or _SCALARS.intersection(_types(schema)):
        return _or_reference(schema)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            schema[key] = [_with_references(inner) for inner in schema[key]]
    if "items" in schema:
        schema["items"] = _with_references(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = _with_references(schema["additionalProperties"])
    if "properties" in schema:
        schema["properties"] = {name: _with_references(inner) for name, inner in schema["properties"].items()}
    return schema


def _or_reference(schema: Schema) -> Schema:
    """Return a schema that accepts what `schema` accepts, or a secret reference. Annotations stay outside."""
    outside = {key: value for key, value in schema.items() if key in ("description", "default", "x-reload")}
    inside = {key: value for key, value in schema.items() if key not in outside}
    return {**outside, "anyOf": [inside, {"$ref": f"#/$defs/{_REFERENCE}"}]}


def _types(schema: Schema) -> Sequence[str]:
    types = schema.get("type", ())
    return [types] if isinstance(types, str) else types


def _reachable(schema: Any, definitions: Mapping[str, Schema]) -> set[str]:
    """Return the names of the definitions that the schema refers to, directly or indirectly."""
    found: set[str] = set()
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name in definitions and name not in found:
                found.add(name)
                pending.append(definitions[name])
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return found
