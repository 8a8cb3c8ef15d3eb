"""Unit tests of the parsers and writers of the ASTERIA emulator: multipart bodies, names, DER, and digests."""

import datetime as dt
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.emulators.asteria import der, issuing, multipart, names

TYPE = "multipart/form-data; boundary=B"


def body(*parts: bytes, closing: bytes = b"--B--\r\n") -> bytes:
    return b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + closing


NAMED = b'Content-Disposition: form-data; name="a"\r\n\r\nvalue'


def test_multipart_fields_and_files_are_parsed() -> None:
    binary = bytes(range(256)) + b"\r\n--Bx\r\n\r\n--"
    disposition = b'content-disposition:form-data; name=file; filename="a\\"\xe6\x97\xa5.p12"\r\n'
    content = body(
        NAMED,
        disposition + b"Content-Type: x/y\r\n\r\n" + binary,
        b'Content-Disposition: form-data; name="empty"; filename=""\r\n\r\n',
    )
    assert multipart.parse(TYPE, b"preamble\r\n" + content + b"epilogue") == {
        "a": multipart.Part(b"value", None),
        "file": multipart.Part(binary, 'a"日.p12'),
        "empty": multipart.Part(b"", ""),
    }


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("", body(NAMED)),
        ("multipart/form-data", body(NAMED)),
        ("multipart/mixed; boundary=B", body(NAMED)),
        (TYPE, b""),
        (TYPE, b"--B--\r\n"),
        (TYPE, body(NAMED, closing=b"")),
        (TYPE, body(NAMED, closing=b"--B\r\n")),
        (TYPE, body(NAMED) + body(NAMED)),
        (TYPE, body(NAMED, NAMED)),
        (TYPE, body(NAMED).replace(b"\r\n", b"\n")),
        (TYPE, body(b"no blank line")),
        (TYPE, body(b"\r\n\r\nno headers")),
        (TYPE, body(b"Content-Disposition form-data\r\n\r\nx")),
        (TYPE, body(b'Content-Disposition: attachment; name="a"\r\n\r\nx')),
        (TYPE, body(b"Content-Disposition: form-data\r\n\r\nx")),
        (TYPE, body(b'Content-Disposition: form-data; name="a\r\n\r\nx')),
        (TYPE, body(b'Content-Disposition: form-data; name=""\r\n\r\nx')),
        (TYPE, body(b'Content-Disposition: form-data; name="\xff"\r\n\r\nx')),
        (TYPE, body(b"Content-Transfer-Encoding: base64\r\n" + NAMED)),
    ],
)
def test_malformed_multipart_is_rejected(content_type: str, content: bytes) -> None:
    with pytest.raises(multipart.MultipartError):
        multipart.parse(content_type, content)


def name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("a,b", r"a\,b"), ("a+b", r"a\+b"), ('"a"', r"\"a\""), ("a\\b", r"a\\b"), ("<a>;", r"\<a\>\;"),
        ("#a", r"\#a"), ("a#", "a#"), (" a ", r"\ a\ "), (" ", r"\ "), ("a=b", "a=b"), ("日本", "日本"), (",", r"\,"),
        ("a, ", r"a\,\ "),
    ],
)  # fmt: skip
def test_special_characters_are_escaped_by_rfc_2253(value: str, escaped: str) -> None:
    written = name((NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, value))
    assert names.text(written) == f"CN={escaped},C=JP"
    assert names.parts(written) == {"C": "JP", "CN": value}


def test_unusual_name_parts_are_formatted() -> None:
    attributes = [
        (NameOID.COMMON_NAME, "x"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "one"), (NameOID.EMAIL_ADDRESS, "a@b"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "two"), (NameOID.DOMAIN_COMPONENT, "example"), (NameOID.TITLE, "Dr"),
    ]  # fmt: skip
    odd = name(*attributes)
    assert names.parts(odd) == {
        "OU": "one,two", "CN": "x", "EMAILADDRESS": "a@b", "DC": "example", "2.5.4.12": "Dr",
    }  # fmt: skip
    assert names.text(odd) == "2.5.4.12=#0c024472,DC=example,OU=two,1.2.840.113549.1.9.1=#1603614062,OU=one,CN=x"


def test_values_at_one_level_are_joined_with_plus() -> None:
    both = x509.RelativeDistinguishedName(
        [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.USER_ID, "b")]
    )
    assert names.text(x509.Name([both])) == "CN=a+UID=b"


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_der_elements_of_any_length_survive_a_round_trip(length: int) -> None:
    encoded = der.encode(der.OCTET_STRING, bytes(length))
    assert der.single(encoded, der.OCTET_STRING).content == bytes(length)
    assert list(der.elements(encoded * 2)) == [der.Element(der.OCTET_STRING, bytes(length), encoded)] * 2


@pytest.mark.parametrize(
    "data", [b"", b"\x04", b"\x04\x01", b"\x04\x81", b"\x04\x85\0\0\0\0\1x", b"\x04\x80\0\0", b"\x1f\x01x", b"\x04\0\0"]
)
def test_malformed_der_is_rejected(data: bytes) -> None:
    with pytest.raises(der.DerError):
        der.single(data, der.OCTET_STRING)


def test_object_identifiers_are_encoded() -> None:
    assert der.encode_oid("1.2.840.113549.1.1.11").hex() == "06092a864886f70d01010b"
    assert der.encode_oid("2.16.840.1.101.3.4.2.1").hex() == "0609608648016503040201"


def test_key_rejected_by_the_library_is_reported() -> None:
    algorithm = issuing.signature_algorithm("SHA256withRSA")
    assert algorithm is not None
    with pytest.raises(issuing.KeyGenerationError):
        issuing.issue(issuing.Order({"CN": "x"}, "RSA", 512, algorithm, 1, dt.datetime.now(dt.UTC)))


def test_signing_failure_is_reported() -> None:
    algorithm = issuing.signature_algorithm("SHA512withRSA")
    assert algorithm is not None
    broken = issuing.Order({"CN": "x"}, "RSA", 1024, algorithm, -30, dt.datetime.now(dt.UTC))
    with pytest.raises(issuing.SigningError):
        issuing.issue(broken)


def test_signature_algorithm_accepts_both_naming_schemes() -> None:
    spellings = ["SHA256withRSA", "sha256WithRSAEncryption", "SHA256WITHRSA"]
    assert all(
        issuing.signature_algorithm(left) is issuing.signature_algorithm(right) for left, right in pairwise(spellings)
    )
    assert issuing.signature_algorithm("none") is None
