"""The header of an envelope: encoding and decoding (docs/envelope-format.md).

The fields are not authenticated until the first segment is verified.
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
"""Reads exactly this number of bytes, or fewer at the end of the data."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a header. key_name and encrypted_data_key are the texts from the gateway."""

    segment_size: int
    key_name: str
    encrypted_data_key: str
    salt: bytes

    def __post_init__(self) -> None:
        """Raise ValueError for fields that the format does not allow."""
        if not SMALLEST_SEGMENT <= self.segment_size <= LARGEST_SEGMENT:
            raise ValueError(f"the segment size must be {SMALLEST_SEGMENT} to {LARGEST_SEGMENT} bytes")
        if not 1 <= len(self.key_name.encode()) <= LONGEST_KEY_NAME:
            raise ValueError(f"the key name must have 1 to {LONGEST_KEY_NAME} bytes")
        if not 1 <= len(self.encrypted_data_key.encode()) <= LONGEST_ENCRYPTED_KEY:
            raise ValueError(f"the encrypted data key must have 1 to {LONGEST_ENCRYPTED_KEY} bytes")
        if len(self.salt) != SALT_BYTES:
            raise ValueError(f"the salt must have {SALT_BYTES} bytes")

    def encode(self) -> bytes:
        """Return the header as bytes."""
        name, key = self.key_name.encode(), self.encrypted_data_key.encode()
        return b"".join(
            (_PREFIX.pack(MAGIC, self.segment_size, len(name)), name, _LENGTH.pack(len(key)), key, self.salt)
        )


def read_header(read: Read) -> Header:
    """Read a header, and no byte more. Raise EnvelopeError if it is not a valid header."""
    magic, segment_size, name_length = _PREFIX.unpack(_exactly(read, _PREFIX.size))
    # Check the lengths before reading the fields.
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
