"""The descriptors of the contract, and the options that its files set.

The other modules of this package read the facts from here. Nothing in this package lists methods, fields, or names.
"""

from collections.abc import Iterator
from typing import Any, Final

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor

from keyway.v1 import (
    audit_service_pb2,
    certificate_service_pb2,
    key_service_pb2,
    options_pb2,
    provider_service_pb2,
)

# The published types of these extensions do not match the type that `Extensions[...]` requires.
RESOURCE: Final[Any] = resource_pb2.resource
RESOURCE_DEFINITION: Final[Any] = resource_pb2.resource_definition
RESOURCE_REFERENCE: Final[Any] = resource_pb2.resource_reference
_FIELD_BEHAVIOR: Final[Any] = field_behavior_pb2.field_behavior
_METHOD: Final[Any] = options_pb2.method
_FIELD: Final[Any] = options_pb2.field
_SERVED_BY_GATEWAY: Final[Any] = options_pb2.served_by_gateway

FILES: Final = (
    certificate_service_pb2.DESCRIPTOR,
    key_service_pb2.DESCRIPTOR,
    provider_service_pb2.DESCRIPTOR,
    audit_service_pb2.DESCRIPTOR,
)
"""The files that define the services."""


def files_with_imports() -> Iterator[FileDescriptor]:
    """Yield the files that define the services, each followed by the files of this package that it imports."""
    for file in FILES:
        yield file
        yield from (imported for imported in file.dependencies if imported.package == file.package)


def method_facts(method: MethodDescriptor) -> options_pb2.MethodFacts:
    """Return the `(keyway.v1.method)` option of a method. It is empty if the method does not set the option."""
    facts: options_pb2.MethodFacts = method.GetOptions().Extensions[_METHOD]
    return facts


def is_served_by_gateway(service: ServiceDescriptor) -> bool:
    """Return the `(keyway.v1.served_by_gateway)` option of a service."""
    return bool(service.GetOptions().Extensions[_SERVED_BY_GATEWAY])


def field_facts(field: FieldDescriptor) -> options_pb2.FieldFacts:
    """Return the `(keyway.v1.field)` option of a field. It is empty if the field does not set the option."""
    facts: options_pb2.FieldFacts = field.GetOptions().Extensions[_FIELD]
    return facts


def is_required(field: FieldDescriptor) -> bool:
    """Return whether the `field_behavior` of a field includes REQUIRED."""
    return field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[_FIELD_BEHAVIOR]


def secret_fields(message: Any, _within: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the paths of the fields with `debug_redact` in a message descriptor, including nested messages."""
    if message.full_name in _within:
        return
    for field in message.fields:
        if field.GetOptions().debug_redact:
            yield field.name
        if field.message_type is not None:
            inner = secret_fields(field.message_type, (*_within, message.full_name))
            yield from (f"{field.name}.{name}" for name in inner)
