"""The certificate reader, compared with `cryptography` and openssl, and with what they cannot read."""

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.x509_reader import certificate as reader
from gateway.x509_reader import der
from gateway.x509_reader.certificate import DNS_NAME, ParsedCertificate
from gateway.x509_reader.der import X509Error
from tests.support import odd_certificates as odd
from tests.support import openssl
from tests.support.parsed import parsed
from tests.support.x509_chain import Wanted, chain, elliptic_key, key_usage, name, self_signed

BASIC_TYPES = [NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME, NameOID.EMAIL_ADDRESS]
VISIBLE = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20)
ATTRIBUTES = st.tuples(st.sampled_from(BASIC_TYPES[1:]), VISIBLE)


def organization(value: bytes, tag: int) -> ParsedCertificate:
    """Return a certificate whose organization has these bytes and this string type."""
    placeholder = "o" * len(value)
    made = self_signed(Wanted(name("www.example.com", placeholder)))
    return reader.parse(odd.changed(made, {odd.text(placeholder): odd.text(value, tag)}, elliptic_key()))


@pytest.mark.parametrize("certificate", chain().certificates, ids=["leaf", "authority", "root"])
def test_fields_are_those_of_the_library(certificate: x509.Certificate) -> None:
    found = parsed(certificate)
    assert found.version == 3
    assert found.serial_number == certificate.serial_number
    assert found.signature_algorithm == certificate.signature_algorithm_oid.dotted_string
    assert found.subject.text == certificate.subject.rfc4514_string()
    assert found.issuer.text == certificate.issuer.rfc4514_string()
    assert (found.not_before, found.not_after) == (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert found.encoded_public_key == spki
    assert found.public_key == certificate.public_key()
    assert found.pem.encode() == certificate.public_bytes(Encoding.PEM)


def test_extensions_are_those_of_openssl(tmp_path: Path) -> None:
    issuer = openssl.OpensslAuthority(tmp_path)
    leaf = reader.parse(der_of(issuer.issue("leaf", host="www.example.com").certificate.read_bytes()))
    authority = reader.parse(der_of(issuer.pair.certificate.read_bytes()))
    assert (authority.is_authority, leaf.is_authority) == (True, False)
    assert leaf.alternative_names(DNS_NAME) == [b"www.example.com"]
    assert leaf.issuers_key_identifier == authority.key_identifier
    assert authority.key_identifier is not None
    assert leaf.key_usage is None
    assert authority.key_usage == [False] * 5 + [True] + [False] * 3


def der_of(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


@settings(max_examples=100)
@given(st.lists(ATTRIBUTES, max_size=4))
def test_names_have_the_text_form_of_the_library(attributes: list[tuple[x509.ObjectIdentifier, str]]) -> None:
    subject = x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in attributes])
    overrides = {NameOID.EMAIL_ADDRESS: "emailAddress"}
    assert parsed(self_signed(Wanted(subject))).subject.text == subject.rfc4514_string(overrides)


@pytest.mark.parametrize(
    ("value", "tag", "shown", "exact"),
    [
        (b"Example & Sons", odd.PRINTABLE, "Example & Sons", True),
        (b"*.example.com", odd.PRINTABLE, "*.example.com", True),
        ("Société Générale".encode("latin-1"), odd.TELETEX, "Société Générale", False),
        ("한국전자인증".encode("euc-kr"), odd.TELETEX, "한국전자인증", False),
        ("한국전자인증".encode("euc-kr"), odd.UTF8, "한국전자인증", False),
        ("한국전자인증".encode(), odd.PRINTABLE, "한국전자인증", False),
        (b"plain", odd.TELETEX, "plain", True),
        ("주문".encode("utf-16-be"), 0x1E, "주문", True),
        (b"\0o\xd8\0", 0x1E, None, False),
        (b"\xffbits", odd.BITS, None, False),
        (b"\x81\x82", odd.TELETEX, None, False),
    ],
)
def test_names_are_read_in_any_encoding(value: bytes, tag: int, shown: str | None, exact: bool) -> None:
    found = organization(value, tag)
    (attribute,) = found.subject.values("2.5.4.10")
    assert (attribute.text, attribute.exact) == (shown, exact)
    text = f"#{odd.text(value, tag).hex()}" if shown is None else shown
    assert found.subject.text == f"CN=www.example.com,O={text},C=KR"
    assert found.subject.readable == (shown is not None)
    assert found.not_after.year == 2035


