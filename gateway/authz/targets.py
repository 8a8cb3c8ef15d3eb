"""What a request of each method is about, as the contract's descriptors tell it: the resource that policy asks for.

Not responsible for reading requests, nor for what is permitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.api import resource_pb2

from gateway.authz.resources import RESOURCE_TYPES
from gateway.contract.methods import (
    BATCHES,
    METHODS,
    RESOURCE,
    RESOURCE_REFERENCE,
    Method,
    referenced_type,
    secret_fields,
)

INCLUDE_PRIVATE_KEY: Final = "include_private_key"
"""The request's flag that makes reading a certificate a reading of its private key too."""

KEY_USE: Final = frozenset({"Decrypt", "GenerateDataKey"})
"""Methods that answer a secret which a key was used for, and not stored private material."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a method's request is about.

    action: the method's name. private_action: the same with the private key, where the request can ask for it.
    resource_type: of the resource's name, such as `keyway.dev/Key`. field: the request's field that holds the name, or
    the parent's; None: every provider there is. child: the resource is the parent's child, whose collection and the
    field of whose last segment these are. lists_providers: `providers/-` stands for every provider.
    """

    action: str
    private_action: str | None
    private: bool
    resource_type: str
    field: str | None
    child: tuple[str, str] | None = None
    lists_providers: bool = False


def _target(method: Method) -> Target:
    request: Any = method.request.DESCRIPTOR
    with_key = f"{method.name}WithPrivateKey" if INCLUDE_PRIVATE_KEY in request.fields_by_name else None
    secret = any(secret_fields(method.response.DESCRIPTOR))
    private = secret and with_key is None and method.name not in KEY_USE
    if method.name_field is None:
        return Target(method.name, with_key, private, _listed_type(method), None)
    field = request.fields_by_name[method.name_field]
    child_type = _child_type(field)
    child = _child(request, child_type) if child_type else None
    resource_type = child_type if child and child_type else referenced_type(field)
    assert resource_type is not None
    lists_providers = child_type is not None and child is None
    return Target(method.name, with_key, private, resource_type, method.name_field, child, lists_providers)


def _child_type(field: Any) -> str | None:
    """What a parent's field is the parent of, where it says so."""
    reference: resource_pb2.ResourceReference = field.GetOptions().Extensions[RESOURCE_REFERENCE]
    return reference.child_type or None


def _child(request: Any, child_type: str) -> tuple[str, str] | None:
    """The collection and the field that make a child's name of its parent's; None where a request names no child."""
    _, collection, variable = RESOURCE_TYPES[child_type].pattern.template.rsplit("/", 2)
    id_field = f"{variable.strip('{}')}_id"
    return (collection, id_field) if id_field in request.fields_by_name else None


def _listed_type(method: Method) -> str:
    """The resource type of the messages that a list without a parent answers."""
    for field in method.response.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().HasExtension(RESOURCE):
            descriptor: Any = field.message_type.GetOptions().Extensions[RESOURCE]
            return str(descriptor.type)
    raise LookupError(f"{method.full_name} names no resource")


TARGETS: Final[Mapping[str, Target]] = {
    method.operation: _target(method) for method in METHODS if method.operation not in BATCHES
}
"""By operation. The items of a batch are requests of another method, with the target of that."""
