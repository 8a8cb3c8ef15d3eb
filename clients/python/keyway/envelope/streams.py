"""Whole envelopes over file objects, of any size in the memory of two segments each way.

Responsible for cutting plaintext into segments and for noticing which is the last; needs to know nothing of keys but
the bytes that it is given. The caller decides what becomes of output that was written before a failure.
"""

import io
from collections.abc import Callable
from typing import Protocol

from keyway.envelope.errors import EnvelopeError
from keyway.envelope.header import Header
from keyway.envelope.segments import DATA_KEY_BYTES, TAG_BYTES, SegmentOpener, SegmentSealer


class Readable(Protocol):
    """An open binary file, or anything that reads like one."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none where the data ends."""


class Writable(Protocol):
    """An open binary file, or anything that writes like one."""

    def write(self, data: memoryview, /) -> object:
        """Takes all of it, or answers how much it took."""


def seal_stream(
    source: Readable,
    target: Writable,
    data_key: bytes,
    header: Header,
    associated_data: bytes,
    *,
    count: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the envelope of all that `source` gives; answers how many bytes of plaintext that were.

    count: told of the bytes of each segment once it is sealed, of an envelope that fails later as well.
    """
    sealer = SegmentSealer(data_key, header, associated_data)
    write_all(target, memoryview(header.encode()))
    reader, size = _Lookahead(source, header.segment_size), 0
    output = memoryview(bytearray(header.segment_size + TAG_BYTES))
    while not reader.ended:
        plaintext, last = reader.next()
        sealed = output[: len(plaintext) + TAG_BYTES]
        sealer.seal(plaintext, last=last, into=sealed)
        count(len(plaintext))
        write_all(target, sealed)
        size += len(plaintext)
    return size


def open_stream(source: Readable, target: Writable, data_key: bytes, header: Header, associated_data: bytes) -> int:
    """Write the plaintext of the segments that `source` gives, after its header, each once it has verified.

    Answers the number of bytes. EnvelopeError leaves what was written before: true, but not the whole.
    """
    if len(data_key) != DATA_KEY_BYTES:
        raise EnvelopeError
    opener = SegmentOpener(data_key, header, associated_data)
    reader, size = _Lookahead(source, header.segment_size + TAG_BYTES), 0
    output = memoryview(bytearray(header.segment_size))
    while not reader.ended:
        segment, last = reader.next()
        opened = output[: max(len(segment) - TAG_BYTES, 0)]
        opener.open(segment, last=last, into=opened)
        write_all(target, opened)
        size += len(opened)
    return size


def read_exactly(source: Readable, size: int) -> bytes:
    """So many bytes, or fewer where the data ends."""
    parts = bytearray()
    while len(parts) < size and (part := source.read(size - len(parts))):
        parts += part
    return bytes(parts)


def write_all(target: Writable, data: memoryview) -> None:
    """To raw files too, which may take a part of it."""
    while len(data):
        taken = target.write(data)
        if taken is None and isinstance(target, io.RawIOBase):
            raise BlockingIOError("the target has to wait until it can write")
        if not isinstance(taken, int) or taken == len(data):
            return
        data = data[taken:]


class _Lookahead:
    """Pieces of one size, and with each whether it is the last: there is a byte after a piece that is not."""

    def __init__(self, source: Readable, size: int) -> None:
        self._source = source
        self._size = size
        # One buffer is in use while the other is filled.
        self._buffers = [memoryview(bytearray(size)), memoryview(bytearray(size))]
        self._filled = self._fill(self._buffers[0])
        self.ended = False

    def next(self) -> tuple[memoryview, bool]:
        """The next piece; there is at least one, and it may be empty. Valid until the call after the next."""
        piece = self._buffers[0][: self._filled]
        last = self._filled < self._size or not (following := self._fill(self._buffers[1]))
        if last:
            self.ended = True
        else:
            self._filled = following
            self._buffers.reverse()
        return piece, last

    def _fill(self, buffer: memoryview) -> int:
        readinto = getattr(self._source, "readinto", None)
        filled = 0
        while filled < self._size:
            if readinto is not None:
                count = readinto(buffer[filled:])
                if count is None:  # which is not the end
                    raise BlockingIOError("the source has to wait for what it reads")
            else:
                part = self._source.read(self._size - filled)
                count = len(part)
                buffer[filled : filled + count] = part
            if not count:
                break
            filled += count
        return filled
