"""How large a batch may be, told before anything is made of it: of its bytes, and of its names.

Both keep what one call can cost within bounds: an empty item is two bytes on the wire and many times that in memory,
and all names stand several times on the audit record, which collectors take only up to 4 MiB.
"""

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.message import DecodeError

from gateway.contract.field_checks import item_check
from gateway.contract.field_limits import BATCH_LIMITS

MAXIMUM_BATCH_SIZE: Final = BATCH_LIMITS.items
MAXIMUM_BATCH_NAMES_CHARACTERS: Final = BATCH_LIMITS.name_characters
size_fault: Final = item_check(MAXIMUM_BATCH_SIZE, MAXIMUM_BATCH_NAMES_CHARACTERS)
"""Returns what is wrong with the number of a batch's items or the length of their names, or None."""

_MAXIMUM_OTHER_FIELDS: Final = 100
_VARINT_BYTES: Final = 10
# A message of so few bytes is soon decoded, whatever stands in it.
_SMALL_BYTES: Final = 64 * 1024


def bounded_names(items: Any) -> Iterable[str]:
    """The items' names, each once; of a batch that is too large only as many as one that is not could have."""
    room, names = MAXIMUM_BATCH_NAMES_CHARACTERS, {}
    for item in items[:MAXIMUM_BATCH_SIZE]:
        room -= len(item.name)
        if room < 0:
            break
        names[item.name] = True
    return names


def cut(raw: bytes, field: int) -> bytes:
    """The bytes of a batch up to the first item that is too many; whole where there is none. field: of the items.

    What is left is still too large, so that it is refused as what it is, by whoever refuses such batches. DecodeError
    where other fields hide the items.
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
    """Where the field ends whose value begins here."""
    match kind:
        case 0:  # a varint
            return _varint(raw, position)[1]
        case 1:  # 64 bits
            return position + 8
        case 2:  # with its length before it
            length, position = _varint(raw, position)
            return position + length
        case 5:  # 32 bits
            return position + 4
    raise DecodeError("no field of this contract")


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for index, byte in enumerate(raw[position : position + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise DecodeError("a number without an end")
