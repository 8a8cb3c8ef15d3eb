"""File names out of headers: what RFC 6266 says, and nothing that leaves the folder it is saved in."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.base.filenames import MAXIMUM_BYTES, from_content_disposition, safe_name, with_ending


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
        ('attachment; filename="\udcc0\udc80.pem"', "pem"),
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
def test_the_name_in_a_header(header: str, name: str | None) -> None:
    assert from_content_disposition(header) == name


@given(st.text())
def test_every_name_from_a_header_is_safe(text: str) -> None:
    for header in (text, f'attachment; filename="{text}"', f"attachment; filename*=UTF-8''{text}"):
        name = from_content_disposition(header)
        assert name is None or name == safe_name(name)
        assert name is None or (name not in ("", ".", "..") and not set(name) & set("/\\\0\r\n"))


@given(st.text() | st.text("./\\ a\n\0\u202eé", max_size=40), st.integers(1, 100))
def test_a_safe_name_can_be_saved_as_it_is(text: str, times: int) -> None:
    name = safe_name(text * times)
    assert name not in (".", "..")
    assert not name.startswith(".")
    assert not any(character in "/\\" or unicodedata.category(character) == "Cc" for character in name)
    assert len(name.encode()) <= MAXIMUM_BYTES
    assert safe_name(name) == name


def test_a_long_name_is_not_searched_again_and_again() -> None:
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
    ],
)
def test_the_ending_fits_the_format(name: str, ending: str, expected: str) -> None:
    assert with_ending(name, ending) == expected


@given(st.text(st.characters(codec="utf-8")), st.sampled_from([".pem", ".der", ".p7b"]))
def test_a_name_is_never_too_long(name: str, ending: str) -> None:
    assert len(with_ending(name * 20, ending).encode()) <= MAXIMUM_BYTES
    assert with_ending(name, ending).lower().endswith(ending)
