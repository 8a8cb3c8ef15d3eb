"""The parsers of key material: the formats that they accept and reject."""

import base64
import string

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.providers.base.encoding import decode_base64
from gateway.providers.base.errors import FormatError
from gateway.providers.nhn_secure_key_manager.key_material import (
    aes_256,
    check_pkcs8,
    check_spki,
    parse_base64,
    parse_hex,
)
from gateway.x509_reader.der import to_pem

GAPS = st.text(" \t\r\n", max_size=3)
SEPARATORS = st.one_of(
    st.tuples(GAPS, GAPS).map(lambda gaps: f"{gaps[0]},{gaps[1]}"), st.text(" \t\r\n", min_size=1, max_size=3)
)
RSA_OID, UNKNOWN_OID = bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06092a864886f70d010175")


@st.composite
def layouts(draw: st.DrawFn) -> tuple[bytes, str]:
    """Draw bytes, and a text that represents them."""
    data = draw(st.binary(min_size=1, max_size=40))
    written = draw(GAPS)
    for index, octet in enumerate(data):
        separator = draw(SEPARATORS) if index else ""
        token = draw(
            st.sampled_from((f"0x{octet:02x}", f"0X{octet:02X}", f"0x{octet:x}", f"{octet:02x}", f"{octet:02X}"))
        )
        written += separator + token
    return data, written + draw(GAPS) + draw(st.sampled_from(("", ",", ", \n")))


@given(layouts())
def test_hexadecimal_is_parsed_in_any_layout(case: tuple[bytes, str]) -> None:
    data, text = case
    assert parse_hex(text) == data


@given(st.binary(min_size=1, max_size=64))
def test_hexadecimal_is_parsed_without_separators(data: bytes) -> None:
    assert parse_hex(data.hex()) == data


@pytest.mark.parametrize(
    "text",
    ["", " ", ",", ",,", "0x00,,0x01", ",0x00", "0x", "0x000", "0", "000", "x00", "0x0g", "0x00;0x01", "0x00 ...",
     "００", "0x+1", "0x 1", "-0x1", "0x00, 0x01, ... 후략 ...", "[0x00]", "0x1_0", "0x00\u200b", "0x0００"],
)  # fmt: skip
def test_invalid_hexadecimal_is_a_format_error(text: str) -> None:
    with pytest.raises(FormatError):
        parse_hex(text)


@given(st.text(st.sampled_from("0xXaF9g, \n-_."), max_size=30))
@example("0x" * 20)
def test_any_text_is_hexadecimal_or_a_format_error(text: str) -> None:
    digits = {*string.hexdigits}
    try:
        data = parse_hex(text)
    except FormatError:
        return
    assert {*text} <= digits | {*"xX, \n"}
    assert len(data) <= len([character for character in text if character in digits])


@given(st.binary(max_size=200), st.integers(1, 80))
def test_base64_is_parsed_in_lines(data: bytes, width: int) -> None:
    text = base64.b64encode(data).decode()
    lines = "\r\n  ".join(text[start : start + width] for start in range(0, len(text), width))
    assert parse_base64(f"\n{lines} ") == data


@given(st.binary(max_size=200))
def test_base64_survives_a_round_trip(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data).decode()) == data
    assert decode_base64(base64.encodebytes(data).decode().replace("\n", "\r\n")) == data


@given(st.text(st.sampled_from("ABab01+/=-_ \n한"), max_size=12))
def test_only_canonical_base64_is_accepted(text: str) -> None:
    try:
        data = decode_base64(text)
    except FormatError:
        return
    assert base64.b64encode(data).decode() == "".join(text.split())


@given(st.integers(0, 64))
def test_only_32_bytes_are_accepted_as_an_aes_256_key(size: int) -> None:
    if size == 32:
        assert aes_256(bytes(size)) == bytes(size)
        return
    with pytest.raises(FormatError):
        aes_256(bytes(size))


PRIVATE_KEYS = (
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    ec.generate_private_key(ec.SECP521R1()),
    ed25519.Ed25519PrivateKey.generate(),
    ed448.Ed448PrivateKey.generate(),
    x25519.X25519PrivateKey.generate(),
    dsa.generate_private_key(2048),
)
PRIVATE_DER = PRIVATE_KEYS[0].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("key", PRIVATE_KEYS, ids=lambda key: type(key).__name__)
def test_keys_of_any_algorithm_are_accepted(key: rsa.RSAPrivateKey) -> None:
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert check_pkcs8(private) == private
    assert check_spki(public) == public
    assert to_pem(private, "PRIVATE KEY").encode() == key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    assert to_pem(public, "PUBLIC KEY").encode() == key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(FormatError):
        check_pkcs8(public)
    with pytest.raises(FormatError):
        check_spki(private)


def test_keys_of_an_unknown_algorithm_are_accepted() -> None:
    key = PRIVATE_KEYS[0]
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).replace(RSA_OID, UNKNOWN_OID)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert check_pkcs8(private) == private
    assert check_spki(public.replace(RSA_OID, UNKNOWN_OID))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_key_or_a_format_error(data: bytes) -> None:
    for check in (check_pkcs8, check_spki):
        with pytest.raises(FormatError):
            check(data)


@given(st.integers(0, 1216), st.integers(1, 255))
def test_altered_der_is_a_key_or_a_format_error(position: int, flip: int) -> None:
    der = bytearray(PRIVATE_DER)
    der[position % len(der)] ^= flip
    try:
        assert check_pkcs8(bytes(der)) == bytes(der)
    except FormatError:
        return
