"""Caller names from certificates: valid names, and invalid names that look similar."""

from typing import Any

import pytest
from cryptography import x509

from gateway.identity.caller import Caller
from gateway.identity.errors import AuthenticationError, AuthenticationFailure
from gateway.identity.peers import caller_of
from gateway.x509_reader import certificate as reader
from gateway.x509_reader import der
from tests.support import odd_certificates as odd
from tests.support.authority import CertificateAuthority
from tests.support.x509_chain import elliptic_key

AUTHORITY = CertificateAuthority()


def caller(**names: Any) -> Caller:
    return caller_of(AUTHORITY.issue(**names).chain_pem)


def refusal(**names: Any) -> str:
    with pytest.raises(AuthenticationError) as caught:
        caller(**names)
    assert caught.value.failure is AuthenticationFailure.NAMELESS_CERTIFICATE
    return caught.value.reason


@pytest.mark.parametrize("uri", ["spiffe://a/b", "spiffe://example.org/ns/A_b.c-d/..e", f"spiffe://a/{'b' * 2035}"])
def test_valid_spiffe_id_is_the_caller(uri: str) -> None:
    assert caller(subject="other", uris=[uri], hosts=["other"]) == Caller(uri, "spiffe")


@pytest.mark.parametrize(
    "uri",
    [
        *("spiffe:", "spiffe://", "spiffe://a", "spiffe://a/", "spiffe:///a", "spiffe://a//b", "spiffe://a/b/"),
        *("spiffe://A/b", "Spiffe://a/b", "spiffe://a/../b", "spiffe://a/.", "spiffe://a/b?c", "spiffe://a/b#c"),
        *("spiffe://u@a/b", "spiffe://a:1/b", "spiffe://a/b%2Fc", "spiffe://a/b c", "spiffe://a/b\n", "spiffe://a/b\0"),
        f"spiffe://{'a' * 256}/b",
        f"spiffe://a/{'b' * 2040}",
    ],
)
def test_invalid_spiffe_id_is_rejected(uri: str) -> None:
    """The other names of the certificate do not count either."""
    assert refusal(subject="web", uris=[uri], hosts=["web.example"]) == "the SPIFFE ID is not a valid workload ID"


def test_spiffe_id_must_be_the_only_uri() -> None:
    for uris in (["spiffe://a/b", "https://a"], ["https://a", "spiffe://a/b"], ["spiffe://a/b", "spiffe://a/b"]):
        assert refusal(uris=uris, subject="web") == "a SPIFFE ID must be the only URI in the certificate"


@pytest.mark.parametrize("host", ["a", "A.b-c.D_1", "xn--e1afmkfd.test", "a" * 63 + ".b", "10.0.0.1"])
def test_first_dns_name_is_the_caller(host: str) -> None:
    assert caller(subject="other", hosts=[host, "*.example"]) == Caller(host.lower(), "dns")


@pytest.mark.parametrize(
    "host",
    [
        "*.example",
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a b",
        "a\n",
        "a\0.b",
        "a/b",
        "spiffe://a/b",
        "a" * 64,
        "a." * 127 + "a",
    ],
)
def test_invalid_host_name_is_rejected(host: str) -> None:
    assert refusal(subject="web", hosts=[host, "web.example"]) == "the first DNS name is not a single host name"


@pytest.mark.parametrize("name", ["web", "Order Service 7", "주문", "a/b", "*", "web.example", "a" * 64])
def test_common_name_is_the_caller(name: str) -> None:
    assert caller(subject=name) == Caller(name, "common-name")


@pytest.mark.parametrize(
    "name",
    ["spiffe://a/b", "x spiffe:a", "https://a", " web", "web ", "we\tb", "web\x7f", "web\u202e", "web\u2028", "a\0b"],
)
def test_invalid_common_name_is_rejected(name: str) -> None:
    assert refusal(subject=name) == "the common name is not printable text, or looks like a URI"


def test_certificate_needs_exactly_one_common_name() -> None:
    for subject in ("", ["web", "admin"]):
        assert refusal(subject=subject) == (
            "the certificate has no SPIFFE ID and no DNS name, and does not have exactly one common name"
        )


def test_ca_certificate_is_rejected() -> None:
    with pytest.raises(AuthenticationError, match=r"^the certificate is a CA certificate$"):
        caller_of(AUTHORITY.pem)
    assert caller(subject="web", extensions=(x509.BasicConstraints(ca=False, path_length=None),)).name == "web"


ODD = "x" * 14


def odd_caller(changes: dict[bytes, bytes], **names: Any) -> bytes:
    """Return a caller's certificate in PEM whose encoded bytes are replaced."""
    issued = AUTHORITY.issue(**names)
    return reader.parse(odd.changed(issued.certificate, changes, elliptic_key())).pem.encode()


@pytest.mark.parametrize(
    "subject", [odd.text("Example & Sons", odd.PRINTABLE), odd.text("인증서".encode("euc-kr") * 2 + b"12", odd.TELETEX)]
)
def test_unusual_subject_does_not_hide_other_names(subject: bytes) -> None:
    changes = {odd.text(ODD): subject}
    assert caller_of(odd_caller(changes, subject=ODD, uris=["spiffe://a/b"])) == Caller("spiffe://a/b", "spiffe")
    assert caller_of(odd_caller(changes, subject=ODD, hosts=["web.example"])) == Caller("web.example", "dns")


def test_common_name_in_a_guessed_encoding_is_no_identity() -> None:
    changes = {odd.text("x" * 6): odd.text("인증서".encode("euc-kr"), odd.TELETEX)}
    with pytest.raises(AuthenticationError, match="the common name is not printable text"):
        caller_of(odd_caller(changes, subject="x" * 6))
    readable = odd_caller({odd.text(ODD): odd.text("Example & Sons", odd.PRINTABLE)}, subject=ODD)
    assert caller_of(readable) == Caller("Example & Sons", "common-name")


@pytest.mark.parametrize("other", [odd.EDI_PARTY_NAME, odd.X400_ADDRESS])
def test_alternative_names_of_other_kinds_are_passed_over(other: bytes) -> None:
    extension = odd.alternative_names(other, odd.dns_name("orders.example.org"))
    assert caller(extensions=(extension,)) == Caller("orders.example.org", "dns")


@pytest.mark.parametrize("content", [b"\x30\x05broken", b"", b"\x30\x80\0\0", odd.dns_name("web.example") * 2])
def test_no_other_name_is_used_if_alternative_names_are_malformed(content: bytes) -> None:
    extension = x509.UnrecognizedExtension(odd.SUBJECT_ALTERNATIVE_NAME, content)
    assert refusal(subject="web", extensions=(extension,)) == "the names in the certificate cannot be read"


def test_duplicate_alternative_names_are_rejected() -> None:
    second = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.99"), der.encode(der.SEQUENCE, odd.dns_name("admin.example"))
    )
    changes = {bytes.fromhex("0603551d63"): bytes.fromhex("0603551d11")}
    with pytest.raises(AuthenticationError, match="cannot be read"):
        caller_of(odd_caller(changes, hosts=["web.example"], extensions=(second,)))


@pytest.mark.parametrize("certificate", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_unreadable_certificate_is_rejected(certificate: bytes) -> None:
    with pytest.raises(AuthenticationError, match=r"^the names in the certificate cannot be read$"):
        caller_of(certificate)
