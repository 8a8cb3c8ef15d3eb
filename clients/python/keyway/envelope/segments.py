"""Cryptography of the segments of one envelope: the derived key, the nonces, sealing and opening.

It implements the format in docs/envelope-format.md and does no I/O. The classes count the segments, so that no number
is used twice and no segment follows the last one.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyway.envelope.errors import EnvelopeError
from keyway.envelope.header import Header

TAG_BYTES: Final = 16
DATA_KEY_BYTES: Final = 32
_LABEL: Final = b"keyway.dev/envelope/v1"
_KEY_BYTES: Final = 32
_PREFIX_BYTES: Final = 7
_MOST_SEGMENTS: Final = 1 << 32

Buffer = bytes | bytearray | memoryview


class _Segments:
    """The key and the nonces of one envelope."""

    def __init__(self, data_key: bytes, header: Header, associated_data: bytes) -> None:
        digests = hashlib.sha256(header.encode()).digest() + hashlib.sha256(associated_data).digest()
        derivation = HKDF(SHA256(), _KEY_BYTES + _PREFIX_BYTES, salt=header.salt, info=_LABEL + digests)
        material = derivation.derive(data_key)
        self._aead = AESGCM(material[:_KEY_BYTES])
        self._prefix = material[_KEY_BYTES:]
        self._number = 0
        self._size = header.segment_size
        self._ended = False

    def _nonce(self, length: int, *, last: bool) -> bytes:
        """Return the nonce of the next segment. length: bytes of plaintext."""
        if self._ended or self._number == _MOST_SEGMENTS:
            raise ValueError("no segment can follow")
        # All segments except the last are full. The last is empty only if there is no plaintext.
        if length != self._size and not (last and (0 < length < self._size or self._number == length == 0)):
            raise ValueError("invalid length of a segment")
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes((last,))
        self._number += 1
        self._ended = last
        return nonce


class SegmentSealer(_Segments):
    """Seals the segments in order.

    data_key: 32 bytes. header: the header of this envelope, with a unique salt.
    """

    def seal(self, plaintext: Buffer, *, last: bool, into: memoryview | bytearray) -> None:
        """Write the next segment with its tag into `into`, which is `TAG_BYTES` longer than `plaintext`."""
        self._aead.encrypt_into(self._nonce(len(plaintext), last=last), plaintext, None, into)


class SegmentOpener(_Segments):
    """Opens the segments in order. It raises EnvelopeError for a segment that was not sealed at this position."""

    def open(self, segment: Buffer, *, last: bool, into: memoryview | bytearray) -> None:
        """Write the plaintext of the next segment into `into`, which is `TAG_BYTES` shorter than `segment`."""
        try:
            self._aead.decrypt_into(self._nonce(len(segment) - TAG_BYTES, last=last), segment, None, into)
        except (InvalidTag, ValueError):
            raise EnvelopeError from None
