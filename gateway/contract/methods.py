"""The contract as the descriptors tell it: its methods, and the patterns of its resource names.

Read once at import. Nothing about methods or names is listed by hand anywhere else. Knows no gRPC.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.api import resource_pb2
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.contract.resource_names import Pattern
from keyway.v1 import certificate_service_pb2, key_service_pb2, provider_service_pb2

# The published types of these extensions are those of plain descriptors.
RESOURCE: Final[Any] = resource_pb2.resource
RESOURCE_DEFINITION: Final[Any] = resource_pb2.resource_definition
RESOURCE_REFERENCE: Final[Any] = resource_pb2.resource_reference

_FILES: Final = (certificate_service_pb2.DESCRIPTOR, key_service_pb2.DESCRIPTOR, provider_service_pb2.DESCRIPTOR)


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the contract.

    operation: its name in snake case, which is what a provider's capability calls it.
    repeatable: safe to repeat, by its `idempotency_level`. state_changing: not marked NO_SIDE_EFFECTS.
    name_field: the request's field that names the resource, or the parent, which decides about the provider; None where
    no such field exists.
    """

    service: str
    name: str
    operation: str
    request: type[Message]
    response: type[Message]
    repeatable: bool
    state_changing: bool
    name_field: str | None

    @property
    def full_name(self) -> str:
        """As `Provider.methods` spells it, such as `keyway.v1.KeyService/Encrypt`."""
        return f"{self.service}/{self.name}"


def snake_case(name: str) -> str:
    """`GetPublicKey` → `get_public_key`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def referenced_type(field: FieldDescriptor) -> str | None:
    """The resource type that a field's text names (for a `child_type` the parent's); None where it names none."""
    options = field.GetOptions()
    if not options.HasExtension(RESOURCE_REFERENCE):
        return None
    reference: resource_pb2.ResourceReference = options.Extensions[RESOURCE_REFERENCE]
    return reference.type or _parent_of(reference.child_type)


def _parent_of(child_type: str) -> str:
    """The type whose pattern is the child's without its last two parts."""
    for child in RESOURCES[child_type]:
        parent = child.template.rsplit("/", 2)[0]
        for name, patterns in RESOURCES.items():
            if any(pattern.template == parent for pattern in patterns):
                return name
    raise LookupError(f"no resource type has the parent's pattern of {child_type}")


def secret_fields(message: Any, _within: tuple[str, ...] = ()) -> Iterator[str]:
    """The fields of a message that its descriptor marks as secret, by path, also those of messages inside it."""
    if message.full_name in _within:
        return
    for field in message.fields:
        if field.GetOptions().debug_redact:
            yield field.name
        if field.message_type is not None:
            inner = secret_fields(field.message_type, (*_within, message.full_name))
            yield from (f"{field.name}.{name}" for name in inner)


def _with_imports(files: tuple[FileDescriptor, ...]) -> Iterator[FileDescriptor]:
    for file in files:
        yield file
        yield from (imported for imported in file.dependencies if imported.package == file.package)


def _resources() -> Mapping[str, tuple[Pattern, ...]]:
    found: dict[str, tuple[Pattern, ...]] = {}
    for file in _with_imports(_FILES):
        descriptors = list(file.GetOptions().Extensions[RESOURCE_DEFINITION])
        for message in file.message_types_by_name.values():
            if message.GetOptions().HasExtension(RESOURCE):
                descriptors.append(message.GetOptions().Extensions[RESOURCE])
        for descriptor in descriptors:
            found[descriptor.type] = tuple(Pattern(template) for template in descriptor.pattern)
    return found


RESOURCES: Final = _resources()
"""The patterns of every resource type, such as `keyway.dev/Key`."""


def _method(descriptor: MethodDescriptor) -> Method:
    level = descriptor.GetOptions().idempotency_level
    names = [field.name for field in descriptor.input_type.fields if referenced_type(field) is not None]
    return Method(
        service=descriptor.containing_service.full_name,
        name=descriptor.name,
        operation=snake_case(descriptor.name),
        request=GetMessageClass(descriptor.input_type),
        response=GetMessageClass(descriptor.output_type),
        repeatable=level in (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT),
        state_changing=level != MethodOptions.NO_SIDE_EFFECTS,
        name_field=names[0] if names else None,
    )


METHODS: Final = tuple(
    _method(method) for file in _FILES for service in file.services_by_name.values() for method in service.methods
)
"""Every method of the contract, in the order of its files."""

SERVICES: Final = tuple(dict.fromkeys(method.service for method in METHODS))
"""The full names of the contract's services."""


def _items_of(batch: Method, by_request: Mapping[str, Method]) -> Iterator[str]:
    for field in batch.request.DESCRIPTOR.fields:
        if field.is_repeated and field.message_type is not None and field.message_type.full_name in by_request:
            yield by_request[field.message_type.full_name].operation


def _batches() -> Mapping[str, str]:
    by_request = {method.request.DESCRIPTOR.full_name: method for method in METHODS}
    return {method.operation: item for method in METHODS for item in _items_of(method, by_request)}


BATCHES: Final = _batches()
"""The batch operations (their requests hold requests of another method), with the operation that each item is."""
