"""ZIP answers, opened in memory within bounds. Nothing is written to a disk; what entries hold is the caller's affair.

An archive comes from outside and may be hostile: the bounds hold for what is really unpacked, not for what its
headers claim. No zipfile or zlib exception leaves this module.
"""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import Final

from gateway.providers.base.errors import FormatError

_LOCAL_HEADER: Final = b"PK\x03\x04"
_DIRECTORY_HEADER: Final = b"PK\x01\x02"
_END_OF_DIRECTORY: Final = b"PK\x05\x06"
_ENCRYPTED: Final = 0x01 | 0x40
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    LookupError,
)


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """What an archive may hold, in entries and in bytes after unpacking.

    maximum_ratio: unpacked to packed bytes of the whole archive; archives that unpack to less than
    `always_allowed_bytes` may exceed it, since short text repeats itself.
    """

    maximum_entries: int = 100
    maximum_entry_bytes: int = 4 * 1024 * 1024
    maximum_total_bytes: int = 16 * 1024 * 1024
    maximum_ratio: int = 100
    always_allowed_bytes: int = 64 * 1024

    def total_for(self, packed_bytes: int) -> int:
        """How many bytes an archive of `packed_bytes` may unpack to."""
        by_ratio = max(self.always_allowed_bytes, self.maximum_ratio * packed_bytes)
        return min(self.maximum_total_bytes, by_ratio)


DEFAULT_LIMITS: Final = ZipLimits()


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file of an archive. `path` is the archive's text, not safe as a path on a disk."""

    path: str
    content: bytes = field(repr=False)


def is_zip(data: bytes) -> bool:
    """Whether `data` starts as a ZIP archive does; an empty archive included."""
    return data.startswith((_LOCAL_HEADER, _END_OF_DIRECTORY))


def read_zip(data: bytes, limits: ZipLimits = DEFAULT_LIMITS) -> list[ZipEntry]:
    """The files of an archive in its order, without its folders.

    FormatError where it is no archive, damaged or cut off, encrypted, packed by another method than deflate, names
    an entry twice, or exceeds `limits`.
    """
    if not is_zip(data):
        raise FormatError("it is not a ZIP archive")
    # Counted before the directory is read, which would make an object of each of them.
    if data.count(_DIRECTORY_HEADER) > limits.maximum_entries:
        raise FormatError(f"the ZIP archive has more than {limits.maximum_entries} entries")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_entries(archive, limits, limits.total_for(len(data)))
    except FormatError:
        raise
    except _UNREADABLE:
        raise FormatError("the ZIP archive is damaged") from None


def _read_entries(archive: zipfile.ZipFile, limits: ZipLimits, maximum_total: int) -> list[ZipEntry]:
    entries: dict[str, ZipEntry] = {}
    remaining = maximum_total
    for info in archive.infolist():
        if info.is_dir():
            continue
        if info.filename in entries:
            raise FormatError("the ZIP archive has an entry twice")
        content = _read_entry(archive, info, min(limits.maximum_entry_bytes, remaining))
        remaining -= len(content)
        entries[info.filename] = ZipEntry(info.filename, content)
    return list(entries.values())


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, maximum: int) -> bytes:
    if info.flag_bits & _ENCRYPTED:
        raise FormatError("the ZIP archive is encrypted")
    if info.compress_type not in _METHODS:
        raise FormatError("the ZIP archive is packed by a method that is not supported")
    with archive.open(info) as file:
        content = file.read(maximum + 1)
    if len(content) > maximum or info.file_size > maximum:
        raise FormatError("the ZIP archive unpacks to more than is allowed")
    if len(content) != info.file_size:
        raise FormatError("the ZIP archive is damaged")
    return content
