"""Descriptions of messages of the contract for audit records, without secrets.

A field with the option `debug_redact` is secret. An HMAC replaces its value, so that two records can be compared
without revealing the value. Long texts and files are replaced by their size and digest. So are all texts in a response,
because they come from an upstream, which can repeat a secret of the request in any field. Does not depend on records.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.contract.resource_names import referenced_type
from gateway.redaction import Redaction
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.provider_pb2 import Provider

MAXIMUM_TEXT_CHARACTERS: Final = 256

_OWN_MESSAGES: Final = frozenset({Provider.DESCRIPTOR.full_name})
"""Messages in responses whose texts come from the gateway itself."""

_AUDIT_RECORD: Final = AuditRecord.DESCRIPTOR.full_name
"""Type of fields with records of other calls. Only their size is recorded, because permissions differ per record."""

Describe = Callable[[Any], object]


class Describer:
    """Describes messages. redaction: its digest replaces secret values and upstream text, unless it keeps the text."""

    def __init__(self, redaction: Redaction) -> None:
        self._digest = redaction.digest
        of_request = _MessageDescriber(self._secret, _text)
        self.request: Final = of_request.describe
        """Describes a request: the fields that are set, without resource names, which records contain anyway."""
        texts = _text if redaction.keep_text else self._upstream_text
        self.response: Final = _MessageDescriber(self._secret, texts, own=of_request).describe
        """Describes a response in the same way."""

    def _secret(self, value: str | bytes) -> object:
        return {"hmac_sha256": self._digest.hexadecimal(value)}

    def _upstream_text(self, value: str) -> object:
        return {"characters": len(value), "hmac_sha256": self._digest.hexadecimal(value)}


class _MessageDescriber:
    """Describes messages by their descriptors.

    secret: describes a secret value. text: describes other text. own: describes the messages in `_OWN_MESSAGES`.
    """

    def __init__(self, secret: Describe, text: Describe, own: "_MessageDescriber | None" = None) -> None:
        self._secret = secret
        self._text = text
        self._own = own or self
        self._plans: dict[str, Sequence[tuple[str, bool, Describe]]] = {}

    def describe(self, message: Message) -> dict[str, object]:
        """Return the fields that are set, without resource names."""
        plan = self._plans.get(message.DESCRIPTOR.full_name)
        if plan is None:
            plan = self._plans[message.DESCRIPTOR.full_name] = self._plan(message.DESCRIPTOR)
        described = {}
        for name, has_presence, describe in plan:
            value = getattr(message, name)
            if message.HasField(name) if has_presence else value:
                described[name] = describe(value)
        return described

    def _plan(self, descriptor: Any) -> Sequence[tuple[str, bool, Describe]]:
        return [
            (field.name, field.has_presence, self._of_field(field))
            for field in descriptor.fields
            if referenced_type(field) is None
        ]

    def _of_field(self, field: FieldDescriptor) -> Describe:
        if field.GetOptions().debug_redact:
            return _each(self._secret) if field.is_repeated else self._secret
        if field.message_type is not None:
            if field.is_repeated:
                return _count
            return self._of_message(field.message_type.full_name)
        if field.enum_type is not None:
            return _each(_enum_value(field)) if field.is_repeated else _enum_value(field)
        if field.is_repeated:
            return _count
        if field.type == FieldDescriptor.TYPE_BYTES:
            return _file
        return self._text if field.type == FieldDescriptor.TYPE_STRING else _plain

    def _of_message(self, name: str) -> Describe:
        if name == _AUDIT_RECORD:
            return _message_size
        return self._own.describe if name in _OWN_MESSAGES else self.describe


def _enum_value(field: FieldDescriptor) -> Describe:
    assert field.enum_type is not None
    names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
    return lambda number: names.get(number, number)


def _each(describe: Describe) -> Describe:
    return lambda values: [describe(value) for value in values]


def _count(values: Any) -> object:
    return {"items": len(values)}


def _message_size(message: Message) -> object:
    return {"bytes": message.ByteSize()}


def _plain(value: Any) -> object:
    return value


def _text(value: str) -> object:
    return value if len(value) <= MAXIMUM_TEXT_CHARACTERS else _file(value.encode())


def _file(content: bytes) -> object:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
