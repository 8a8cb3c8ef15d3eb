"""Failures of Secure Key Manager, caused by invalid requests or injected."""

import base64
from typing import Any

import pytest

from gateway.emulators.secure_key_manager.errors import FAILURES
from tests.support.emulators.secure_key_manager import KeyManager

TEXT = {"plaintext": "data"}
SIGNATURE = base64.b64encode(bytes(260)).decode()
CIPHERTEXT = base64.b64encode(bytes(36)).decode()
KEY_CALLS: list[tuple[str, str, Any]] = [
    ("GET", "secrets/{}", None),
    ("POST", "symmetric-keys/{}/encrypt", TEXT),
    ("POST", "symmetric-keys/{}/decrypt", {"ciphertext": CIPHERTEXT}),
    ("POST", "symmetric-keys/{}/create-local-key", None),
    ("GET", "symmetric-keys/{}/symmetric-key", None),
    ("POST", "asymmetric-keys/{}/sign", TEXT),
    ("POST", "asymmetric-keys/{}/verify", {**TEXT, "signature": SIGNATURE}),
    ("GET", "asymmetric-keys/{}/privateKey", None),
    ("GET", "asymmetric-keys/{}/publicKey", None),
]


def own_id(path: str, suffix: str = "") -> str:
    """Return the default ID of the object type in the path."""
    collection = path.partition("/")[0]
    return {"secrets": "demo-secret", "symmetric-keys": "demo-aes"}.get(collection, "demo-rsa") + suffix


async def expect(key_manager: KeyManager, message: str, *call: Any, **more: Any) -> None:
    """Check that the call fails with the status and codes of this table row."""
    (row,) = (failure for failure in FAILURES if failure.message == message)
    answer = await key_manager.call(*call, **more)
    assert (answer.status, answer.body) == (row.status, None)
    assert answer.header == {"resultCode": row.result_code, "resultMessage": message, "isSuccessful": False}


def test_failure_table_is_unambiguous() -> None:
    assert len({failure.message.casefold() for failure in FAILURES}) == len(FAILURES)
    assert len({failure.result_code for failure in FAILURES}) == len(FAILURES)
    assert all(failure.result_code < 0 and failure.status >= 400 for failure in FAILURES)


@pytest.mark.parametrize(("method", "path", "data"), [("GET", "confirm", None), *KEY_CALLS])
async def test_invalid_app_key_is_rejected(key_manager: KeyManager, method: str, path: str, data: Any) -> None:
    path = path.format(own_id(path))
    await expect(key_manager, "Invalid Appkey", method, path, data, app_key="someone-elses")


@pytest.mark.parametrize(("method", "path", "data"), KEY_CALLS)
async def test_invalid_key_id_is_rejected(key_manager: KeyManager, method: str, path: str, data: Any) -> None:
    kinds = {"demo-secret", "demo-aes", "demo-rsa"} - {own_id(path)}
    for identifier in ("nothing", "%ED%82%A4", "%FF", "a%2Fb", own_id(path).upper(), *kinds):
        await expect(key_manager, "Invalid Key ID", method, path.format(identifier), data)


@pytest.mark.parametrize(("method", "path", "data"), KEY_CALLS)
async def test_ids_belong_to_one_app_key(key_manager: KeyManager, method: str, path: str, data: Any) -> None:
    await key_manager.seed({"app_keys": ["other"]})
    await expect(key_manager, "Invalid Key ID", method, path.format(own_id(path)), data, app_key="other")


@pytest.mark.parametrize(("method", "path", "data"), KEY_CALLS)
@pytest.mark.parametrize("state", ["inactive", "deletion_scheduled"])
async def test_inactive_key_is_rejected(key_manager: KeyManager, method: str, path: str, data: Any, state: str) -> None:
    await expect(key_manager, "Invalid Key Status", method, path.format(own_id(path, "-inactive")), data)
    await key_manager.seed({"states": [{"id": own_id(path), "state": state}]})
    await expect(key_manager, "Invalid Key Status", method, path.format(own_id(path)), data)
    await key_manager.seed({"states": [{"id": own_id(path), "state": "active"}]})
    assert (await key_manager.call(method, path.format(own_id(path)), data)).message != "Invalid Key Status"


@pytest.mark.parametrize(
    "path",
    [
        "symmetric-keys/orders-key/symmetric-key",
        "asymmetric-keys/demo-rsa/privateKey",
        "asymmetric-keys/demo-rsa/publicKey",
    ],
)
@pytest.mark.parametrize("requested", ["3", "-1", "abc", "1.0", "1e0", " 1", "٠", "99999999999999999999", "0x0"])
async def test_invalid_key_version_is_rejected(key_manager: KeyManager, path: str, requested: str) -> None:
    await expect(key_manager, "Invalid Key Version", "GET", path, version="v1.1", params={"keyVersion": requested})