def test_openssl_reads_the_odd_certificates() -> None:
    for value, tag in ((b"Example & Sons", odd.PRINTABLE), ("한국".encode("euc-kr"), odd.TELETEX)):
        openssl.run("x509", "-noout", "-subject", data=organization(value, tag).pem.encode())
        with pytest.raises(ValueError, match="error parsing"):
            _ = x509.load_der_x509_certificate(organization(value, tag).encoded).subject


@pytest.mark.parametrize("other", [odd.EDI_PARTY_NAME, odd.X400_ADDRESS])
def test_alternative_names_of_other_kinds_are_passed_over(other: bytes) -> None:
    extensions = (odd.alternative_names(other, odd.dns_name("orders.example.org")), key_usage(digital_signature=True))
    found = parsed(self_signed(Wanted(name("a"), extensions)))
    assert found.alternative_names(DNS_NAME) == [b"orders.example.org"]
    assert found.key_usage is not None


def test_an_extension_that_occurs_twice_is_malformed() -> None:
    first, second = x509.ObjectIdentifier("1.2.3.4"), x509.ObjectIdentifier("1.2.3.5")
    made = self_signed(
        Wanted(name("a"), (x509.UnrecognizedExtension(first, b"0\0"), x509.UnrecognizedExtension(second, b"0\0")))
    )
    twice = bytes.fromhex("0603551d11")
    found = reader.parse(
        odd.changed(made, {bytes.fromhex("06032a0304"): twice, bytes.fromhex("06032a0305"): twice}, elliptic_key())
    )
    with pytest.raises(X509Error, match="occurs twice"):
        found.alternative_names(DNS_NAME)
    assert found.key_usage is None


def test_certificate_without_expiration() -> None:
    made = self_signed(Wanted(name("never"), not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)))
    assert parsed(made).not_after == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "time", [b"20350325205960Z", b"20351325205959Z", b"2035032520595Z", b"203503252059590", b"\xff" * 15]
)
def test_a_malformed_time_hides_no_other_field(time: bytes) -> None:
    far = datetime(2055, 3, 25, 20, 59, 59, tzinfo=UTC)
    made = self_signed(Wanted(name("a"), not_after=far))
    old = der.encode(der.GENERALIZED_TIME, b"20550325205959Z")
    found = reader.parse(
        odd.changed(made, {old: der.encode(der.GENERALIZED_TIME, time.ljust(15, b"0"))}, elliptic_key())
    )
    with pytest.raises(X509Error):
        _ = found.not_after
    assert found.subject.text.startswith("CN=a")


@pytest.mark.parametrize("length", [20, 64, 65, 5000])
def test_serial_numbers_of_any_length(length: int) -> None:
    content = b"\x01" * length
    leaf = chain().leaf.tbs_certificate_bytes
    elements = der.single(leaf, der.SEQUENCE).children()
    signed = der.encode(
        der.SEQUENCE, elements[0].encoded, der.encode(der.INTEGER, content), *(each.encoded for each in elements[2:])
    )
    found = reader.parse(
        der.encode(der.SEQUENCE, signed, elements[2].encoded, der.encode(der.BIT_STRING, b"\0signature"))
    )
    assert found.subject.text.startswith("CN=www.example.com")
    if length <= 64:
        assert found.serial_number == int.from_bytes(content)
    else:
        with pytest.raises(X509Error, match="too long"):
            _ = found.serial_number


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_certificate_raises_only_errors_of_the_reader(data: st.DataObject) -> None:
    whole = bytearray(parsed(chain().leaf).encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = reader.parse(bytes(whole))
    except X509Error:
        return
    for field in [each for each in dir(found) if not each.startswith("_")]:
        try:
            value = getattr(found, field)
            str(value(DNS_NAME) if callable(value) else value)
        except X509Error:
            continue


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_der_or_an_error(data: bytes) -> None:
    for read in (reader.parse, reader.check_request, der.dotted, lambda octets: list(der.elements(octets))):
        try:
            read(data)
        except X509Error:
            continue


def test_long_object_identifiers_do_not_stay_in_memory() -> None:
    length, number = 20_000, 20
    der.dotted(bytes([1]) * length)
    tracemalloc.start()
    try:
        for first in range(number):
            assert der.dotted(bytes([first]) + bytes([1]) * length).endswith(".1.1")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < length
