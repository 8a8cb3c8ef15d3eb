"""Symmetric keys through the gateway, compared with `openssl enc` and with direct clients of the upstream."""

import base64
import os
from typing import Any

import pytest

from keyway.v1 import key_service_pb2 as keys
from tests.support.key_manager import (
    PROVIDER,
    DirectKeyUser,
    openssl_decrypt,
    openssl_encrypt,
    openssl_unwrap,
    version_of,
)
from tests.support.stack import KEY_MANAGER, Gateway, Stack
from tests.support.wire import failure_of

ORDERS = f"{PROVIDER}/keys/orders-key"
"""Has three versions; 2 is the current one."""
FIRST = f"{PROVIDER}/keys/demo-aes"
"""Has one version, which is 0."""

MAXIMUM_TEXT = 32 * 1024
TEXTS = {
    "nothing": b"",
    "ASCII": b"4111-1111-1111-1111",
    "one block": b"0123456789abcdef",
    "Hangul and Japanese": "주문 번호 — 注文番号".encode(),
    "beyond the basic plane": "🗝️𝔎".encode(),
    "what JSON escapes": b'"quoted"\\ \x00\x01\x1f\x7f\r\n\t</script>',
    "separators of lines": "a\u2028b\u2029c\ufeff".encode(),
    "32 KB": b"x" * MAXIMUM_TEXT,
    "32 KB of Hangul": "가".encode() * (MAXIMUM_TEXT // 3),
}
BYTES = {
    "nothing": b"",
    "every byte": bytes(range(256)),
    "not UTF-8": b"\xff\xfe\x00\xed\xa0\x80",
    "a third less than 32 KB": os.urandom(MAXIMUM_TEXT // 4 * 3),
}
CASES = [pytest.param(keys.ENCODING_UTF8, data, id=f"UTF8 {name}") for name, data in TEXTS.items()] + [
    pytest.param(keys.ENCODING_BASE64, data, id=f"BASE64 {name}") for name, data in BYTES.items()
]


async def material_of(gateway: Gateway, name: str) -> bytes:
    """Return the key bytes from the gateway."""
    response = await gateway.keys.GetSymmetricKey(keys.GetSymmetricKeyRequest(name=name))
    return response.key_material


async def decrypted(gateway: Gateway, ciphertext: str, encoding: keys.Encoding.ValueType, name: str = ORDERS) -> bytes:
    """Decrypt through the gateway."""
    request = keys.DecryptRequest(name=name, ciphertext=ciphertext, encoding=encoding)
    return (await gateway.keys.Decrypt(request)).plaintext


@pytest.mark.parametrize(("encoding", "plaintext"), CASES)
async def test_ciphertext_of_the_gateway_decrypts_everywhere(
    quiet_stack: Stack, encoding: keys.Encoding.ValueType, plaintext: bytes
) -> None:
    gateway = quiet_stack.gateway
    request = keys.EncryptRequest(name=ORDERS, plaintext=plaintext, encoding=encoding)
    response = await gateway.keys.Encrypt(request)

    upstream_text = base64.b64encode(plaintext) if encoding == keys.ENCODING_BASE64 else plaintext
    assert openssl_decrypt(response.ciphertext, await material_of(gateway, ORDERS)) == upstream_text
    direct = await DirectKeyUser(quiet_stack).call(
        "POST", "symmetric-keys/orders-key/decrypt", {"ciphertext": response.ciphertext}
    )
    assert direct == {"plaintext": upstream_text.decode(), "keyVersion": 2}
    assert await decrypted(gateway, response.ciphertext, encoding) == plaintext


@pytest.mark.parametrize(("encoding", "plaintext"), CASES)
async def test_gateway_decrypts_a_ciphertext_of_a_direct_client(
    quiet_stack: Stack, encoding: keys.Encoding.ValueType, plaintext: bytes
) -> None:
    text = base64.b64encode(plaintext).decode() if encoding == keys.ENCODING_BASE64 else plaintext.decode()
    direct = await DirectKeyUser(quiet_stack).call("POST", "symmetric-keys/orders-key/encrypt", {"plaintext": text})

    assert await decrypted(quiet_stack.gateway, direct["ciphertext"], encoding) == plaintext


async def test_gateway_decrypts_a_ciphertext_of_openssl(quiet_stack: Stack) -> None:
    key = await material_of(quiet_stack.gateway, ORDERS)
    ciphertext = openssl_encrypt("주문".encode(), key, os.urandom(16), version=2)

    assert await decrypted(quiet_stack.gateway, ciphertext, keys.ENCODING_UTF8) == "주문".encode()


async def test_default_encoding_is_utf8(quiet_stack: Stack) -> None:
    request = keys.EncryptRequest(name=ORDERS, plaintext="열쇠".encode())
    ciphertext = (await quiet_stack.gateway.keys.Encrypt(request)).ciphertext

    assert openssl_decrypt(ciphertext, await material_of(quiet_stack.gateway, ORDERS)) == "열쇠".encode()
    assert await decrypted(quiet_stack.gateway, ciphertext, keys.ENCODING_UNSPECIFIED) == "열쇠".encode()


@pytest.mark.parametrize(
    ("encoding", "plaintext", "said"),
    [
        (keys.ENCODING_UTF8, b"\xff", "is not UTF-8"),
        (keys.ENCODING_UNSPECIFIED, b"\xed\xa0\x80", "is not UTF-8"),
        (keys.ENCODING_UTF8, b"x" * (MAXIMUM_TEXT + 1), "at most 32768 bytes"),
        (keys.ENCODING_UTF8, "가".encode() * (MAXIMUM_TEXT // 3 + 1), "at most 32768 bytes"),
        (keys.ENCODING_BASE64, b"x" * (MAXIMUM_TEXT // 4 * 3 + 1), "at most 24576 bytes"),
    ],
    ids=["not UTF-8", "half a surrogate pair", "a byte too long", "Hangul too long", "Base64 too long"],
)
async def test_unsupported_data_is_rejected_before_the_upstream_call(
    quiet_stack: Stack, encoding: keys.Encoding.ValueType, plaintext: bytes, said: str
) -> None:
    request = keys.EncryptRequest(name=ORDERS, plaintext=plaintext, encoding=encoding)
    failure = await failure_of(quiet_stack.gateway.keys.Encrypt(request))

    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert failure.fields == ["plaintext"]
    assert said in failure.violations[0].description
    assert await quiet_stack.controls[KEY_MANAGER].requests() == []


@pytest.mark.parametrize("text", ["plain words", "YQ=", "YQ", "YR==", "가"])
async def test_plaintext_that_is_not_base64_is_a_failed_precondition(quiet_stack: Stack, text: str) -> None:
    encrypted = await quiet_stack.gateway.keys.Encrypt(keys.EncryptRequest(name=ORDERS, plaintext=text.encode()))
    failure = await failure_of(decrypted(quiet_stack.gateway, encrypted.ciphertext, keys.ENCODING_BASE64))

    assert failure.kind == ("FAILED_PRECONDITION", "PLAINTEXT_NOT_BASE64")
    assert text.encode() not in failure.everything
    assert await decrypted(quiet_stack.gateway, encrypted.ciphertext, keys.ENCODING_UTF8) == text.encode()


@pytest.mark.parametrize("name", [ORDERS, FIRST])
async def test_wrapped_data_key_decrypts_with_openssl_and_as_base64(quiet_stack: Stack, name: str) -> None:
    gateway = quiet_stack.gateway
    made = await gateway.keys.GenerateDataKey(keys.GenerateDataKeyRequest(name=name))

    assert len(made.plaintext) == 32
    assert openssl_unwrap(made.ciphertext, await material_of(gateway, name)) == made.plaintext
    assert await decrypted(gateway, made.ciphertext, keys.ENCODING_BASE64, name) == made.plaintext
    again = await gateway.keys.GenerateDataKey(keys.GenerateDataKeyRequest(name=name))
    assert again.plaintext != made.plaintext


async def test_data_key_of_a_direct_client_decrypts_through_the_gateway(quiet_stack: Stack) -> None:
    direct = await DirectKeyUser(quiet_stack).call("POST", "symmetric-keys/orders-key/create-local-key")

    plaintext = await decrypted(quiet_stack.gateway, direct["localKeyCiphertext"], keys.ENCODING_BASE64)
    assert plaintext == base64.b64decode(direct["localKeyPlaintext"])


async def test_version_0_is_returned_as_a_version(quiet_stack: Stack) -> None:
    stub = quiet_stack.gateway.keys
    encrypted = await stub.Encrypt(keys.EncryptRequest(name=FIRST, plaintext=b"first"))
    answers: list[Any] = [
        encrypted,
        await stub.Decrypt(keys.DecryptRequest(name=FIRST, ciphertext=encrypted.ciphertext)),
        await stub.GenerateDataKey(keys.GenerateDataKeyRequest(name=FIRST)),
        await stub.GetSymmetricKey(keys.GetSymmetricKeyRequest(name=f"{FIRST}/versions/0")),
    ]

    assert [(answer.HasField("key_version"), answer.key_version) for answer in answers] == [(True, 0)] * 4


async def test_v1_0_key_has_no_version_and_a_given_version_is_read_through_v1_1(quiet_stack: Stack) -> None:
    stub = quiet_stack.gateway.keys
    current = await stub.GetSymmetricKey(keys.GetSymmetricKeyRequest(name=ORDERS))
    named = [
        await stub.GetSymmetricKey(keys.GetSymmetricKeyRequest(name=f"{ORDERS}/versions/{number}"))
        for number in range(3)
    ]

    assert not current.HasField("key_version")
    assert [answer.key_version for answer in named] == [0, 1, 2]
    assert all(answer.HasField("key_version") for answer in named)
    assert current.key_material == named[2].key_material
    assert len({answer.key_material for answer in named}) == 3
    requests = await quiet_stack.controls[KEY_MANAGER].requests()
    path = "/appkey/keymanager-demo/symmetric-keys/orders-key/symmetric-key"
    assert [request["target"] for request in requests] == [
        f"/keymanager/v1.0{path}",
        *(f"/keymanager/v1.1{path}?keyVersion={number}" for number in range(3)),
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3", ("NOT_FOUND", "KEY_VERSION_NOT_FOUND")),
        ("2147483647", ("NOT_FOUND", "KEY_VERSION_NOT_FOUND")),
        ("2147483648", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
        ("-1", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
        ("01", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
        ("current", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
        ("٣", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    ],
)
async def test_unknown_version_is_not_found_and_invalid_version_is_rejected(
    quiet_stack: Stack, version: str, expected: tuple[str, str]
) -> None:
    name = f"{ORDERS}/versions/{version}"
    failure = await failure_of(quiet_stack.gateway.keys.GetSymmetricKey(keys.GetSymmetricKeyRequest(name=name)))

    assert failure.kind == expected


async def test_ciphertext_decrypts_after_a_rotation(quiet_stack: Stack) -> None:
    gateway, control = quiet_stack.gateway, quiet_stack.controls[KEY_MANAGER]
    await control.seed({"symmetric_keys": [{"id": "rotating"}]})
    name, request = f"{PROVIDER}/keys/rotating", keys.EncryptRequest(name=f"{PROVIDER}/keys/rotating", plaintext=b"old")
    before = await gateway.keys.Encrypt(request)
    wrapped_before = await gateway.keys.GenerateDataKey(keys.GenerateDataKeyRequest(name=name))
    old_material = await material_of(gateway, name)

    await control.seed({"rotate": ["rotating"]})

    after = await gateway.keys.Encrypt(request)
    assert (before.key_version, after.key_version) == (0, 1)
    assert (version_of(before.ciphertext), version_of(after.ciphertext)) == (0, 1)
    opened = [
        await gateway.keys.Decrypt(keys.DecryptRequest(name=name, ciphertext=each.ciphertext))
        for each in (before, after)
    ]
    assert [(answer.plaintext, answer.key_version) for answer in opened] == [(b"old", 0), (b"old", 1)]
    assert await decrypted(gateway, wrapped_before.ciphertext, keys.ENCODING_BASE64, name) == wrapped_before.plaintext
    assert await material_of(gateway, name) != old_material
    assert await material_of(gateway, f"{name}/versions/0") == old_material


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{PROVIDER}/keys/none", ("NOT_FOUND", "KEY_NOT_FOUND")),
        (f"{PROVIDER}/keys/demo-rsa", ("NOT_FOUND", "KEY_NOT_FOUND")),
        (f"{PROVIDER}/keys/demo-aes-inactive", ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE")),
        ("providers/nobody/keys/orders-key", ("NOT_FOUND", "PROVIDER_NOT_FOUND")),
        ("providers/nhn-certs/keys/orders-key", ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER")),
        (f"{PROVIDER}/keys/a?b#c%2e é", ("NOT_FOUND", "KEY_NOT_FOUND")),
        (f"{ORDERS}/versions/1", ("INVALID_ARGUMENT", "INVALID_REQUEST")),
    ],
)
async def test_encryption_with_an_unusable_key_fails(quiet_stack: Stack, name: str, expected: tuple[str, str]) -> None:
    failure = await failure_of(quiet_stack.gateway.keys.Encrypt(keys.EncryptRequest(name=name, plaintext=b"x")))

    assert failure.kind == expected


@pytest.mark.parametrize(
    "ciphertext", ["%%%", "AAAA", base64.b64encode(bytes(52)).decode(), base64.b64encode(bytes(48)).decode()]
)
async def test_forged_ciphertext_is_invalid_user_data(quiet_stack: Stack, ciphertext: str) -> None:
    failure = await failure_of(decrypted(quiet_stack.gateway, ciphertext, keys.ENCODING_UTF8))

    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_USER_DATA")


async def test_ciphertext_of_another_key_is_invalid_user_data(quiet_stack: Stack) -> None:
    made = await quiet_stack.gateway.keys.GenerateDataKey(keys.GenerateDataKeyRequest(name=FIRST))
    failure = await failure_of(decrypted(quiet_stack.gateway, made.ciphertext, keys.ENCODING_BASE64))

    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_USER_DATA")
