"""File names from headers and ZIP archives: parsed by RFC 6266, and safe to save."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.base.filenames import (
    JAPANESE,
    KOREAN,
    MAXIMUM_BYTES,
    for_download,
    from_bytes,
    from_content_disposition,
    safe_name,
    with_ending,
)
from gateway.providers.base.zipfiles import read_zip
from tests.support.archives import zipped


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="www.example.com.pem"', "www.example.com.pem"),
        ("attachment; filename=cert.pem", "cert.pem"),
        ("attachment;filename=cert.pem;size=3", "cert.pem"),
        ('attachment; FileName = "cert.pem" ', "cert.pem"),
        ("attachment; filename=two words.pem", "two words.pem"),
        ('attachment; filename="semi;colon.pem"; x=y', "semi;colon.pem"),
        (r'attachment; filename="a \"quoted\" name.pem"', 'a "quoted" name.pem'),
        ('attachment; filename="인증서.pem"', "인증서.pem"),
        ("attachment; filename*=UTF-8''%EC%9D%B8%EC%A6%9D%EC%84%9C.pem", "인증서.pem"),
        ("attachment; filename=\"a.pem\"; filename*=utf-8'ko'b%20c.pem", "b c.pem"),
        ("attachment; filename*=utf-8'ko'b%20c.pem; filename=\"a.pem\"", "b c.pem"),
        ("attachment; filename*=iso-8859-1''caf%E9.pem", "café.pem"),
        ("attachment; filename=a.pem; filename*=unknown''b.pem", "a.pem"),
        ("attachment; filename=a.pem; filename*=UTF-8''%FF.pem", "a.pem"),
        ("attachment; filename=a.pem; filename*=b.pem", "a.pem"),
        ("attachment; filename=a.pem; filename=b.pem", "a.pem"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="C:\certs\a.pem"', "a.pem"),
        ("attachment; filename*=UTF-8''..%2F..%2Fa.pem", "a.pem"),
        ("attachment; filename*=UTF-8''a%0D%0A%00b.pem", "ab.pem"),
        ('attachment; filename="\u202emep.exe"', "mep.exe"),
        ('attachment; filename="\udcc0\udc80.pem"', None),
        ('attachment; filename="\udcc0\udc80a.pem"', "a.pem"),
        ('attachment; filename=".pem"', None),
        ('attachment; filename=".pem.TXT"', None),
        ("attachment; filename=.pem; filename*=UTF-8''.crt", None),
        ('attachment; filename="%EC%9D%B8%EC%A6%9D%EC%84%9C.pem"', "인증서.pem"),
        ('attachment; filename="..%2F..%5Ca.pem"', "a.pem"),
        ('attachment; filename="100%.pem"', "100%.pem"),
        ("attachment; filename*=EUC-KR''%C0%CE%C1%F5%BC%AD.pem", "인증서.pem"),
        ("attachment; filename*=Shift_JIS''%8F%D8%96%BE%8F%91.pem", "証明書.pem"),
        ('attachment; filename=".hidden"', "hidden"),
        ('attachment; filename=" . .hidden "', "hidden"),
        ('attachment; filename=".."', None),
        ('attachment; filename="/"', None),
        ('attachment; filename=""', None),
        ('filename="csr.zip"', "csr.zip"),
        ("attachment", None),
        ("", None),
    ],
)
def test_name_is_parsed_from_the_header(header: str, name: str | None) -> None:
    assert from_content_disposition(header) == name


@pytest.mark.parametrize("legacy", [JAPANESE, KOREAN])
@pytest.mark.parametrize(
    ("name", "charset"),
    [
        ("인증서.pem", "utf-8"),
        ("인증서.pem", "euc-kr"),
        ("서버 인증서.pem", "cp949"),
        ("証明書.pem", "cp932"),
        ("a.pem", "ascii"),
    ],
)
def test_names_in_the_encoding_of_a_country_are_read(name: str, charset: str, legacy: tuple[str, ...]) -> None:
    octets = name.encode(charset)
    assert from_bytes(octets, legacy) == name
    header = f'attachment; filename="{octets.decode("utf-8", "surrogateescape")}"'
    assert from_content_disposition(header, legacy) == name
    encoded = "".join(f"%{octet:02x}" for octet in octets)
    assert from_content_disposition(f"attachment; filename={encoded}", legacy) == name


@pytest.mark.parametrize("charset", ["utf-8", "cp932", "euc-kr"])
def test_names_in_a_zip_archive_are_read_without_the_utf8_flag(charset: str) -> None:
    octets = ("証明書" if charset == "cp932" else "인증서").encode(charset)
    # A name of the same length, whose bytes are replaced, because `zipfile` writes only ASCII without the flag.
    archive = zipped({"x" * len(octets): b"content"}).replace(b"x" * len(octets), octets)
    (entry,) = read_zip(archive)
    assert from_bytes(entry.path, JAPANESE) == octets.decode(charset)


@given(st.binary(max_size=300), st.sampled_from([(), JAPANESE, KOREAN]))
def test_name_of_any_bytes_is_safe(octets: bytes, legacy: tuple[str, ...]) -> None:
    name = from_bytes(octets, legacy)
    assert name == safe_name(name)


@pytest.mark.parametrize(
    ("name", "default", "expected"),
    [
        ("a.pem", "www.example.com", "a.pem"),
        (None, "www.example.com", "www.example.com.pem"),
        ("", "www.example.zip", "www.example.zip.pem"),
        (None, "../..", "certificate.pem"),
        (None, "인" * 100, "인" * 83 + ".pem"),
    ],
)
def test_download_without_a_name_has_the_name_of_its_certificate(name: str | None, default: str, expected: str) -> None:
    assert for_download(name, default, ".pem") == expected


@given(st.text())
def test_name_from_any_header_is_safe(text: str) -> None:
    for header in (text, f'attachment; filename="{text}"', f"attachment; filename*=UTF-8''{text}"):
        name = from_content_disposition(header)
        assert name is None or name == safe_name(name)
        assert name is None or (name not in ("", ".", "..") and not set(name) & set("/\\\0\r\n"))


@given(st.text() | st.text("./\\ a\n\0\u202eé", max_size=40), st.integers(1, 100))
def test_safe_name_is_a_valid_file_name(text: str, times: int) -> None:
    name = safe_name(text * times)
    assert name not in (".", "..")
    assert not name.startswith(".")
    assert not any(character in "/\\" or unicodedata.category(character) == "Cc" for character in name)
    assert len(name.encode()) <= MAXIMUM_BYTES
    assert safe_name(name) == name


def test_long_name_is_shortened_in_linear_time() -> None:
    assert safe_name("a" * 16_000_000) == "a" * MAXIMUM_BYTES


@pytest.mark.parametrize(
    ("name", "ending", "expected"),
    [
        ("www.example.com", ".pem", "www.example.com.pem"),
        ("www.example.com.pem", ".pem", "www.example.com.pem"),
        ("WWW.PEM", ".pem", "WWW.PEM"),
        ("www.pem", ".der", "www.der"),
        ("www.crt", ".p7b", "www.p7b"),
        ("certs.zip", ".pem", "certs.pem"),
        ("*.example.com", ".pem", "*.example.com.pem"),
        ("a.pem.txt", ".pem", "a.pem"),
        ("a.PEM.txt", ".pem", "a.pem"),
        ("a.pem.pem", ".pem", "a.pem"),
        (".pem", ".der", ".pem.der"),
    ],
)
def test_extension_matches_the_format(name: str, ending: str, expected: str) -> None:
    assert with_ending(name, ending) == expected


@given(st.text(st.characters(codec="utf-8")), st.sampled_from([".pem", ".der", ".p7b"]))
def test_name_with_extension_has_a_maximum_length(name: str, ending: str) -> None:
    assert len(with_ending(name * 20, ending).encode()) <= MAXIMUM_BYTES
    assert with_ending(name, ending).lower().endswith(ending)
