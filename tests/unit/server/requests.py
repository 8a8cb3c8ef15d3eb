"""Valid requests, made from the descriptors alone: whatever the contract requires, and nothing else."""

from typing import Any

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.contract.methods import METHODS

REQUEST_TYPES: tuple[type[Message], ...] = tuple(method.request for method in METHODS)
NAMES = {
    "keyway.dev/Provider": "providers/p",
    "keyway.dev/Certificate": "providers/p/certificates/c",
    "keyway.dev/TrustStore": "providers/p/trustStores/t",
    "keyway.dev/TrustedAuthority": "providers/p/trustStores/t/authorities/a",
    "keyway.dev/Key": "providers/p/keys/k",
    "keyway.dev/KeyVersion": "providers/p/keys/k/versions/1",
    "keyway.dev/Secret": "providers/p/secrets/s",
}
_PARENTS = {"keyway.dev/Certificate": "providers/p"}
_behavior: Any = field_behavior_pb2.field_behavior
_reference: Any = resource_pb2.resource_reference


def is_required(field: Any) -> bool:
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[_behavior]


def is_output(field: Any) -> bool:
    return field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[_behavior]


def referenced_name(field: Any) -> str | None:
    """A valid name for a field that names a resource; None where it names none. Not by the gateway's own reading."""
    if not field.GetOptions().HasExtension(_reference):
        return None
    reference = field.GetOptions().Extensions[_reference]
    return NAMES[reference.type] if reference.type else _PARENTS[reference.child_type]


def valid(descriptor: Any) -> Any:
    """The smallest message that fulfils the contract."""
    message: Any = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if not is_required(field):
            continue
        if field.message_type is not None and field.is_repeated:
            getattr(message, field.name).append(valid(field.message_type))
        elif field.message_type is not None:
            assert field.message_type.name == "DistinguishedName", "teach this function the new type"
            getattr(message, field.name).common_name = "www.example.com"
        elif field.type == FieldDescriptor.TYPE_BYTES:
            setattr(message, field.name, b"content")
        else:
            setattr(message, field.name, referenced_name(field) or "text")
    return message


def fields() -> list[Any]:
    """Every field of every request."""
    return [field for request in REQUEST_TYPES for field in request.DESCRIPTOR.fields]
