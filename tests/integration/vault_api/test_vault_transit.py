"""Transit over HTTP: encryption with a real gateway and emulators."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from keyway.envelope import AsyncOpener
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.trusted import OPERATOR
from tests.support.vault_api import KEYS, READER, SHOP, VaultClient, VaultScene

KEY = f"providers/{KEYS}/keys/orders-key"
TEXT = b"order 42: 4 cups of hunter2"


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.fixture
async def scene(running_stack: Stack, tmp_path: Path) -> AsyncIterator[VaultScene]:
    await running_stack.reset()
    scene = VaultScene(tmp_path, running_stack)
    async with scene.served():
        yield scene


@pytest.fixture
async def shop(scene: VaultScene) -> AsyncIterator[VaultClient]:
    async with scene.client() as client:
        yield client


async def encrypt(client: VaultClient, **fields: Any) -> Any:
    return (await client.put(f"{KEYS}/encrypt/orders-key", {"plaintext": encoded(TEXT), **fields})).data


async def decrypt(client: VaultClient, **fields: Any) -> bytes:
    return b64decode((await client.put(f"{KEYS}/decrypt/orders-key", fields)).data["plaintext"])


async def test_ciphertext_names_the_version_and_is_decrypted(shop: VaultClient) -> None:
    found = await encrypt(shop)
    assert found["key_version"] == 2
    prefix, version, content = found["ciphertext"].split(":")
    assert (prefix, version) == ("vault", "v2")
    assert content
    assert await decrypt(shop, ciphertext=found["ciphertext"]) == TEXT


@pytest.mark.parametrize("data", [b"", b"\0\xff binary", b"x" * 20_000])
async def test_any_bytes_are_encrypted(shop: VaultClient, data: bytes) -> None:
    found = await encrypt(shop, plaintext=encoded(data))
    assert await decrypt(shop, ciphertext=found["ciphertext"]) == data


@pytest.mark.parametrize(
    "bound",
    [
        {"associated_data": encoded(b"table 7")},
        {"context": encoded(b"tenant 1")},
        {"context": encoded(b"tenant 1"), "associated_data": encoded(b"table 7")},
    ],
)
async def test_bound_data_is_required_to_decrypt(shop: VaultClient, bound: dict[str, str]) -> None:
    found = await encrypt(shop, **bound)
    assert await decrypt(shop, ciphertext=found["ciphertext"], **bound) == TEXT
    others: list[dict[str, str]] = [
        {},
        {**bound, "associated_data": encoded(b"table 8")},
        {**bound, "context": encoded(b"tenant 2")},
        {"context": encoded(b"table 7"), "associated_data": encoded(b"tenant 1")},
    ]
    for other in others:
        reply = await shop.put(f"{KEYS}/decrypt/orders-key", {"ciphertext": found["ciphertext"], **other})
        assert reply.status == 400
        assert reply.error.startswith("invalid ciphertext")


async def test_ciphertext_of_the_upstream_is_rejected_with_bound_data(shop: VaultClient) -> None:
    found = await encrypt(shop)
    fields = {"ciphertext": found["ciphertext"], "associated_data": encoded(b"table 7")}
    assert (await shop.put(f"{KEYS}/decrypt/orders-key", fields)).status == 400


async def test_context_cannot_be_forged_with_associated_data(shop: VaultClient) -> None:
    forged = b"keyway.dev/vault/v1" + (8).to_bytes(4) + b"tenant 1"
    fields = {"plaintext": encoded(TEXT), "associated_data": encoded(forged)}
    reply = await shop.put(f"{KEYS}/encrypt/orders-key", fields)
    assert (reply.status, reply.error) == (400, "associated_data: must not begin with keyway.dev/vault/v1")


async def test_clients_open_what_transit_seals(scene: VaultScene, shop: VaultClient) -> None:
    found = await encrypt(shop, associated_data=encoded(b"table 7"))
    envelope = b64decode(found["ciphertext"].partition("KWE1.")[2])
    async with scene.trusted.caller(scene.server.address, OPERATOR) as operator:
        assert await AsyncOpener(operator.keys, [KEY]).open(envelope, b"table 7") == TEXT


async def test_tampered_ciphertexts_are_rejected(shop: VaultClient) -> None:
    sealed = (await encrypt(shop, associated_data=encoded(b"a")))["ciphertext"]
    content = sealed.partition("KWE1.")[2]
    changed = bytearray(b64decode(content))
    changed[-1] ^= 1
    other_version = sealed.replace("vault:v2:", "vault:v1:")
    for text in (f"vault:v2:KWE1.{encoded(bytes(changed))}", other_version, f"vault:v2:KWE1.{content[:-9]}"):
        fields = {"ciphertext": text, "associated_data": encoded(b"a")}
        assert (await shop.put(f"{KEYS}/decrypt/orders-key", fields)).status == 400
    direct = (await encrypt(shop))["ciphertext"]
    reply = await shop.put(f"{KEYS}/decrypt/orders-key", {"ciphertext": direct.replace("vault:v2:", "vault:v1:")})
    assert reply.status == 400


async def test_envelope_of_another_key_is_rejected(shop: VaultClient) -> None:
    sealed = (await encrypt(shop, associated_data=encoded(b"a")))["ciphertext"]
    fields = {"ciphertext": sealed, "associated_data": encoded(b"a")}
    reply = await shop.put(f"{KEYS}/decrypt/demo-aes", fields)
    assert reply.status == 400
    assert reply.error.startswith("invalid ciphertext")


async def test_batch_has_a_result_for_each_item(shop: VaultClient) -> None:
    items = [
        {"plaintext": encoded(b"one"), "reference": "first"},
        {"plaintext": encoded(b"two"), "associated_data": encoded(b"a")},
        {"plaintext": "not Base64"},
    ]
    reply = await shop.put(f"{KEYS}/encrypt/orders-key", {"batch_input": items})
    assert reply.status == 400
    first, second, third = reply.body["data"]["batch_results"]
    assert (first["reference"], third["error"]) == ("first", "batch_input[2].plaintext: must be Base64")
    reply = await shop.put(
        f"{KEYS}/decrypt/orders-key",
        {
            "batch_input": [
                {"ciphertext": first["ciphertext"]},
                {"ciphertext": second["ciphertext"], "associated_data": encoded(b"a")},
            ]
        },
    )
    assert [b64decode(each["plaintext"]) for each in reply.data["batch_results"]] == [b"one", b"two"]


async def test_caller_chooses_the_status_of_a_partial_failure(shop: VaultClient) -> None:
    items = [{"plaintext": encoded(b"one")}, {"plaintext": 5}]
    fields = {"batch_input": items, "partial_failure_response_code": 207}
    assert (await shop.put(f"{KEYS}/encrypt/orders-key", fields)).status == 207
    assert (await shop.put(f"{KEYS}/encrypt/orders-key", {**fields, "batch_input": items[1:]})).status == 400
    without_body = {**fields, "partial_failure_response_code": 204}
    assert (await shop.put(f"{KEYS}/encrypt/orders-key", without_body)).status == 400


async def test_batch_that_fails_as_a_whole_fails_like_a_single_text(scene: VaultScene, running_stack: Stack) -> None:
    items = [{"plaintext": encoded(b"one")}, {"plaintext": encoded(b"two")}]
    for own in ({}, {"associated_data": encoded(b"a")}):
        batch = {"batch_input": [{**each, **own} for each in items]}
        async with scene.client(READER) as reader:
            denied = await reader.put(f"{KEYS}/encrypt/orders-key", batch)
            assert (denied.status, denied.error.startswith("permission denied")) == (403, True)
    await running_stack.controls[KEY_MANAGER].fail(mode="raw", status=503, count=1000)
    async with scene.client() as shop:
        failed = await shop.put(f"{KEYS}/encrypt/orders-key", {"batch_input": items})
    await running_stack.reset()
    assert failed.status == 503
    assert int(failed.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("batch", [[], [{}] * 1001, {"a": 1}, ["text"]])
async def test_batch_limits_are_named(shop: VaultClient, batch: Any) -> None:
    reply = await shop.put(f"{KEYS}/encrypt/orders-key", {"batch_input": batch})
    assert reply.status == 400
    assert reply.error.startswith("batch_input: ")


async def test_rewrap_uses_the_current_version_and_returns_no_plaintext(scene: VaultScene, shop: VaultClient) -> None:
    for bound in ({}, {"associated_data": encoded(b"a")}):
        found = await encrypt(shop, **bound)
        reply = await shop.put(f"{KEYS}/rewrap/orders-key", {"ciphertext": found["ciphertext"], **bound})
        assert reply.data["ciphertext"] != found["ciphertext"]
        assert "plaintext" not in reply.data
        assert await decrypt(shop, ciphertext=reply.data["ciphertext"], **bound) == TEXT


async def test_data_key_is_decrypted_like_a_text(shop: VaultClient) -> None:
    for bound in ({}, {"context": encoded(b"tenant 1")}):
        made = (await shop.put(f"{KEYS}/datakey/plaintext/orders-key", bound)).data
        assert len(b64decode(made["plaintext"])) == 32
        assert await decrypt(shop, ciphertext=made["ciphertext"], **bound) == b64decode(made["plaintext"])
    wrapped = (await shop.put(f"{KEYS}/datakey/wrapped/orders-key")).data
    assert wrapped.keys() == {"ciphertext", "key_version"}
    reply = await shop.put(f"{KEYS}/datakey/plaintext/orders-key", {"bits": 512})
    assert (reply.status, reply.error) == (400, "bits: must be 256")


async def test_only_the_current_version_encrypts(shop: VaultClient) -> None:
    assert (await encrypt(shop, key_version=2))["key_version"] == 2
    reply = await shop.put(f"{KEYS}/encrypt/orders-key", {"plaintext": "", "key_version": 1})
    assert (reply.status, reply.error) == (400, "key_version: only the current version, 2, can encrypt")


async def test_key_is_described(shop: VaultClient) -> None:
    symmetric = (await shop.get(f"{KEYS}/keys/orders-key")).data
    assert (symmetric["type"], symmetric["latest_version"], symmetric["supports_encryption"]) == (
        "aes256-gcm96",
        2,
        True,
    )
    asymmetric = (await shop.get(f"{KEYS}/keys/demo-rsa")).data
    assert (asymmetric["type"], asymmetric["latest_version"]) == ("rsa-2048", 1)
    assert "PUBLIC KEY" in asymmetric["keys"]["1"]["public_key"]
    assert (await shop.get(f"{KEYS}/keys/demo-missing")).status == 404


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "plaintext: is missing"),
        ({"plaintext": "%"}, "plaintext: must be Base64"),
        ({"plaintext": 1}, "plaintext: must be a string"),
        ({"plaintext": "", "context": "%"}, "context: must be Base64"),
        ({"plaintext": "", "key_version": -1}, "key_version: must be a number of at least 0"),
        ({"plaintext": "", "nonce": "abcd"}, "nonce: is not supported"),
        ({"plaintext": "", "convergent_encryption": True}, "convergent_encryption: is not supported"),
    ],
)
async def test_invalid_fields_are_named(shop: VaultClient, fields: dict[str, Any], error: str) -> None:
    reply = await shop.put(f"{KEYS}/encrypt/orders-key", fields)
    assert (reply.status, reply.error) == (400, error)


async def test_limit_of_the_provider_is_named(shop: VaultClient) -> None:
    reply = await shop.put(f"{KEYS}/encrypt/orders-key", {"plaintext": encoded(b"x" * 30_000)})
    assert reply.status == 400
    assert "plaintext" in reply.error
    sealed = await encrypt(shop, plaintext=encoded(b"x" * 500_000), associated_data=encoded(b"a"))
    assert await decrypt(shop, ciphertext=sealed["ciphertext"], associated_data=encoded(b"a")) == b"x" * 500_000


async def test_unknown_key_is_a_fault_of_the_request(shop: VaultClient) -> None:
    reply = await shop.put(f"{KEYS}/encrypt/orders-missing", {"plaintext": ""})
    assert (reply.status, "KEY_NOT_FOUND" in reply.error) == (400, True)


async def test_policy_decides_and_calls_are_recorded_under_the_caller(scene: VaultScene, shop: VaultClient) -> None:
    reply = await shop.request(
        "POST", f"{KEYS}/encrypt/orders-key", json={"plaintext": encoded(TEXT)}, headers={"X-Request-Id": "order-42"}
    )
    assert reply.status == 200
    async with scene.client(READER) as reader:
        denied = await reader.put(f"{KEYS}/encrypt/orders-key", {"plaintext": encoded(TEXT)})
    assert denied.status == 403
    assert denied.error.startswith("permission denied")
    successful, rejected = scene.outcomes("Encrypt")
    assert [each["actor"]["user"]["uid"] for each in (successful, rejected)] == [f"sub:{SHOP}", f"sub:{READER}"]
    assert [each["status_code"] for each in (successful, rejected)] == ["OK", "PERMISSION_DENIED"]
    for event, each in ((successful, reply), (rejected, denied)):
        assert event["unmapped"]["surface"] == {"name": "vault", "stated_by_caller": False}
        assert event["api"]["request"]["uid"] == each.headers["keyway-request-id"]
        assert each.headers["keyway-audit-receipt"].count(":") == 2
    assert reply.body["request_id"] == successful["api"]["request"]["uid"]
    assert successful["observables"][0]["value"] == "order-42"


async def test_batch_is_recorded_as_a_batch_and_sealing_as_a_data_key(scene: VaultScene, shop: VaultClient) -> None:
    await shop.put(f"{KEYS}/encrypt/orders-key", {"batch_input": [{"plaintext": ""}] * 3})
    await encrypt(shop, associated_data=encoded(b"a"))
    (batch,) = scene.outcomes("BatchEncrypt")
    assert len(batch["unmapped"]["items"]) == 3
    assert len(scene.outcomes("GenerateDataKey")) == 1
