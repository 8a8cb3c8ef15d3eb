"""Targets: the resource that a request of each method names, read from the descriptors.

This module does not read requests and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.authz.resources import RESOURCE_TYPES
from gateway.contract import access
from gateway.contract.descriptors import RESOURCE, field_facts
from gateway.contract.methods import (
    BATCHES,
    DELIVER_CERTIFICATE,
    INTERNAL_METHODS,
    METHODS,
    METHODS_BY_OPERATION,
    Method,
    private_material_flag,
)
from gateway.contract.resource_names import child_type, referenced_type


@dataclass(frozen=True, slots=True)
class Target:
    """What a request of one method names.

    action: the name of the method. private: whether the method returns private material. group: the policy group of the
    action, or None. resource_type: the type of the resource, such as `keyway.dev/Key`. field: the request field with
    the name of the resource or of its parent; None if the request concerns every provider.
    private_flag: the request field that requests private material in addition, or None. private_action: the action of a
    request that sets this field, or None.
    child: for a resource that does not exist yet, the collection and the request field with its last segment, which
    make the name of the resource together with the name of its parent. None for other resources.
    items: a request field with the names of several resources, of the type item_type. If the request has any, policy
    decides about each of them, instead of the resource in `field`. None for most methods.
    has_wildcard: whether `-` as the last segment means every provider, or every audit log.
    """

    action: str
    private: bool
    group: str | None
    resource_type: str
    field: str | None
    private_flag: str | None = None
    private_action: str | None = None
    child: tuple[str, str] | None = None
    has_wildcard: bool = False
    items: str | None = None
    item_type: str | None = None


def _target(method: Method) -> Target:
    request: Any = method.request.DESCRIPTOR
    field = request.fields_by_name[method.name_field] if method.name_field is not None else None
    flag = private_material_flag(request) if method not in INTERNAL_METHODS else None
    child = _child(request, field) if field is not None else None
    items = _items(request)
    return Target(
        action=method.name,
        private=method.access == access.PRIVATE_MATERIAL,
        group=access.POLICY_GROUPS.get(method.access) if method not in INTERNAL_METHODS else None,
        resource_type=_resource_type(method, field, is_child=child is not None),
        field=method.name_field,
        private_flag=flag,
        private_action=f"{method.name}WithPrivateKey" if flag is not None else None,
        child=child,
        has_wildcard=field is not None and field_facts(field).provider_wildcard,
        items=items.name if items is not None else None,
        item_type=referenced_type(items) if items is not None else None,
    )


def _items(request: Any) -> Any:
    """Return the field with the names of several resources, or None if there is none."""
    return next((each for each in request.fields if each.is_repeated and referenced_type(each) is not None), None)


def _delivery_target() -> Target:
    """Return the target of an event on a stream: the certificate, with the action of the stream."""
    target = _target(DELIVER_CERTIFICATE)
    return replace(target, action=METHODS_BY_OPERATION["watch_certificates"].name)


def _resource_type(method: Method, field: Any, *, is_child: bool) -> str:
    if field is None:
        return _listed_type(method)
    resource_type = child_type(field) if is_child else referenced_type(field)
    assert resource_type is not None
    return resource_type


def _child(request: Any, field: Any) -> tuple[str, str] | None:
    """Return the collection and the id field of the child that a request names, or None if it names no child."""
    child = child_type(field)
    if child is None:
        return None
    _, collection, variable = RESOURCE_TYPES[child].pattern.template.rsplit("/", 2)
    id_field = f"{variable.strip('{}')}_id"
    return (collection, id_field) if id_field in request.fields_by_name else None


def _listed_type(method: Method) -> str:
    """Return the resource type of the messages in the response of a list without a parent."""
    for field in method.response.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().HasExtension(RESOURCE):
            descriptor: Any = field.message_type.GetOptions().Extensions[RESOURCE]
            return str(descriptor.type)
    raise LookupError(f"{method.full_name} names no resource")


TARGETS: Final[Mapping[str, Target]] = {
    method.operation: _target(method) for method in (*METHODS, *INTERNAL_METHODS) if method.operation not in BATCHES
}
"""The target of every method that is not a batch, by operation. Each item of a batch has the target of its own
method.
"""

DELIVERIES: Final[Mapping[str, Target]] = {DELIVER_CERTIFICATE.operation: _delivery_target()}
"""The targets of events on streams, by operation. Their actions are those of the streams."""