async def test_conflicting_key_versions_are_rejected(key_manager: KeyManager) -> None:
    parameters = [("keyVersion", "0"), ("keyVersion", "1")]
    path = "asymmetric-keys/demo-rsa/publicKey"
    await expect(key_manager, "Invalid Key Version", "GET", path, params=parameters)


@pytest.mark.parametrize("part", ["privateKey", "publicKey"])
async def test_inactive_version_of_an_asymmetric_key_is_rejected(key_manager: KeyManager, part: str) -> None:
    signed = await key_manager.post("asymmetric-keys/demo-rsa/sign", TEXT)
    await key_manager.seed({"states": [{"id": "demo-rsa", "version": 1, "state": "inactive"}]})
    path = "asymmetric-keys/demo-rsa"
    await expect(key_manager, "Invalid Key Version Status", "GET", f"{path}/{part}")
    await expect(key_manager, "Invalid Key Version Status", "POST", f"{path}/sign", TEXT)
    data = {**TEXT, "signature": signed["signature"]}
    await expect(key_manager, "Invalid Key Version Status", "POST", f"{path}/verify", data)
    assert (await key_manager.get(f"{path}/{part}", params={"keyVersion": "0"}))["keyVersion"] == 0


async def test_inactive_version_of_a_symmetric_key_is_rejected(key_manager: KeyManager) -> None:
    path = "symmetric-keys/orders-key"
    ciphertexts = [
        (await key_manager.post(f"{path}/encrypt", TEXT))["ciphertext"],
        (await key_manager.post(f"{path}/create-local-key"))["localKeyCiphertext"],
    ]
    await key_manager.seed({"states": [{"id": "orders-key", "version": 2, "state": "deletion_scheduled"}]})
    for call, data in (("encrypt", TEXT), ("create-local-key", None)):
        await expect(key_manager, "Invalid Key Version Status", "POST", f"{path}/{call}", data)
    for ciphertext in ciphertexts:
        data = {"ciphertext": ciphertext}
        await expect(key_manager, "Invalid Key Version Status", "POST", f"{path}/decrypt", data)
    await expect(key_manager, "Invalid Key Version Status", "GET", f"{path}/symmetric-key")


async def test_default_set_has_an_inactive_version(key_manager: KeyManager) -> None:
    path = "symmetric-keys/demo-aes-inactive-version"
    old = {"keyVersion": "0"}
    message = "Invalid Key Version Status"
    await expect(key_manager, message, "GET", f"{path}/symmetric-key", version="v1.1", params=old)
    assert (await key_manager.post(f"{path}/encrypt", TEXT))["keyVersion"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "symmetric-keys/demo-aes/encrypt",
        "symmetric-keys/demo-aes/decrypt",
        "asymmetric-keys/demo-rsa/sign",
        "asymmetric-keys/demo-rsa/verify",
    ],
)
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"json": {}},
        {"json": None},
        {"json": []},
        {"json": "data"},
        {"json": {"plaintext": 5, "ciphertext": 5, "signature": 5}},
        {"json": {"plaintext": None}},
        {"json": {"Plaintext": "data"}},
        {"json": {"plaintext": "data", "ciphertext": CIPHERTEXT, "signature": SIGNATURE}},
        {"json": {"plaintext": "data", "signature": SIGNATURE, "keyVersion": 0}},
        {"data": b'{"plaintext": "da', "headers": {"Content-Type": "application/json"}},
        {"data": b'{"plaintext": "\xff"}', "headers": {"Content-Type": "application/json"}},
        {"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
        {"data": b'{"plaintext": "data"}', "headers": {"Content-Type": "text/plain"}},
        {"data": {"plaintext": "data"}},
    ],
)
async def test_invalid_user_data_is_rejected(key_manager: KeyManager, path: str, sent: dict[str, Any]) -> None:
    await expect(key_manager, "Invalid User Data", "POST", path, **sent)


@pytest.mark.parametrize("path", ["symmetric-keys/demo-aes/encrypt", "asymmetric-keys/demo-rsa/sign"])
async def test_unpaired_surrogate_is_rejected(key_manager: KeyManager, path: str) -> None:
    sent = {"data": b'{"plaintext": "\\ud800"}', "headers": {"Content-Type": "application/json"}}
    await expect(key_manager, "Invalid User Data", "POST", path, **sent)


@pytest.mark.parametrize(
    "text",
    ["", "?", "data", "한글", f"{CIPHERTEXT}\n", CIPHERTEXT.replace("A", "_"), CIPHERTEXT[:-1]]
    + [base64.b64encode(bytes(size)).decode() for size in (3, 4, 20, 35, 37, 47, 49, 64, 259, 261)],
)
async def test_malformed_ciphertext_and_signature_are_rejected(key_manager: KeyManager, text: str) -> None:
    await expect(key_manager, "Invalid User Data", "POST", "symmetric-keys/demo-aes/decrypt", {"ciphertext": text})
    data = {**TEXT, "signature": text}
    await expect(key_manager, "Invalid User Data", "POST", "asymmetric-keys/demo-rsa/verify", data)


