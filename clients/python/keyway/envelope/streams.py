"""Sealing and opening of streams of any size, in the memory of two segments in each direction.

It splits the data into segments and detects the last one. The caller handles output that was written before a failure.
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
        """Read at most `size` bytes; none at the end of the data."""


class Writable(Protocol):
    """An open binary file, or anything that writes like one."""

    def write(self, data: memoryview, /) -> object:
        """Write all data, or return the number of written bytes."""


def seal_stream(
    source: Readable,
    target: Writable,
    data_key: bytes,
    header: Header,
    associated_data: bytes,
    *,
    count: Callable[[int], None] = lambda _: None,
) -> int:
    """Seal `source`; return the number of plaintext bytes.

    count: called with the plaintext bytes of each sealed segment, even if the envelope fails later.
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
    """Open the segments of `source` after its header, and write each as soon as it is verified.

    Return the number of bytes. If it raises EnvelopeError, the output is authentic but incomplete.
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
    """Read `size` bytes, or fewer at the end of the data."""
    parts = bytearray()
    while len(parts) < size and (part := source.read(size - len(parts))):
        parts += part
    return bytes(parts)


def write_all(target: Writable, data: memoryview) -> None:
    """Write all data. Raw files can write only a part at a time."""
    while len(data):
        taken = target.write(data)
        if taken is None and isinstance(target, io.RawIOBase):
            raise BlockingIOError("the target is not ready for writing")
        if not isinstance(taken, int) or taken == len(data):
            return
        data = data[taken:]


class _Lookahead:
    """Splits a source into pieces of one size, and reads ahead to detect the last piece."""

    def __init__(self, source: Readable, size: int) -> None:
        self._source = source
        self._size = size
        # The caller uses one buffer while the other is filled.
        self._buffers = [memoryview(bytearray(size)), memoryview(bytearray(size))]
        self._filled = self._fill(self._buffers[0])
        self.ended = False

    def next(self) -> tuple[memoryview, bool]:
        """Return the next piece, valid until the call after the next, and whether it is the last. It can be empty."""
        piece = self._buffers[0][: self._filled]
        last = self._filled < self._size or not (next_filled := self._fill(self._buffers[1]))
        if last:
            self.ended = True
        else:
            self._filled = next_filled
            self._buffers.reverse()
        return piece, last

    def _fill(self, buffer: memoryview) -> int:
        readinto = getattr(self._source, "readinto", None)
        filled = 0
        while filled < self._size:
            if readinto is not None:
                count = readinto(buffer[filled:])
                if count is None:  # not the end of the data
                    raise BlockingIOError("the source is not ready for reading")
            else:
                part = self._source.read(self._size - filled)
                count = len(part)
                buffer[filled : filled + count] = part
            if not count:
                break
            filled += count
        return filled
