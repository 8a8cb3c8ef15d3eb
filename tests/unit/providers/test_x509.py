"""X.509 conversion, compared with openssl, and the four certificate formats."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.providers.base import expiry, pem
from gateway.providers.base import x509 as formats
from gateway.providers.base.errors import FormatError
from gateway.x509_reader.certificate import ParsedCertificate
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from tests.support import x509_chain
from tests.support.openssl import run
from tests.support.parsed import all_parsed, parsed
from tests.support.x509_chain import NOT_AFTER, Wanted, chain, key_usage, name, self_signed

CHAIN = all_parsed(chain().certificates)
SEOUL = ZoneInfo("Asia/Seoul")
FORMATS = service.CertificateFormat.values()


def openssl(*arguments: str, stdin: bytes) -> str:
    return run(*arguments, data=stdin).decode().strip()


def filled(*wanted: ParsedCertificate, message: certificates.Certificate | None = None) -> certificates.Certificate:
    message = message or certificates.Certificate()
    formats.fill_certificate(message, wanted, SEOUL)
    return message


def test_full_view_has_the_fields_of_the_chain() -> None:
    leaf = CHAIN[0]
    assert filled(*CHAIN) == certificates.Certificate(
        authority="Example",
        domains=["www.example.com", "*.example.com"],
        signature_algorithm="SHA256withECDSA",
        expiration_date=date_pb2.Date(year=2035, month=3, day=26),
        state=certificates.CERTIFICATE_STATE_ACTIVE,
        subject=certificates.DistinguishedName(
            country="KR",
            organization="Example",
            common_name="www.example.com",
            text="CN=www.example.com,O=Example,C=KR",
        ),
        issuer=certificates.DistinguishedName(
            country="KR",
            organization="Example",
            common_name="Test Authority",
            text="CN=Test Authority,O=Example,C=KR",
        ),
        not_before=Timestamp(seconds=int(x509_chain.NOT_BEFORE.timestamp())),
        not_after=Timestamp(seconds=int(NOT_AFTER.timestamp())),
        version="3",
        serial_number="4660",
        key_usage=certificates.KeyUsage(digital_signature=True, key_encipherment=True),
        fingerprints=formats.fingerprints(leaf),
        chain=[
            "CN=www.example.com,O=Example,C=KR",
            "CN=Test Authority,O=Example,C=KR",
            "CN=Test Root,O=Example,C=KR",
        ],
    )


def test_fields_from_the_provider_are_not_overwritten() -> None:
    said = certificates.Certificate(
        authority="Said Authority",
        domains=["said.example.com"],
        signature_algorithm="as said",
        expiration_date=date_pb2.Date(year=2001, month=2, day=3),
        state=certificates.CERTIFICATE_STATE_EXPIRED,
    )
    message = filled(CHAIN[0], message=certificates.Certificate.FromString(said.SerializeToString()))
    assert message.authority == "Said Authority"
    assert list(message.domains) == ["said.example.com"]
    assert message.signature_algorithm == "as said"
    assert message.expiration_date == said.expiration_date
    assert message.state == certificates.CERTIFICATE_STATE_EXPIRED


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        (certificates.DistinguishedName(organization="Trust", common_name="Trust CA"), "Trust"),
        (certificates.DistinguishedName(common_name="Trust CA", organizational_unit="Unit"), "Trust CA"),
        (certificates.DistinguishedName(country="KR", text="C=KR"), ""),
    ],
)
def test_authority_is_the_organization_or_the_common_name(
    issuer: certificates.DistinguishedName, expected: str
) -> None:
    assert formats.authority(issuer) == expected


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha256"])
def test_fingerprints_equal_those_of_openssl(algorithm: str) -> None:
    printed = openssl("x509", "-noout", "-fingerprint", f"-{algorithm}", stdin=CHAIN[0].pem.encode())
    assert getattr(formats.fingerprints(CHAIN[0]), algorithm) == printed.partition("=")[2].lower()


def test_names_equal_those_of_openssl() -> None:
    attributes = [
        (NameOID.COUNTRY_NAME, "KR"),
        (NameOID.STATE_OR_PROVINCE_NAME, "경기도"),
        (NameOID.LOCALITY_NAME, "Seongnam, Bundang"),
        (NameOID.ORGANIZATION_NAME, 'A "quoted" + Co; <Ltd>'),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, " spaces "),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "#second"),
        (NameOID.DOMAIN_COMPONENT, "example"),
        (NameOID.USER_ID, "u1"),
        (NameOID.EMAIL_ADDRESS, "a@example.com"),
        (NameOID.SERIAL_NUMBER, "110111"),
        (NameOID.BUSINESS_CATEGORY, "Private Organization"),
        (NameOID.JURISDICTION_COUNTRY_NAME, "KR"),
        (NameOID.COMMON_NAME, "www.example.com\\x"),
    ]
    subject = x509.Name([x509.NameAttribute(*attribute) for attribute in attributes])
    certificate = self_signed(Wanted(subject))
    printed = openssl(
        "x509", "-noout", "-subject", "-nameopt", "rfc2253,-esc_msb,utf8", stdin=x509_chain.pem(certificate)
    )
    text = parsed(certificate).subject.text
    assert text.replace('\\"', '"') == printed.removeprefix("subject=").replace('\\"', '"')
    parts = formats.distinguished_name(parsed(certificate).subject)
    assert (parts.state, parts.locality) == ("경기도", "Seongnam, Bundang")
    assert parts.organizational_unit == " spaces "


def test_key_usage_is_absent_without_restrictions() -> None:
    assert not filled(parsed(self_signed(Wanted(name("free"))))).HasField("key_usage")


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        ("digital_signature", "digital_signature"),
        ("content_commitment", "non_repudiation"),
        ("key_encipherment", "key_encipherment"),
        ("data_encipherment", "data_encipherment"),
        ("key_agreement", "key_agreement"),
        ("key_cert_sign", "key_cert_sign"),
        ("crl_sign", "crl_sign"),
    ],
)
def test_each_key_usage_sets_its_flag(extension: str, message: str) -> None:
    certificate = parsed(self_signed(Wanted(name("use"), (key_usage(**{extension: True}),))))
    assert filled(certificate).key_usage == certificates.KeyUsage(**{message: True})


@pytest.mark.parametrize("only", ["encipher_only", "decipher_only"])
def test_key_agreement_has_two_further_flags(only: str) -> None:
    certificate = parsed(self_signed(Wanted(name("use"), (key_usage(key_agreement=True, **{only: True}),))))
    assert filled(certificate).key_usage == certificates.KeyUsage(key_agreement=True, **{only: True})


def test_domain_is_the_common_name_without_a_dns_name() -> None:
    address = x509.SubjectAlternativeName([x509.RFC822Name("a@example.com")])
    assert formats.domains(parsed(self_signed(Wanted(name("a.example.com"), (address,))))) == ["a.example.com"]
    assert formats.domains(parsed(self_signed(Wanted(x509.Name([]))))) == []


def test_certificate_without_expiration_has_the_last_date() -> None:
    certificate = parsed(self_signed(Wanted(name("never"), not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))))
    message = filled(certificate)
    assert message.expiration_date == date_pb2.Date(year=9999, month=12, day=31)
    assert message.not_after.seconds == 253402300799


def test_a_malformed_extension_is_the_only_unreadable_field() -> None:
    broken = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x05broken")
    certificate = parsed(self_signed(Wanted(name("broken"), (broken, key_usage(digital_signature=True)))))
    message = filled(certificate)
    assert message.unreadable_fields == ["domains"]
    assert message.key_usage.digital_signature
    assert pem.order_chain([certificate]) == (certificate,)


def test_signature_algorithms_have_java_names() -> None:
    edwards = self_signed(Wanted(name("ed")), ed25519.Ed25519PrivateKey.generate())
    assert formats.signature_algorithm(parsed(edwards)) == "Ed25519"
    assert formats.signature_algorithm(parsed(self_signed(Wanted(name("rsa")), chain().key))) == "SHA256withRSA"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_survives_a_round_trip(form: service.CertificateFormat.ValueType) -> None:
    found = formats.read_certificates(formats.encode(CHAIN, form).content)
    if form == service.CERTIFICATE_FORMAT_DER:
        assert found == (CHAIN[0],)
    else:
        assert pem.order_chain(found) == CHAIN


@pytest.mark.parametrize(
    ("form", "media_type", "suffix"),
    [
        (service.CERTIFICATE_FORMAT_UNSPECIFIED, "application/pem-certificate-chain", ".pem"),
        (service.CERTIFICATE_FORMAT_PEM, "application/pem-certificate-chain", ".pem"),
        (service.CERTIFICATE_FORMAT_DER, "application/pkix-cert", ".der"),
        (service.CERTIFICATE_FORMAT_PKCS7_PEM, "application/x-pkcs7-certificates", ".p7b"),
        (service.CERTIFICATE_FORMAT_PKCS7_DER, "application/x-pkcs7-certificates", ".p7b"),
    ],
)
def test_each_format_has_its_media_type(
    form: service.CertificateFormat.ValueType, media_type: str, suffix: str
) -> None:
    encoded = formats.encode(CHAIN, form)
    assert (encoded.media_type, encoded.suffix) == (media_type, suffix)


@pytest.mark.parametrize(
    ("form", "inform"), [(service.CERTIFICATE_FORMAT_PKCS7_PEM, "PEM"), (service.CERTIFICATE_FORMAT_PKCS7_DER, "DER")]
)
def test_openssl_reads_pkcs7(form: service.CertificateFormat.ValueType, inform: str) -> None:
    content = formats.encode(CHAIN, form).content
    printed = openssl("pkcs7", "-inform", inform, "-print_certs", stdin=content)
    assert set(formats.read_bundle(printed.encode()).certificates) == set(CHAIN)


def test_private_key_next_to_certificates_is_skipped() -> None:
    assert formats.read_certificates(chain().pem()) == CHAIN


@pytest.mark.filterwarnings("ignore")  # the library's, of values that it accepts against the rules
@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_are_certificates_or_a_format_error(data: bytes) -> None:
    wrapped = b"-----BEGIN PKCS7-----\n" + data + b"\n-----END PKCS7-----\n"
    for candidate in (data, b"0\x82" + data, wrapped):
        with pytest.raises(FormatError):
            formats.read_certificates(candidate)


@pytest.mark.filterwarnings("ignore")  # the library's, of values that it accepts against the rules
@settings(max_examples=500)
@given(st.sampled_from([service.CERTIFICATE_FORMAT_DER, service.CERTIFICATE_FORMAT_PKCS7_DER]), st.data())
def test_damaged_certificate_is_read_or_a_format_error(
    form: service.CertificateFormat.ValueType, data: st.DataObject
) -> None:
    whole = bytearray(formats.encode(CHAIN, form).content)
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        filled(*formats.read_certificates(bytes(whole)))
    except FormatError:
        return


@pytest.mark.parametrize("form", [service.CERTIFICATE_FORMAT_DER, service.CERTIFICATE_FORMAT_PKCS7_DER])
def test_unknown_x509_version_is_a_format_error(form: service.CertificateFormat.ValueType) -> None:
    whole = formats.encode([CHAIN[0]], form).content
    assert b"\xa0\x03\x02\x01\x02" in whole
    (read,) = formats.read_certificates(whole.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"))
    assert filled(read).version == "8"


@pytest.mark.parametrize(
    ("hours", "state"),
    [
        (-1, certificates.CERTIFICATE_STATE_ACTIVE),
        (23.99, certificates.CERTIFICATE_STATE_ACTIVE),
        (24, certificates.CERTIFICATE_STATE_EXPIRED),
    ],
)
def test_certificate_expires_at_the_end_of_the_day_in_its_zone(hours: float, state: int) -> None:
    message = certificates.Certificate()
    day = datetime(2026, 3, 25, tzinfo=SEOUL)
    now = (day + timedelta(hours=hours)).astimezone(UTC)
    expiry.set_expiration(message, day.date(), SEOUL, now=now)
    assert message.state == state
    assert message.expiration_date == date_pb2.Date(year=2026, month=3, day=25)


@pytest.mark.parametrize("text", ["", "2026", "2026-02-30", "25.03.2026", "tomorrow!!", "0000-00-00"])
def test_invalid_day_is_a_format_error(text: str) -> None:
    with pytest.raises(FormatError):
        expiry.parse_day(text)
