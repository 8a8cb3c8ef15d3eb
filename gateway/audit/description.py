"""What a message of the contract may show of itself on the record: the one helper that describes messages.

Which fields are secret is read from the descriptors (`debug_redact`): a keyed digest stands in their place, so that
two records can be compared without either telling the value. Long texts and files are described by their size and
digest. Knows nothing of records.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.contract.resource_names import referenced_type

MAXIMUM_TEXT_CHARACTERS: Final = 256
_BLOCK_BYTES: Final = 64

Describe = Callable[[Any], object]


class Describer:
    """Describes messages. digest_key: answers the key of the HMAC-SHA-256 that stands for secret values, as of now."""

    def __init__(self, digest_key: Callable[[], bytes]) -> None:
        self._digest_key = digest_key
        self._keyed = _Keyed(digest_key())
        self._plans: dict[str, Sequence[tuple[str, bool, Describe]]] = {}

    def describe(self, message: Message) -> dict[str, object]:
        """The fields that are set, but for the names of resources, which records hold themselves."""
        plan = self._plans.get(message.DESCRIPTOR.full_name)
        if plan is None:
            plan = self._plans[message.DESCRIPTOR.full_name] = self._plan(message.DESCRIPTOR)
        described = {}
        for name, tells_presence, tell in plan:
            value = getattr(message, name)
            if message.HasField(name) if tells_presence else value:
                described[name] = tell(value)
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
        if key is not self._keyed.key:
            self._keyed = _Keyed(key)
        return {"hmac_sha256": self._keyed.hexdigest(value if isinstance(value, bytes) else value.encode())}


class _Keyed:
    """HMAC-SHA-256 (RFC 2104) under one key, which is hashed once.

    `hmac.digest` lets other threads have the interpreter even for the shortest content: many times the digest's cost.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def hexdigest(self, content: bytes) -> str:
        """The digest of the content."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(content)
        outer.update(inner.digest())
        return outer.hexdigest()


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
