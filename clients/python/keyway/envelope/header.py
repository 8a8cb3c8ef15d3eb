"""The header of an envelope: what stands before its segments, in bytes and as fields.

Responsible for the layout alone (docs/envelope-format.md); who made the fields, and whether they are true, is known
only once the first segment has verified.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keyway.envelope.errors import EnvelopeError

MAGIC: Final = b"KWE1"
SALT_BYTES: Final = 32
DEFAULT_SEGMENT_SIZE: Final = 65_536
SMALLEST_SEGMENT: Final = 4_096
LARGEST_SEGMENT: Final = 1_048_576
LONGEST_KEY_NAME: Final = 4_096
LONGEST_ENCRYPTED_KEY: Final = 65_535

_PREFIX: Final = struct.Struct(">4sIH")
_LENGTH: Final = struct.Struct(">H")

Read = Callable[[int], bytes]
"""Answers exactly so many bytes, or fewer where the data ends."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields. key_name and encrypted_data_key: texts, as the gateway gave them."""

    segment_size: int
    key_name: str
    encrypted_data_key: str
    salt: bytes

    def __post_init__(self) -> None:
        """ValueError for what no envelope can hold."""
        if not SMALLEST_SEGMENT <= self.segment_size <= LARGEST_SEGMENT:
            raise ValueError(f"segment size: {SMALLEST_SEGMENT} to {LARGEST_SEGMENT} bytes")
        if not 1 <= len(self.key_name.encode()) <= LONGEST_KEY_NAME:
            raise ValueError(f"key name: 1 to {LONGEST_KEY_NAME} bytes")
        if not 1 <= len(self.encrypted_data_key.encode()) <= LONGEST_ENCRYPTED_KEY:
            raise ValueError(f"encrypted data key: 1 to {LONGEST_ENCRYPTED_KEY} bytes")
        if len(self.salt) != SALT_BYTES:
            raise ValueError(f"salt: {SALT_BYTES} bytes")

    def encode(self) -> bytes:
        """The bytes of the header."""
        name, key = self.key_name.encode(), self.encrypted_data_key.encode()
        return b"".join(
            (_PREFIX.pack(MAGIC, self.segment_size, len(name)), name, _LENGTH.pack(len(key)), key, self.salt)
        )


def read_header(read: Read) -> Header:
    """Take a header, and not a byte more, from what `read` gives; EnvelopeError where there is none."""
    magic, segment_size, name_length = _PREFIX.unpack(_exactly(read, _PREFIX.size))
    # Before anything is read that these numbers ask for.
    if magic != MAGIC or not SMALLEST_SEGMENT <= segment_size <= LARGEST_SEGMENT:
        raise EnvelopeError
    if not 1 <= name_length <= LONGEST_KEY_NAME:
        raise EnvelopeError
    name = _exactly(read, name_length)
    (key_length,) = _LENGTH.unpack(_exactly(read, _LENGTH.size))
    if key_length == 0:
        raise EnvelopeError
    key, salt = _exactly(read, key_length), _exactly(read, SALT_BYTES)
    try:
        return Header(segment_size, name.decode(), key.decode(), salt)
    except ValueError:
        raise EnvelopeError from None


def _exactly(read: Read, size: int) -> bytes:
    data = read(size)
    if len(data) != size:
        raise EnvelopeError
    return data
