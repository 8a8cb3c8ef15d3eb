"""Calls with keywords, messages and mappings over a real gateway, sync and asyncio."""

import inspect
from typing import Any

import pytest

import keyway
from keyway.testing import Sandbox
from keyway.v1 import key_service_pb2 as keys

pytestmark = pytest.mark.xdist_group("sandbox")

KEY = "providers/nhn-keys/keys/orders-key"
BYTES = b"\xff\x00"


@pytest.mark.parametrize(
    ("positional", "keywords"),
    [
        ((), {"name": KEY, "plaintext": b"order 42"}),
        ((keys.EncryptRequest(name=KEY, plaintext=b"order 42"),), {}),
        (({"name": KEY, "plaintext": b"order 42"},), {}),
    ],
    ids=["keywords", "message", "mapping"],
)
async def test_request_is_given_as_keywords_message_or_mapping(
    keyway_sandbox: Sandbox, positional: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    keyway_sandbox.clear_faults()
    with keyway_sandbox.connect() as client:
        ciphertext = client.keys.encrypt(*positional, **keywords, timeout=5).ciphertext
        assert client.keys.decrypt(name=KEY, ciphertext=ciphertext).plaintext == b"order 42"
    async with keyway.aio.connect(keyway_sandbox.plain, plaintext=True) as asynchronous:
        call = asynchronous.keys.encrypt(*positional, **keywords, timeout=5)
        assert (await call).ciphertext
        assert "keyway-request-id" in dict(tuple(await call.trailing_metadata()))


@pytest.mark.parametrize("encoding", [keys.ENCODING_BASE64, 2, "ENCODING_BASE64"])
def test_enum_is_given_as_number_or_name(keyway_client: keyway.Client, encoding: Any) -> None:
    ciphertext = keyway_client.keys.encrypt(name=KEY, plaintext=BYTES, encoding=encoding).ciphertext
    opened = keyway_client.keys.decrypt({"name": KEY, "ciphertext": ciphertext, "encoding": encoding})
    assert opened.plaintext == BYTES


def test_nested_messages_are_given_as_mappings(keyway_client: keyway.Client) -> None:
    items: list[Any] = [{"name": KEY, "plaintext": b"one"}, keys.EncryptRequest(name=KEY, plaintext=b"two")]
    results = keyway_client.keys.batch_encrypt(requests=items).results
    assert [result.response.key_version for result in results] == [2, 2]


def test_failed_call_raises_keyway_error(keyway_client: keyway.Client) -> None:
    with pytest.raises(keyway.KeywayError) as failure:
        keyway_client.keys.encrypt(name=f"{KEY}-missing", plaintext=b"x")
    assert (failure.value.code, failure.value.reason) == (keyway.StatusCode.NOT_FOUND, "KEY_NOT_FOUND")


def test_call_options_apply(keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.fail("nhn-secure-key-manager", mode="stall")
    with keyway_sandbox.connect() as client, pytest.raises(keyway.KeywayError) as failure:
        client.keys.encrypt(name=KEY, plaintext=b"x", timeout=0.2, wait_for_ready=True)
    assert failure.value.code is keyway.StatusCode.DEADLINE_EXCEEDED
    keyway_sandbox.clear_faults()


@pytest.mark.parametrize(
    ("positional", "keywords", "error", "message"),
    [
        ((keys.EncryptRequest(),), {"name": KEY}, TypeError, "either one EncryptRequest or its fields"),
        ((keys.EncryptRequest(), keys.EncryptRequest()), {}, TypeError, "either one EncryptRequest or its fields"),
        ((keys.DecryptRequest(),), {}, TypeError, "expected EncryptRequest or a mapping of its fields, not Decrypt"),
        ((), {"nam": KEY}, ValueError, "nam"),
        ((), {"name": 1}, TypeError, "bad argument type"),
    ],
)
def test_invalid_arguments_are_rejected_before_the_call(
    keyway_client: keyway.Client, positional: Any, keywords: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        keyway_client.keys.encrypt(*positional, **keywords)


@pytest.mark.parametrize(
    ("positional", "keywords"),
    [
        ((), {"parent": "providers/nhn-certs", "page_size": 4}),
        (({"parent": "providers/nhn-certs", "page_size": 4},), {}),
    ],
    ids=["keywords", "mapping"],
)
async def test_pages_are_iterated_without_a_message(
    keyway_sandbox: Sandbox, positional: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    with keyway_sandbox.connect() as client:
        pages = keyway.iterate_pages(client.certificates.list_certificates, *positional, **keywords, timeout=5)
        assert [len(page.certificates) for page in pages] == [4, 4, 2]
    async with keyway.aio.connect(keyway_sandbox.plain, plaintext=True) as asynchronous:
        method = asynchronous.certificates.list_certificates
        assert len([item async for item in keyway.aio.iterate(method, *positional, **keywords)]) == 10


def test_methods_document_their_fields(keyway_client: keyway.Client) -> None:
    for service in (keyway_client.certificates, keyway_client.keys, keyway_client.providers):
        methods = [method for name, method in inspect.getmembers(service, inspect.ismethod) if not name.startswith("_")]
        assert methods
        for method in methods:
            assert (inspect.getdoc(method) or "").strip()
    assert "plaintext: " in (inspect.getdoc(keyway_client.keys.encrypt) or "")
