"""Asymmetric keys through the gateway, compared with openssl and with direct clients of the upstream."""

import base64
from pathlib import Path

import pytest

from keyway.v1 import key_service_pb2 as keys
from tests.support import openssl
from tests.support.key_manager import (
    PROVIDER,
    DirectKeyUser,
    openssl_recover,
    openssl_sign,
    openssl_verifies,
    version_of,
)
from tests.support.stack import KEY_MANAGER, Gateway, Stack
from tests.support.wire import failure_of

PAIR = f"{PROVIDER}/keys/demo-rsa"
"""Has the versions 0 and 1; 1 is the current one."""

LONGEST_FOR_VERIFY = 64
"""Bytes that `pkeyutl -verify` accepts: no digest is longer. `-verifyrecover` has no such limit."""

UTF8, BASE64 = keys.ENCODING_UTF8, keys.ENCODING_BASE64
SIGNED = {
    "a digest in hexadecimal": (UTF8, b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    "Hangul": (UTF8, "서명할 글".encode()),
    "245 bytes": (UTF8, b"s" * 245),
    "every byte up to 182": (BASE64, bytes(range(183))),
    "a digest": (BASE64, bytes.fromhex("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")),
}
CASES = [pytest.param(*case, id=name) for name, case in SIGNED.items()]


def upstream_text(encoding: keys.Encoding.ValueType, plaintext: bytes) -> bytes:
    """Return the text that the upstream signs."""
    return base64.b64encode(plaintext) if encoding == BASE64 else plaintext


async def signature_of(gateway: Gateway, plaintext: bytes, encoding: keys.Encoding.ValueType = UTF8) -> str:
    """Sign through the gateway, and return the signature."""
    response = await gateway.keys.Sign(keys.SignRequest(name=PAIR, plaintext=plaintext, encoding=encoding))
    return response.signature


async def public_pem(gateway: Gateway, name: str = PAIR) -> str:
    """Return the public key from the gateway."""
    return (await gateway.keys.GetPublicKey(keys.GetPublicKeyRequest(name=name))).pem


async def verification(
    gateway: Gateway, plaintext: bytes, signature: str, encoding: keys.Encoding.ValueType = UTF8, name: str = PAIR
) -> keys.VerifyResponse:
    """Return whether the gateway accepts the signature."""
    return await gateway.keys.Verify(
        keys.VerifyRequest(name=name, plaintext=plaintext, signature=signature, encoding=encoding)
    )


@pytest.mark.parametrize(("encoding", "plaintext"), CASES)
async def test_openssl_verifies_a_signature_of_the_gateway(
    quiet_stack: Stack, tmp_path: Path, encoding: keys.Encoding.ValueType, plaintext: bytes
) -> None:
    gateway, text = quiet_stack.gateway, upstream_text(encoding, plaintext)
    signature, pem = await signature_of(gateway, plaintext, encoding), await public_pem(gateway)

    assert openssl_recover(signature, pem, tmp_path) == text
    if len(text) <= LONGEST_FOR_VERIFY:
        assert openssl_verifies(signature, pem, text, tmp_path)
        assert not openssl_verifies(signature, pem, text[:-1] + b"!", tmp_path)


@pytest.mark.parametrize(("encoding", "plaintext"), CASES)
async def test_signature_verifies_through_the_gateway_and_directly(
    quiet_stack: Stack, encoding: keys.Encoding.ValueType, plaintext: bytes
) -> None:
    gateway, direct = quiet_stack.gateway, DirectKeyUser(quiet_stack)
    text = upstream_text(encoding, plaintext).decode()
    by_gateway = await signature_of(gateway, plaintext, encoding)
    by_user = (await direct.call("POST", "asymmetric-keys/demo-rsa/sign", {"plaintext": text}))["signature"]

    for signature in (by_gateway, by_user):
        answer = await verification(gateway, plaintext, signature, encoding)
        assert (answer.verified, answer.HasField("key_version"), answer.key_version) == (True, True, 1)
        body = {"plaintext": text, "signature": signature}
        response = await direct.call("POST", "asymmetric-keys/demo-rsa/verify", body)
        assert response == {"result": True, "keyVersion": 1}


async def test_empty_text_can_be_signed(quiet_stack: Stack, tmp_path: Path) -> None:
    signature = await signature_of(quiet_stack.gateway, b"")

    assert openssl_recover(signature, await public_pem(quiet_stack.gateway), tmp_path) == b""
    assert (await verification(quiet_stack.gateway, b"", signature)).verified
    assert not (await verification(quiet_stack.gateway, b"x", signature)).verified


async def test_gateway_verifies_a_signature_of_openssl(quiet_stack: Stack, tmp_path: Path) -> None:
    private = await quiet_stack.gateway.keys.GetPrivateKey(keys.GetPrivateKeyRequest(name=PAIR))
    signature = openssl_sign("글".encode(), private.pem, 1, tmp_path)

    assert (await verification(quiet_stack.gateway, "글".encode(), signature)).verified


async def test_mismatched_signature_is_a_negative_result(quiet_stack: Stack) -> None:
    gateway = quiet_stack.gateway
    signature = await signature_of(gateway, b"signed")
    other = base64.b64decode(signature)
    altered = base64.b64encode(other[:-1] + bytes([other[-1] ^ 1])).decode()
    as_version_0 = base64.b64encode(bytes(4) + other[4:]).decode()

    answers = [
        await verification(gateway, b"Signed", signature),
        await verification(gateway, b"signed", altered),
        await verification(gateway, b"signed", as_version_0),
        await verification(gateway, b"signed", signature, BASE64),
    ]
    assert [answer.verified for answer in answers] == [False] * 4
    assert [(answer.HasField("key_version"), answer.key_version) for answer in answers] == [
        (True, 1), (True, 1), (True, 0), (True, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("signature", ["no signature", "AAAA", base64.b64encode(bytes(259)).decode()])
async def test_malformed_signature_is_invalid_user_data(quiet_stack: Stack, signature: str) -> None:
    failure = await failure_of(verification(quiet_stack.gateway, b"signed", signature))

    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_USER_DATA")


async def test_request_without_a_signature_is_rejected(quiet_stack: Stack) -> None:
    failure = await failure_of(verification(quiet_stack.gateway, b"signed", ""))

    assert (failure.kind, failure.fields) == (("INVALID_ARGUMENT", "INVALID_REQUEST"), ["signature"])


@pytest.mark.parametrize(
    ("encoding", "plaintext"),
    [(UTF8, b"s" * 246), (UTF8, "가".encode() * 82), (BASE64, bytes(184)), (UTF8, b"\xff")],
    ids=["246 bytes", "82 Hangul", "184 bytes in Base64", "not UTF-8"],
)
async def test_unsignable_data_is_rejected_before_the_upstream_call(
    quiet_stack: Stack, encoding: keys.Encoding.ValueType, plaintext: bytes
) -> None:
    for call in (
        signature_of(quiet_stack.gateway, plaintext, encoding),
        verification(quiet_stack.gateway, plaintext, "AAAA", encoding),
    ):
        failure = await failure_of(call)
        assert (failure.kind, failure.fields) == (("INVALID_ARGUMENT", "INVALID_REQUEST"), ["plaintext"])
    assert await quiet_stack.controls[KEY_MANAGER].requests() == []


@pytest.mark.parametrize(("name", "version"), [(PAIR, 1), (f"{PAIR}/versions/0", 0), (f"{PAIR}/versions/1", 1)])
async def test_openssl_reads_a_matching_key_pair(quiet_stack: Stack, name: str, version: int) -> None:
    private = await quiet_stack.gateway.keys.GetPrivateKey(keys.GetPrivateKeyRequest(name=name))
    public = await quiet_stack.gateway.keys.GetPublicKey(keys.GetPublicKeyRequest(name=name))

    assert private.pem.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert public.pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    openssl.run("pkey", "-check", "-noout", data=private.pem.encode())
    assert openssl.run("pkey", "-inform", "DER", data=private.pkcs8_der) == private.pem.encode()
    assert openssl.run("pkey", "-pubout", data=private.pem.encode()) == public.pem.encode()
    assert openssl.run("pkey", "-pubin", "-inform", "DER", data=public.spki_der) == public.pem.encode()
    assert openssl.run("pkey", "-pubin", "-outform", "DER", data=public.pem.encode()) == public.spki_der
    assert [(half.HasField("key_version"), half.key_version) for half in (private, public)] == [(True, version)] * 2


async def test_key_versions_are_different_keys(quiet_stack: Stack, tmp_path: Path) -> None:
    first, current = [await public_pem(quiet_stack.gateway, f"{PAIR}/versions/{number}") for number in (0, 1)]
    signature = await signature_of(quiet_stack.gateway, b"signed")

    assert version_of(signature) == 1
    assert openssl_verifies(signature, current, b"signed", tmp_path)
    assert not openssl_verifies(signature, first, b"signed", tmp_path)


async def test_signature_verifies_after_a_rotation(quiet_stack: Stack, tmp_path: Path) -> None:
    gateway, control = quiet_stack.gateway, quiet_stack.controls[KEY_MANAGER]
    pems = [openssl.run("genrsa", "2048").decode() for _ in range(2)]
    await control.seed({"asymmetric_keys": [{"id": "rotating", "versions": [{"private_key": pems[0]}]}]})
    request = keys.SignRequest(name=f"{PROVIDER}/keys/rotating", plaintext=b"signed")
    before = await gateway.keys.Sign(request)

    await control.seed({"rotate": [{"id": "rotating", "private_key": pems[1]}]})

    after = await gateway.keys.Sign(request)
    assert (before.HasField("key_version"), before.key_version, after.key_version) == (True, 0, 1)
    for signed, private in zip((before, after), pems, strict=True):
        answer = await verification(gateway, b"signed", signed.signature, name=request.name)
        assert (answer.verified, answer.key_version) == (True, signed.key_version)
        public = openssl.run("pkey", "-pubout", data=private.encode()).decode()
        assert await public_pem(gateway, f"{request.name}/versions/{signed.key_version}") == public
        assert openssl_verifies(signed.signature, public, b"signed", tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{PROVIDER}/keys/none", ("NOT_FOUND", "KEY_NOT_FOUND")),
        (f"{PROVIDER}/keys/orders-key", ("NOT_FOUND", "KEY_NOT_FOUND")),
        (f"{PROVIDER}/keys/demo-rsa-inactive", ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE")),
        (f"{PAIR}/versions/2", ("NOT_FOUND", "KEY_VERSION_NOT_FOUND")),
        (f"{PAIR}/versions/x", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
        (f"{PAIR}/versions/", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    ],
)
async def test_reading_an_unusable_key_fails(quiet_stack: Stack, name: str, expected: tuple[str, str]) -> None:
    stub = quiet_stack.gateway.keys
    public = await failure_of(stub.GetPublicKey(keys.GetPublicKeyRequest(name=name)))
    private = await failure_of(stub.GetPrivateKey(keys.GetPrivateKeyRequest(name=name)))

    assert (public.kind, private.kind) == (expected, expected)
