"""Compressed segments: files in the seekable format of Zstandard, which `zstd -d` can also read.

The content is divided into pieces of 1 MiB. Each is a frame of its own, so that a reader can begin anywhere without
decompressing everything before. A table at the end, in a frame that decompressors skip, has the sizes of the frames.
Offsets are those in the decompressed content, so a compressed segment has the same positions as before.
"""

import io
import struct
import sys
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from gateway.journal.format.records import MalformedRecord

SUFFIX: Final = ".zst"
FRAME_BYTES: Final = 1 << 20
"""The decompressed size of each frame except the last one."""
_MAXIMUM_FRAME_BYTES: Final = 8 * FRAME_BYTES
"""The largest frame that is read: bounds the memory for a file that an attacker wrote."""
_LEVEL: Final = 1
"""Higher levels take several times as long, and save less than a tenth: most of what is left are hashes and ids."""

_OPTIONS: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: _LEVEL,
    zstd.CompressionParameter.checksum_flag: 1,
}
_SKIPPABLE: Final = 0x184D2A5E
_SEEKABLE: Final = 0x8F92EAB1
_HEADER: Final = struct.Struct("<II")
_ENTRY: Final = struct.Struct("<II")
_FOOTER: Final = struct.Struct("<IBI")


class DamagedSegment(MalformedRecord):
    """A compressed segment can't be decompressed, or its table of frames is not valid. path: the file."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def compressed_frame(content: bytes) -> bytes:
    """Return a frame with this content. Releases the interpreter lock while it compresses."""
    return zstd.compress(content, options=_OPTIONS)


def seek_table(sizes: list[tuple[int, int]]) -> bytes:
    """Return the table for frames with these compressed and decompressed sizes."""
    table = b"".join(_ENTRY.pack(*each) for each in sizes) + _FOOTER.pack(len(sizes), 0, _SEEKABLE)
    return _HEADER.pack(_SKIPPABLE, len(table)) + table


class CompressedFile(io.RawIOBase):
    """The decompressed content of an open file, for reading. Closes the file. Raises DamagedSegment, and OSError.

    path: the path of the file, for errors.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        sizes = _read_table(file)
        if sizes is None:
            raise DamagedSegment(path, "the compressed segment has no valid table of frames")
        self._starts = [0, *accumulate(compressed for compressed, _ in sizes)]
        self._offsets = [0, *accumulate(content for _, content in sizes)]
        self._position = 0
        self._frame: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        """Whether the file can be read."""
        return True

    def seekable(self) -> bool:
        """Whether the position can be changed."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position in the decompressed content, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._offsets[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read at most to the end of a frame; return the number of bytes, 0 at the end of the file."""
        index = bisect_right(self._offsets, self._position) - 1
        if index >= len(self._offsets) - 1:
            return 0
        if self._frame[0] != index:
            self._frame = index, self._decompressed(index)
        target = memoryview(buffer).cast("B")
        begin = self._position - self._offsets[index]
        piece = self._frame[1][begin : begin + len(target)]
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def _decompressed(self, index: int) -> bytes:
        start, end = self._starts[index : index + 2]
        size = self._offsets[index + 1] - self._offsets[index]
        self._file.seek(start)
        decompressor = zstd.ZstdDecompressor()
        try:
            content = decompressor.decompress(self._file.read(end - start), max_length=size + 1)
        except (zstd.ZstdError, EOFError):
            raise self._damaged(index, "is damaged") from None
        if len(content) != size or not decompressor.eof or decompressor.unused_data:
            raise self._damaged(index, "has another size")
        return content

    def _damaged(self, index: int, problem: str) -> DamagedSegment:
        return DamagedSegment(self._path, f"the compressed content after byte {self._offsets[index]} {problem}")


def _read_table(file: IO[bytes]) -> list[tuple[int, int]] | None:
    """Return the compressed and decompressed size of each frame; None if the file has no valid table."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _FOOTER.size))
    footer = file.read(_FOOTER.size)
    if len(footer) == _FOOTER.size:
        count, descriptor, magic = _FOOTER.unpack(footer)
        length = count * _ENTRY.size + _FOOTER.size
        begin = size - length - _HEADER.size
        if (descriptor, magic) == (0, _SEEKABLE) and begin >= 0:
            file.seek(begin)
            table = file.read(_HEADER.size + length)
            sizes = list(_entries(table, count))
            if _HEADER.unpack(table[: _HEADER.size]) == (_SKIPPABLE, length) and _is_valid(sizes, begin):
                return sizes
    return None


def _entries(table: bytes, count: int) -> Iterator[tuple[int, int]]:
    yield from _ENTRY.iter_unpack(table[_HEADER.size : _HEADER.size + count * _ENTRY.size])


def _is_valid(sizes: list[tuple[int, int]], end: int) -> bool:
    return sum(compressed for compressed, _ in sizes) == end and all(
        0 < content <= _MAXIMUM_FRAME_BYTES and 0 < compressed <= 2 * _MAXIMUM_FRAME_BYTES
        for compressed, content in sizes
    )
