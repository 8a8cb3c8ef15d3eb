"""Limits on the size of batches, applied to the bytes before decoding and to the names before authorization.

They bound the cost of one call. An empty item takes two bytes on the wire and many times that in memory. An audit
record contains each name several times, and collectors accept records of at most 4 MiB.
"""

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.message import DecodeError

from gateway.contract.field_checks import item_check
from gateway.contract.field_limits import BATCH_LIMITS

MAXIMUM_BATCH_SIZE: Final = BATCH_LIMITS.items
MAXIMUM_BATCH_NAMES_CHARACTERS: Final = BATCH_LIMITS.name_characters
size_fault: Final = item_check(MAXIMUM_BATCH_SIZE, MAXIMUM_BATCH_NAMES_CHARACTERS)
"""Returns what is wrong with the number of items or the total length of their names, or None."""

_MAXIMUM_OTHER_FIELDS: Final = 100
_VARINT_BYTES: Final = 10
# A message of this size decodes quickly, whatever it contains.
_SMALL_BYTES: Final = 64 * 1024


def bounded_names(items: Any) -> Iterable[str]:
    """Return the names of the items without duplicates. For an oversized batch, stop at the limits of a valid one."""
    room, names = MAXIMUM_BATCH_NAMES_CHARACTERS, {}
    for item in items[:MAXIMUM_BATCH_SIZE]:
        room -= len(item.name)
        if room < 0:
            break
        names[item.name] = True
    return names


def cut(raw: bytes, field: int) -> bytes:
    """Return an encoded batch, cut after the first item that exceeds the limit.

    The result still has one item too many, so that authorization or validation rejects it. Raises DecodeError if the
    message has too many other fields. field: the field number of the items.
    """
    if len(raw) <= _SMALL_BYTES:
        return raw
    position = items = others = 0
    while position < len(raw):
        tag, position = _varint(raw, position)
        position = _after(raw, position, tag & 7)
        if tag >> 3 == field:
            items += 1
            if items > MAXIMUM_BATCH_SIZE:
                return raw[:position]
        else:
            others += 1
            if others > _MAXIMUM_OTHER_FIELDS:
                raise DecodeError("too many unknown fields")
    return raw


def _after(raw: bytes, position: int, kind: int) -> int:
    """Return the position after the field value that begins at `position`."""
    match kind:
        case 0:  # a varint
            return _varint(raw, position)[1]
        case 1:  # 64 bits
            return position + 8
        case 2:  # length-delimited
            length, position = _varint(raw, position)
            return position + length
        case 5:  # 32 bits
            return position + 4
    raise DecodeError("unsupported wire type")


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    """Return the number at `position`, and the position after it."""
    value = 0
    for index, byte in enumerate(raw[position : position + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise DecodeError("varint without an end")