@pytest.mark.parametrize("change", ["{}\n", " {}", "{}=", "*{}", "{}AAAA"])
async def test_only_standard_base64_is_accepted(key_manager: KeyManager, change: str) -> None:
    ciphertext = (await key_manager.post("symmetric-keys/demo-aes/encrypt", TEXT))["ciphertext"]
    data = {"ciphertext": change.format(ciphertext)}
    await expect(key_manager, "Invalid User Data", "POST", "symmetric-keys/demo-aes/decrypt", data)
    signature = (await key_manager.post("asymmetric-keys/demo-rsa/sign", TEXT))["signature"]
    data = {**TEXT, "signature": change.format(signature)}
    await expect(key_manager, "Invalid User Data", "POST", "asymmetric-keys/demo-rsa/verify", data)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "secrets"),
        ("GET", "secrets/"),
        ("GET", "secrets/demo-secret/"),
        ("POST", "secrets/demo-secret"),
        ("POST", "confirm"),
        ("HEAD", "confirm/"),
        ("GET", "symmetric-keys/demo-aes/encrypt"),
        ("PUT", "symmetric-keys/demo-aes/encrypt"),
        ("POST", "symmetric-keys/demo-aes/sign"),
        ("POST", "symmetric-keys/demo-aes/symmetric-key"),
        ("GET", "symmetric-keys/demo-aes/symmetricKey"),
        ("POST", "asymmetric-keys/demo-rsa/encrypt"),
        ("GET", "asymmetric-keys/demo-rsa/private-key"),
    ],
)
async def test_unknown_url_is_not_found(key_manager: KeyManager, method: str, path: str) -> None:
    if method == "HEAD":
        url = f"{key_manager.host.url}/keymanager/v1.0/appkey/keymanager-demo/confirm"
        async with key_manager.session.head(url) as response:
            assert response.status == 404
    else:
        await expect(key_manager, "URL NOT FOUND", method, path)


@pytest.mark.parametrize("version", ["v1", "v1.4", "v2.0", "v1x0", "V1.0"])
async def test_unknown_api_version_is_not_found(key_manager: KeyManager, version: str) -> None:
    await expect(key_manager, "URL NOT FOUND", "GET", "confirm", version=version)


async def test_path_outside_the_api_is_not_found(key_manager: KeyManager) -> None:
    async with key_manager.session.get(f"{key_manager.host.url}/") as response:
        assert response.status == 404
        assert (await response.json())["header"]["resultMessage"] == "URL NOT FOUND"


async def test_all_failures_can_be_returned_with_status_200(key_manager: KeyManager) -> None:
    await key_manager.seed({"failures_as_200": True})
    for path in ("secrets/nothing", "secrets/demo-secret-inactive", "secrets/ip-locked-secret", "nowhere"):
        answer = await key_manager.call("GET", path)
        assert (answer.status, answer.header["isSuccessful"]) == (200, False)
    await key_manager.control("POST", "/faults", {})
    assert (await key_manager.call("GET", "confirm")).status == 200
    await key_manager.control("POST", "/faults", {"status": 503})
    assert (await key_manager.call("GET", "confirm")).status == 503
    await key_manager.seed({"failures_as_200": False})
    assert (await key_manager.call("GET", "nowhere")).status == 404


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.message)
async def test_every_failure_can_be_injected(key_manager: KeyManager, failure: Any) -> None:
    for code in (failure.message.upper(), failure.result_code):
        await key_manager.control("POST", "/faults", {"code": code})
        await expect(key_manager, failure.message, "GET", "confirm")


async def test_undocumented_failures_can_be_injected(key_manager: KeyManager) -> None:
    await key_manager.control("POST", "/faults", {})
    await expect(key_manager, "Internal Server Error", "GET", "confirm")
    await key_manager.control("POST", "/faults", {"code": "Quota Exceeded", "status": 429})
    answer = await key_manager.call("GET", "confirm")
    assert (answer.status, answer.message) == (429, "Quota Exceeded")
    await key_manager.control("POST", "/faults", {"code": -77, "message": "invalid key id"})
    answer = await key_manager.call("GET", "confirm")
    assert (answer.header["resultCode"], answer.message) == (-77, "invalid key id")
    await key_manager.get("confirm")


async def test_empty_key_version_means_the_current_version(key_manager: KeyManager) -> None:
    path = "asymmetric-keys/demo-rsa/publicKey"
    empty = await key_manager.call("GET", path, version="v1.1", params={"keyVersion": ""})
    plain = await key_manager.call("GET", path, version="v1.1")
    assert (empty.status, empty.body) == (plain.status, plain.body)
