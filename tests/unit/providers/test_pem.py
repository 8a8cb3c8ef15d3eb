"""PEM bundles: surrounding text is accepted, and malformed blocks are rejected."""

import itertools
import random
from unittest.mock import Mock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.providers.base import pem
from gateway.providers.base.errors import FormatError
from gateway.providers.base.x509 import read_bundle
from tests.support import x509_chain
from tests.support.parsed import all_parsed, parsed
from tests.support.x509_chain import Wanted, chain, elliptic_key, key_pem, make, name, self_signed

CHAIN = all_parsed(chain().certificates)
LEAF = x509_chain.pem(chain().leaf)
KEY = key_pem(chain().key)


def test_file_of_the_vendor_has_a_chain_and_its_key() -> None:
    bundle = read_bundle(chain().pem())
    assert bundle.certificates == CHAIN
    assert bundle.private_key_pem == KEY.decode()


def test_certificates_keep_the_order_of_the_file() -> None:
    data = b"".join(x509_chain.pem(each) for each in reversed(chain().certificates))
    assert read_bundle(data).certificates == CHAIN[::-1]


@pytest.mark.parametrize(
    ("form", "password", "label"),
    [
        (PrivateFormat.TraditionalOpenSSL, None, "EC PRIVATE KEY"),
        (PrivateFormat.TraditionalOpenSSL, b"secret", "EC PRIVATE KEY"),
        (PrivateFormat.PKCS8, None, "PRIVATE KEY"),
        (PrivateFormat.PKCS8, b"secret", "ENCRYPTED PRIVATE KEY"),
    ],
)
def test_key_text_is_kept_in_each_format(form: PrivateFormat, password: bytes | None, label: str) -> None:
    key = key_pem(elliptic_key(), form, password)
    bundle = read_bundle(LEAF + key)
    assert bundle.private_key_pem == key.decode()
    assert key.startswith(f"-----BEGIN {label}-----".encode())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_endings_byte_order_marks_and_other_text_are_accepted(end: bytes) -> None:
    text = "Bag Attributes\n    friendlyName: 인증서\n".encode()
    data = text + LEAF + b"\n\n  \n" + text + KEY + b"trailing words"
    bundle = read_bundle(b"\xef\xbb\xbf" + data.replace(b"\n", end))
    assert bundle == pem.PemBundle((CHAIN[0],), KEY.decode())


def test_indented_lines_are_accepted() -> None:
    data = b"".join(b"  " + line + b"  \n" for line in (LEAF + KEY).splitlines())
    assert read_bundle(data).private_key_pem == KEY.decode()


def test_other_blocks_are_skipped() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert read_bundle(parameters + LEAF).certificates == (CHAIN[0],)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "neither X.509 nor PKCS#7"),
        (b"not PEM", "neither X.509 nor PKCS#7"),
        (KEY, "no certificate"),
        (LEAF + KEY + KEY, "more than one private key"),
        (LEAF + KEY.replace(b"RSA PRIVATE", b"OPENSSH PRIVATE"), "unsupported PEM block OPENSSH PRIVATE KEY"),
        (LEAF[:-30], "has no END line"),
        (LEAF[:200], "has no END line"),
        (LEAF[:200] + b"\n" + LEAF, "ends with BEGIN CERTIFICATE"),
        (LEAF.replace(b"END CERTIFICATE", b"END X509 CRL"), "ends with END X509 CRL"),
        (LEAF.replace(b"MII", b"M!I", 1), "not Base64"),
        (b"-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n", "not Base64"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "is empty"),
        (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "invalid certificate"),
        (LEAF + b"-----BEGIN RSA PRIVATE KEY-----\n\xff\n-----END RSA PRIVATE KEY-----\n", "not Base64"),
        (LEAF * 101, "more than 100 PEM blocks"),
        (b" " * (pem.MAXIMUM_BYTES + 1), "bytes"),
    ],
)
def test_malformed_file_is_a_format_error(data: bytes, fault: str) -> None:
    with pytest.raises(FormatError, match=fault):
        read_bundle(data)


def test_format_error_does_not_quote_the_key() -> None:
    with pytest.raises(FormatError) as caught:
        read_bundle(LEAF + KEY.replace(b"\n", b"\n!", 2))
    assert caught.value.__suppress_context__
    assert "MII" not in str(caught.value)
    assert "MII" not in repr(read_bundle(LEAF + KEY))


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_bundle_or_a_format_error(data: bytes) -> None:
    for candidate in (data, b"-----BEGIN CERTIFICATE-----\n" + data + b"\n-----END CERTIFICATE-----\n"):
        with pytest.raises(FormatError):
            read_bundle(candidate)


