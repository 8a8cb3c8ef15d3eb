"""Descriptions of messages of the contract for audit records, without secrets.

A field with the option `debug_redact` is secret. An HMAC replaces its value, so that two records can be compared
without revealing the value. Long texts and files are replaced by their size and digest. Does not depend on records.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.contract.resource_names import referenced_type

MAXIMUM_TEXT_CHARACTERS: Final = 256

Describe = Callable[[Any], object]


class Describer:
    """Describes messages. digest_key: returns the present key of the HMAC-SHA-256 that replaces secret values."""

    def __init__(self, digest_key: Callable[[], bytes]) -> None:
        self._digest_key = digest_key
        self._key = digest_key()
        self._hmac = hmac.new(self._key, digestmod="sha256")
        self._plans: dict[str, Sequence[tuple[str, bool, Describe]]] = {}

    def describe(self, message: Message) -> dict[str, object]:
        """Return the fields that are set, without resource names, which records contain anyway."""
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
            return _count if field.is_repeated else self.describe
        if field.enum_type is not None:
            names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
            return lambda number: names.get(number, number)
        if field.is_repeated:
            return _count
        if field.type == FieldDescriptor.TYPE_BYTES:
            return _file
        return _text if field.type == FieldDescriptor.TYPE_STRING else _plain

    def _secret(self, value: str | bytes) -> object:
        key = self._digest_key()
        if key is not self._key:
            self._key, self._hmac = key, hmac.new(key, digestmod="sha256")
        # A copy saves the key setup: 4.5 µs for a short value, instead of 6.2 µs with `hmac.digest`.
        digest = self._hmac.copy()
        digest.update(value if isinstance(value, bytes) else value.encode())
        return {"hmac_sha256": digest.hexdigest()}


def _each(describe: Describe) -> Describe:
    return lambda values: [describe(value) for value in values]


def _count(values: Any) -> object:
    return {"items": len(values)}


def _plain(value: Any) -> object:
    return value


def _text(value: str) -> object:
    return value if len(value) <= MAXIMUM_TEXT_CHARACTERS else _file(value.encode())


def _file(content: bytes) -> object:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
