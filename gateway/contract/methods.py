"""The methods of the contract, read from the descriptors at import. This module does not depend on gRPC."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.contract import access
from gateway.contract.access import AccessClass
from gateway.contract.descriptors import FILES, field_facts, is_served_by_gateway, method_facts, secret_fields
from gateway.contract.resource_names import referenced_type
from keyway.v1.options_pb2 import AUDIT_ACTIVITY_OTHER, AUDIT_ACTIVITY_UNSPECIFIED, AuditActivity


class MethodFactsError(ValueError):
    """The options of a method in the contract are missing or contradict each other."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the contract.

    operation: the name in snake case, which is the name of the method in a provider.
    idempotent: whether the method is safe to retry, by its `idempotency_level`.
    state_changing: whether the method is not marked NO_SIDE_EFFECTS.
    name_field: the request field that names the resource or its parent, and so the provider. None if there is none.
    access: what the method can access. activity: the activity in its audit record. cacheable: whether the gateway may
    answer from its cache. merge_repetitions: whether repetitions within an hour are recorded together.
    served_by_gateway: whether the gateway serves the method itself, instead of the provider that the request names.
    streaming: whether the response is a stream of messages.
    """

    service: str
    name: str
    operation: str
    request: type[Message]
    response: type[Message]
    idempotent: bool
    state_changing: bool
    name_field: str | None
    access: AccessClass.ValueType
    activity: AuditActivity.ValueType
    cacheable: bool
    merge_repetitions: bool
    served_by_gateway: bool
    streaming: bool = False

    @property
    def full_name(self) -> str:
        """The name as `Provider.methods` contains it, such as `keyway.v1.KeyService/Encrypt`."""
        return f"{self.service}/{self.name}"


def snake_case(name: str) -> str:
    """Return a name in snake case: `GetPublicKey` becomes `get_public_key`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def private_material_flag(request: Any) -> str | None:
    """Return the field of a request descriptor that requests private material, or None if there is none."""
    return next((field.name for field in request.fields if field_facts(field).requests_private_material), None)


def method_of(descriptor: MethodDescriptor) -> Method:
    """Return the facts about a method. Raise MethodFactsError if its options are missing or contradict each other."""
    level = descriptor.GetOptions().idempotency_level
    facts = method_facts(descriptor)
    names = [field.name for field in descriptor.input_type.fields if referenced_type(field) is not None]
    method = Method(
        service=descriptor.containing_service.full_name,
        name=descriptor.name,
        operation=snake_case(descriptor.name),
        request=GetMessageClass(descriptor.input_type),
        response=GetMessageClass(descriptor.output_type),
        idempotent=level in (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT),
        state_changing=level != MethodOptions.NO_SIDE_EFFECTS,
        name_field=names[0] if names else None,
        access=facts.access,
        activity=facts.activity,
        cacheable=facts.cacheable,
        merge_repetitions=facts.merge_repetitions,
        served_by_gateway=is_served_by_gateway(descriptor.containing_service),
        streaming=bool(descriptor.server_streaming),
    )
    for problem in _problems(method):
        raise MethodFactsError(f"{method.full_name}: {problem}")
    return method


def _problems(method: Method) -> Iterator[str]:
    if method.access == access.UNSPECIFIED or method.activity == AUDIT_ACTIVITY_UNSPECIFIED:
        yield "the option (keyway.v1.method) must set access and activity"
    secret = any(secret_fields(method.response.DESCRIPTOR))
    if method.cacheable and (secret or method.state_changing):
        yield "a cacheable method has no side effects and no secret field in its response"
    if method.merge_repetitions and (method.state_changing or not method.served_by_gateway):
        yield "only a method without side effects that the gateway serves itself can merge repetitions"
    returns_secret_by_class = method.access in (access.PRIVATE_MATERIAL, access.KEY_USE)
    if secret and not returns_secret_by_class and private_material_flag(method.request.DESCRIPTOR) is None:
        yield "its response has a secret field, so its access class must be private material or key use"


METHODS: Final = tuple(
    method_of(method) for file in FILES for service in file.services_by_name.values() for method in service.methods
)
"""Every method of the contract, in the order of its files."""

METHODS_BY_OPERATION: Final[Mapping[str, Method]] = {method.operation: method for method in METHODS}


def _of_poller(operation: str, name: str) -> Method:
    """Return a method of the contract as the poller calls it: under another name."""
    method = METHODS_BY_OPERATION[operation]
    return replace(method, service="keyway.internal.Poller", name=name, operation=snake_case(name))


POLL_CERTIFICATES: Final = _of_poller("list_certificates", "PollCertificates")
POLL_CERTIFICATE: Final = _of_poller("get_certificate", "PollCertificate")
POLL_CERTIFICATE_FILE: Final = _of_poller("download_certificate", "PollCertificateFile")
POLL_TRUSTED_AUTHORITIES: Final = _of_poller("list_trusted_authorities", "PollTrustedAuthorities")
POLL_TRUSTED_AUTHORITY: Final = _of_poller("get_trusted_authority", "PollTrustedAuthority")

INTERNAL_METHODS: Final = (
    POLL_CERTIFICATES,
    POLL_CERTIFICATE,
    POLL_CERTIFICATE_FILE,
    POLL_TRUSTED_AUTHORITIES,
    POLL_TRUSTED_AUTHORITY,
)
"""Methods that only the gateway itself calls, in its own process. They have actions and audit records of their own."""


def _of_node(name: str) -> Method:
    """Return a method that stands for something that a node does on a stream of Envoy's Secret Discovery Service."""
    download = METHODS_BY_OPERATION["download_certificate"]
    return replace(
        download,
        service="keyway.internal.SecretDiscovery",
        name=name,
        operation=snake_case(name),
        activity=AUDIT_ACTIVITY_OTHER,
    )


OPEN_SECRET_STREAM: Final = _of_node("OpenSecretStream")
ACCEPT_SECRET: Final = _of_node("AcceptSecret")
REJECT_SECRET: Final = _of_node("RejectSecret")

RECORDED_METHODS: Final = (OPEN_SECRET_STREAM, ACCEPT_SECRET, REJECT_SECRET)
"""What nodes do on streams. They have audit records, but no actions: policy decides about each delivery."""

DELIVER_CERTIFICATE: Final = replace(
    METHODS_BY_OPERATION["watch_certificates"],
    service="keyway.internal.Stream",
    name="DeliverCertificate",
    operation="deliver_certificate",
    request=METHODS_BY_OPERATION["watch_certificates"].response,
    name_field="name",
    streaming=False,
)
"""One event of WatchCertificates. It has audit records of its own. Policy decides about it as about WatchCertificates,
but with the certificate as the resource.
"""

SERVICES: Final = tuple(dict.fromkeys(method.service for method in METHODS))
"""The full names of the services."""

CACHEABLE: Final = frozenset(method.operation for method in METHODS if method.cacheable)
"""The operations that the gateway may answer from its cache."""


def _items_of(batch: Method, by_request: Mapping[str, Method]) -> Iterator[str]:
    for field in batch.request.DESCRIPTOR.fields:
        if field.is_repeated and field.message_type is not None and field.message_type.full_name in by_request:
            yield by_request[field.message_type.full_name].operation


def _batches() -> Mapping[str, str]:
    by_request = {method.request.DESCRIPTOR.full_name: method for method in METHODS}
    return {method.operation: item for method in METHODS for item in _items_of(method, by_request)}


BATCHES: Final = _batches()
"""The batch operations, each with the operation of its items. The request of a batch contains requests of that
method.
"""
