"""Valid messages, built from the descriptors of the contract. They contain the required fields only."""

from collections.abc import Mapping
from typing import Any

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.contract.methods import METHODS

REQUEST_TYPES: tuple[type[Message], ...] = tuple(method.request for method in METHODS)
NAMES: Mapping[str, str] = {
    "keyway.dev/Provider": "providers/p",
    "keyway.dev/Certificate": "providers/p/certificates/c",
    "keyway.dev/TrustStore": "providers/p/trustStores/t",
    "keyway.dev/TrustedAuthority": "providers/p/trustStores/t/authorities/a",
    "keyway.dev/Key": "providers/p/keys/k",
    "keyway.dev/KeyVersion": "providers/p/keys/k/versions/1",
    "keyway.dev/Secret": "providers/p/secrets/s",
    "keyway.dev/AuditLog": "auditLogs/p",
}
"""A valid name of each resource type."""

_behavior: Any = field_behavior_pb2.field_behavior
_reference: Any = resource_pb2.resource_reference


def is_required(field: Any) -> bool:
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[_behavior]


def is_output(field: Any) -> bool:
    return field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[_behavior]


def referenced_name(field: Any, names: Mapping[str, str] = NAMES) -> str | None:
    """Return a valid value for a field that contains a resource name, or None for other fields.

    Reads the annotations itself, independently of `gateway.contract`.
    """
    if not field.GetOptions().HasExtension(_reference):
        return None
    reference = field.GetOptions().Extensions[_reference]
    return names[reference.type] if reference.type else names[reference.child_type].rsplit("/", 2)[0]


def valid(descriptor: Any, names: Mapping[str, str] = NAMES, text: str = "text") -> Any:
    """Return the smallest valid message. text: the value of required text fields and, encoded, of bytes fields."""
    message: Any = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if is_required(field):
            _set(message, field, names, text)
    return message


def _set(message: Any, field: Any, names: Mapping[str, str], text: str) -> None:
    if field.message_type is not None and field.is_repeated:
        getattr(message, field.name).append(valid(field.message_type, names, text))
    elif field.enum_type is not None and field.is_repeated:
        getattr(message, field.name).append(field.enum_type.values[1].number)
    elif field.message_type is not None:
        assert field.message_type.name == "DistinguishedName", "this builder does not know the type"
        getattr(message, field.name).common_name = "www.example.com"
    elif field.type == FieldDescriptor.TYPE_BYTES:
        setattr(message, field.name, text.encode())
    else:
        setattr(message, field.name, referenced_name(field, names) or text)


def put(message: Message, field: Any, value: Any) -> None:
    """Set a field to a value. A repeated field then has it as its only item."""
    if field.is_repeated:
        getattr(message, field.name)[:] = [value]
    else:
        setattr(message, field.name, value)


def fields() -> list[Any]:
    """Return every field of every request."""
    return [field for request in REQUEST_TYPES for field in request.DESCRIPTOR.fields]