@pytest.mark.filterwarnings("ignore")  # the library's, of values that it accepts against the rules
@settings(max_examples=300)
@given(st.data())
def test_damaged_file_is_a_bundle_or_a_format_error(data: st.DataObject) -> None:
    whole = chain().pem()
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(start + 40, len(whole))))
    damaged = whole[:start] + data.draw(st.binary(max_size=10)) + whole[end:]
    try:
        bundle = read_bundle(damaged)
    except FormatError:
        return
    pem.order_chain(bundle.certificates, bundle.private_key_pem)


@pytest.mark.parametrize(
    "file",
    [
        b"-----BEGIN APP KEY 1234-----\nMAA=\n-----END APP KEY 1234-----\n",
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END APP KEY 1234-----\n",
        b"-----END APP KEY 1234-----\n",
        b"-----BEGIN APP KEY 1234-----\n",
    ],
)
def test_label_that_an_upstream_invents_is_not_quoted(file: bytes) -> None:
    with pytest.raises(FormatError, match="unknown label") as caught:
        read_bundle(LEAF + file)
    assert "APP" not in str(caught.value)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("key", [None, KEY.decode()])
def test_chain_in_any_order_is_sorted_from_its_leaf(order: tuple[int, ...], key: str | None) -> None:
    shuffled = [CHAIN[place] for place in order]
    assert pem.order_chain(shuffled, key) == CHAIN


def test_unrelated_certificates_are_at_the_end_in_their_order() -> None:
    strangers = [
        parsed(self_signed(Wanted(name(f"stranger {number}"), (x509_chain.authority(),)))) for number in range(3)
    ]
    mixed = [strangers[0], CHAIN[2], strangers[1], CHAIN[0], strangers[2], CHAIN[1]]
    assert pem.order_chain(mixed) == (*CHAIN, *strangers)


def test_private_key_determines_the_leaf() -> None:
    other = parsed(self_signed(Wanted(name("other.example.com")), elliptic_key(7)))
    certificates = [CHAIN[0], other]
    assert pem.order_chain(certificates)[0] == CHAIN[0]
    assert pem.order_chain(certificates, key_pem(elliptic_key(7)).decode())[0] == other


def test_encrypted_key_does_not_affect_the_order() -> None:
    key = key_pem(chain().key, PrivateFormat.PKCS8, b"secret").decode()
    assert pem.order_chain(CHAIN[::-1], key) == CHAIN


def test_key_identifier_selects_between_issuers_of_the_same_name() -> None:
    wanted = Wanted(name("Twin"), (x509_chain.authority(),))
    first, second = elliptic_key(11), elliptic_key(12)
    twins = [
        self_signed(
            Wanted(wanted.subject, (*wanted.extensions, x509.SubjectKeyIdentifier.from_public_key(key.public_key()))),
            key,
        )
        for key in (first, second)
    ]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(second.public_key())
    leaf = make(Wanted(name("leaf"), (identifier,)), elliptic_key(13), wanted.subject, second)
    assert pem.order_chain(all_parsed([*twins, leaf])) == all_parsed([leaf, twins[1], twins[0]])


def test_authorities_that_signed_each_other_are_ordered() -> None:
    keys = elliptic_key(21), elliptic_key(22)
    one = make(Wanted(name("one")), keys[0], name("two"), keys[1])
    two = make(Wanted(name("two")), keys[1], name("one"), keys[0])
    assert pem.order_chain(all_parsed([one, two])) == all_parsed([one, two])


def test_empty_list_is_ordered() -> None:
    assert pem.order_chain([]) == ()


def test_each_certificate_is_returned_once() -> None:
    repeated = [CHAIN[0], CHAIN[0], CHAIN[1], CHAIN[1], CHAIN[2]]
    assert pem.order_chain(repeated) == CHAIN
    random.Random(1).shuffle(repeated)
    assert pem.order_chain(repeated) == CHAIN


def test_order_of_many_certificates_reads_each_of_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(wraps=pem._link)
    monkeypatch.setattr(pem, "_link", read)
    many = [parsed(self_signed(Wanted(name(f"a{number}")))) for number in range(50)]
    assert pem.order_chain([*CHAIN, *many])[0] == CHAIN[0]
    assert read.call_count == len(CHAIN) + len(many)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, pem.KeyMatch.YES),
        (key_pem(chain().key, PrivateFormat.PKCS8), pem.KeyMatch.YES),
        (key_pem(chain().key, PrivateFormat.PKCS8, b"secret"), pem.KeyMatch.UNKNOWN),
        (key_pem(chain().key, password=b"secret"), pem.KeyMatch.UNKNOWN),
        (key_pem(elliptic_key(7)), pem.KeyMatch.NO),
        (b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", pem.KeyMatch.UNKNOWN),
    ],
)
def test_private_key_is_compared_with_the_leaf(key: bytes, expected: pem.KeyMatch) -> None:
    assert pem.match(key.decode(), CHAIN[0]) is expected
