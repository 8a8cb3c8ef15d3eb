"""Reader for ZIP archives, in memory and within limits.

Archives are untrusted: the limits apply to the unpacked data, not to the sizes in the headers. No exception of
`zipfile` or `zlib` leaves this module.
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
_UTF8: Final = 0x800
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
    """The limits of an archive, in entries and in bytes after unpacking.

    maximum_ratio: unpacked bytes per packed byte of the whole archive. It does not apply to archives that unpack to
    less than `always_allowed_bytes`, because short text compresses well.
    """

    maximum_entries: int = 100
    maximum_entry_bytes: int = 4 * 1024 * 1024
    maximum_total_bytes: int = 16 * 1024 * 1024
    maximum_ratio: int = 100
    always_allowed_bytes: int = 64 * 1024

    def total_for(self, packed_bytes: int) -> int:
        """Return the maximum unpacked size of an archive with `packed_bytes`."""
        by_ratio = max(self.always_allowed_bytes, self.maximum_ratio * packed_bytes)
        return min(self.maximum_total_bytes, by_ratio)


DEFAULT_LIMITS: Final = ZipLimits()


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file of an archive. `path` is untrusted, must not be used as a file path, and can have any encoding."""

    path: bytes
    content: bytes = field(repr=False)


def is_zip(data: bytes) -> bool:
    """Return whether `data` starts like a ZIP archive, empty archives included."""
    return data.startswith((_LOCAL_HEADER, _END_OF_DIRECTORY))


def read_zip(data: bytes, limits: ZipLimits = DEFAULT_LIMITS) -> list[ZipEntry]:
    """Return the files of an archive in its order, without folders.

    Raises FormatError if the data is not a ZIP archive, or if the archive is damaged, truncated, encrypted, compressed
    by another method than deflate, has duplicate entries, or exceeds `limits`.
    """
    if not is_zip(data):
        raise FormatError("the file is not a ZIP archive")
    # Count the entries before `zipfile` creates an object for each of them.
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
            raise FormatError("the ZIP archive has a duplicate entry")
        content = _read_entry(archive, info, min(limits.maximum_entry_bytes, remaining))
        remaining -= len(content)
        entries[info.filename] = ZipEntry(_path(info), content)
    return list(entries.values())


def _path(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of the path. `zipfile` decodes paths without the UTF-8 flag as CP437, whatever they are."""
    return info.filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437", "ignore")


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, maximum: int) -> bytes:
    if info.flag_bits & _ENCRYPTED:
        raise FormatError("the ZIP archive is encrypted")
    if info.compress_type not in _METHODS:
        raise FormatError("the ZIP archive uses an unsupported compression method")
    with archive.open(info) as file:
        content = file.read(maximum + 1)
    if len(content) > maximum or info.file_size > maximum:
        raise FormatError("the unpacked ZIP archive exceeds the size limit")
    if len(content) != info.file_size:
        raise FormatError("the ZIP archive is damaged")
    return content
