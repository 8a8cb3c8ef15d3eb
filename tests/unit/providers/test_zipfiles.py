"""ZIP archives: their files are read, and hostile or damaged archives are rejected."""

import contextlib
import io
import struct
import warnings
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.providers.base.errors import FormatError
from gateway.providers.base.zipfiles import ZipEntry, ZipLimits, is_zip, read_zip

FILES = st.dictionaries(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
    ).map(lambda name: "f" + name.rstrip("/")),
    st.binary(max_size=300),
    max_size=5,
)


def packed(files: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there twice
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, content in files:
                archive.writestr(name, content)
    return buffer.getvalue()


def altered(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """`data` with the bytes at `offset` of the first header of this signature replaced."""
    place = data.index(signature) + offset
    return data[:place] + value + data[place + len(value) :]


@given(FILES, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_files_are_returned_in_their_order(files: dict[str, bytes], method: int) -> None:
    entries = read_zip(packed(list(files.items()), method))
    assert [(entry.path.decode(), entry.content) for entry in entries] == list(files.items())


@given(st.binary(max_size=200))
def test_any_bytes_are_an_archive_or_a_format_error(data: bytes) -> None:
    for candidate in (data, b"PK\x03\x04" + data, b"PK\x05\x06" + data):
        with contextlib.suppress(FormatError):
            read_zip(candidate)


@settings(max_examples=500)
@given(st.data(), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_damaged_archive_returns_its_files_or_a_format_error(data: st.DataObject, method: int) -> None:
    files = [("a.pem", b"first " * 20), ("folder/b.der", bytes(range(200)))]
    whole = packed(files, method)
    place = data.draw(st.integers(4, len(whole) - 1))
    damaged = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    try:
        entries = read_zip(damaged)
    except FormatError:
        return
    contents = [content for _, content in files]
    assert all(entry.content in contents for entry in entries)


@given(st.integers(0, 10_000))
def test_truncated_archive_is_a_format_error(length: int) -> None:
    whole = packed([("a.pem", b"first"), ("b.pem", b"second" * 40)])
    with pytest.raises(FormatError):
        read_zip(whole[: length % len(whole)])


def test_folders_are_left_out() -> None:
    archive = packed([("folder/", b""), ("../folder/a.pem", b"1")])
    assert [entry.path for entry in read_zip(archive)] == [b"../folder/a.pem"]


def test_empty_archive_has_no_entries() -> None:
    assert is_zip(packed([]))
    assert read_zip(packed([])) == []


def test_number_of_entries_is_limited() -> None:
    limits = ZipLimits(maximum_entries=3)
    assert len(read_zip(packed([(str(number), b"") for number in range(3)]), limits)) == 3
    with pytest.raises(FormatError, match="more than 3 entries"):
        read_zip(packed([(str(number), b"") for number in range(4)]), limits)


def test_entry_over_the_size_limit_is_rejected() -> None:
    limits = ZipLimits(maximum_entry_bytes=10)
    assert read_zip(packed([("a", b"x" * 10)]), limits)[0].content == b"x" * 10
    with pytest.raises(FormatError, match="exceeds the size limit"):
        read_zip(packed([("a", b"x" * 11)]), limits)


def test_total_size_over_the_limit_is_rejected() -> None:
    limits = ZipLimits(maximum_total_bytes=20)
    assert len(read_zip(packed([("a", b"x" * 10), ("b", b"x" * 10)]), limits)) == 2
    with pytest.raises(FormatError, match="exceeds the size limit"):
        read_zip(packed([("a", b"x" * 10), ("b", b"x" * 11)]), limits)


def test_archive_over_the_compression_ratio_is_rejected() -> None:
    bomb = packed([("a", bytes(2_000_000))])
    assert len(bomb) < 20_000
    with pytest.raises(FormatError, match="exceeds the size limit"):
        read_zip(bomb)


def test_size_that_the_header_understates_is_rejected() -> None:
    whole = packed([("a", b"x" * 5_000)])
    understated = altered(whole, b"PK\x01\x02", 24, struct.pack("<L", 10))
    with pytest.raises(FormatError):
        read_zip(understated, ZipLimits(maximum_entry_bytes=100))


def test_encrypted_entry_is_rejected() -> None:
    whole = packed([("a", b"x")])
    encrypted = altered(altered(whole, b"PK\x01\x02", 8, b"\x01\x00"), b"PK\x03\x04", 6, b"\x01\x00")
    with pytest.raises(FormatError, match="encrypted"):
        read_zip(encrypted)


def test_duplicate_entry_is_rejected() -> None:
    with pytest.raises(FormatError, match="duplicate"):
        read_zip(packed([("a", b"1"), ("a", b"2")]))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods_are_rejected(method: int) -> None:
    with pytest.raises(FormatError, match="method"):
        read_zip(packed([("a", b"x" * 100)], method))


def test_repr_does_not_contain_the_content() -> None:
    assert "secret" not in repr(ZipEntry(b"a", b"secret"))
