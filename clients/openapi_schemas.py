"""The schemas of the contract's messages in OpenAPI, as JSON of protobuf writes them (ProtoJSON)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from google.rpc import code_pb2

from clients.contract_reader import Contract, short
from clients.rest_bindings import json_name
from keyway.v1 import options_pb2

Schema = dict[str, Any]

# Field numbers from descriptor.proto. The path of a comment is a list of these numbers and of indexes.
_MESSAGE, _ENUM, _FIELD, _VALUE = 4, 5, 2, 2

_SCALARS: Final[Mapping[int, Schema]] = {
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptorProto.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptorProto.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptorProto.TYPE_INT64: {"type": "string", "format": "int64"},
    FieldDescriptorProto.TYPE_STRING: {"type": "string"},
}
_WELL_KNOWN: Final[Mapping[str, Schema]] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
}
SHARED: Final[Mapping[str, Schema]] = {
    "Code": {"type": "string", "description": "A gRPC status code.", "enum": list(code_pb2.Code.keys())},
    "Date": {
        "type": "object",
        "description": "A date without a time.",
        "properties": {name: {"type": "integer", "format": "int32"} for name in ("year", "month", "day")},
    },
    "Status": {
        "type": "object",
        "description": "An error (google.rpc.Status).",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "The number of the gRPC status code."},
            "message": {"type": "string", "description": "The error, in English."},
            "details": {
                "type": "array",
                "description": "The details. `google.rpc.ErrorInfo` has the reason. Can be empty.",
                "items": {
                    "type": "object",
                    "required": ["@type"],
                    "properties": {"@type": {"type": "string", "description": "The type of the detail."}},
                    "additionalProperties": True,
                },
            },
        },
    },
}
"""The schemas of the messages and enums that the contract imports."""


class Schemas:
    """The schemas of messages and enums, each made when it is first used."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._enums = {
            f".{file.file.package}.{enum.name}": (file, index)
            for file in contract.files
            for index, enum in enumerate(file.file.enum_type)
        }
        self.made: dict[str, Schema] = dict(SHARED)

    def message(self, name: str) -> Schema:
        """Return a reference to the schema of a message. name: full, with a dot first."""
        if short(name) not in self.made:
            self.made[short(name)] = {}  # a message can contain itself
            self.made[short(name)] = self.object(name)
        return reference(short(name))

    def object(self, name: str, without: str | None = None) -> Schema:
        """Return the schema of a message. without: a field that it leaves out."""
        file, index = self._contract.message(name)
        fields = [
            (field, file.text(_MESSAGE, index, _FIELD, number))
            for number, field in enumerate(file.file.message_type[index].field)
            if field.name != without
        ]
        schema: Schema = {"type": "object", "description": file.text(_MESSAGE, index)}
        required = [json_name(field) for field, _ in fields if is_required(field)]
        if required:
            schema["required"] = required
        schema["properties"] = {json_name(field): self.field(field, text) for field, text in fields}
        if short(name).endswith("Request"):
            schema["additionalProperties"] = False
            for field, _ in fields:
                if not is_required(field):
                    self._permit_null(schema["properties"][json_name(field)])
        return schema

    def _permit_null(self, schema: Schema) -> None:
        """Permit null, which means that the field is absent, as in every ProtoJSON request."""
        for inner in schema.get("allOf", ()):
            schema["type"] = self.made[inner["$ref"].rpartition("/")[2]]["type"]
        schema["nullable"] = True

    def field(self, field: FieldDescriptorProto, description: str = "") -> Schema:
        """Return the schema of a field."""
        schema = self._value(field)
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            schema = {"type": "array", "items": schema}
            if maximum := facts(field).max_items:
                schema["maxItems"] = maximum
                schema |= {"minItems": 1} if is_required(field) else {}
        beside: Schema = {"readOnly": True} if field_behavior_pb2.OUTPUT_ONLY in behaviors(field) else {}
        beside |= {"description": description} if description else {}
        if "$ref" in schema and beside:
            schema = {"allOf": [schema]}  # OpenAPI 3.0 ignores what is beside a reference
        return {**schema, **beside}

    def _value(self, field: FieldDescriptorProto) -> Schema:
        if field.type_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[field.type_name])
        if field.type_name in self._enums:
            return self._enum(field.type_name)
        if field.type_name and short(field.type_name) in SHARED:
            return reference(short(field.type_name))
        if field.type_name:
            return self.message(field.type_name)
        return {**_SCALARS[field.type], **limits(field)}

    def _enum(self, name: str) -> Schema:
        if short(name) not in self.made:
            file, index = self._enums[name]
            enum = file.file.enum_type[index]
            values = [
                f"- `{value.name}`: {' '.join(file.text(_ENUM, index, _VALUE, number).split())}"
                for number, value in enumerate(enum.value)
            ]
            text = "\n".join([file.text(_ENUM, index), "", *values])
            self.made[short(name)] = {
                "type": "string",
                "description": text,
                "enum": [value.name for value in enum.value],
            }
        return reference(short(name))


def reference(name: str) -> Schema:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def limits(field: FieldDescriptorProto) -> Schema:
    """Return the limits of a scalar field."""
    stated = facts(field)
    found: Schema = {}
    if stated.max_value:
        found |= {"minimum": 0, "maximum": stated.max_value}
    if stated.max_bytes and field.type == FieldDescriptorProto.TYPE_BYTES:
        found["maxLength"] = -(-stated.max_bytes // 3) * 4  # in Base64
    elif stated.max_bytes:
        found["maxLength"] = stated.max_bytes
    if is_required(field) and field.type in (FieldDescriptorProto.TYPE_BYTES, FieldDescriptorProto.TYPE_STRING):
        found["minLength"] = 1
    return found


def facts(field: FieldDescriptorProto) -> options_pb2.FieldFacts:
    """Return the `(keyway.v1.field)` option."""
    option: Any = options_pb2.field  # its published type is not that of an extension
    stated: options_pb2.FieldFacts = field.options.Extensions[option]
    return stated


def behaviors(field: FieldDescriptorProto) -> list[int]:
    """Return the `field_behavior` option."""
    option: Any = field_behavior_pb2.field_behavior  # its published type is not that of an extension
    return list(field.options.Extensions[option])


def is_required(field: FieldDescriptorProto) -> bool:
    """Return whether a request must have the field."""
    return field_behavior_pb2.REQUIRED in behaviors(field)


def flattened(
    message: DescriptorProto, declared: Mapping[str, DescriptorProto]
) -> Iterator[tuple[str, FieldDescriptorProto]]:
    """Yield the fields of a request as query parameters: `filter.caller` for a field of the message `filter`."""
    for field in message.field:
        if field.type_name in declared:
            inner = flattened(declared[field.type_name], declared)
            yield from ((f"{json_name(field)}.{name}", nested) for name, nested in inner)
        else:
            yield json_name(field), field
