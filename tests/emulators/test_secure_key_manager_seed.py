"""The control port of Secure Key Manager: the default set, seed data, rotation, reset, and restarts."""

import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.emulators.secure_key_manager import SecureKeyManagerEmulator
from tests.support.emulators.secure_key_manager import KeyManager
from tests.support.openssl import run as openssl


def ids(description: Any) -> set[str]:
    """Return the IDs in the state that the control port reports."""
    return {item["id"] for item in description["items"]}


async def test_default_set_has_the_documented_objects(key_manager: KeyManager) -> None:
    status, description = await key_manager.control("POST", "/seed")
    assert status == 200
    assert description["app_keys"] == ["keymanager-demo"]
    stores = [store["name"] for store in description["key_stores"]]
    assert stores == ["certificate-locked", "demo", "ip-locked", "mac-locked"]
    by_kind: dict[str, dict[str, int]] = {}
    for item in description["items"]:
        by_kind.setdefault(item["kind"], {})[item["id"]] = len(item["versions"])
    assert by_kind["asymmetric"] == {"demo-rsa": 2, "demo-rsa-inactive": 1}
    assert by_kind["symmetric"] == {
        "orders-key": 3,
        "demo-aes": 1,
        "demo-aes-inactive": 1,
        "demo-aes-inactive-version": 2,
        "ip-locked-aes": 1,
        "mac-locked-aes": 1,
        "certificate-locked-aes": 1,
    }
    assert by_kind["secret"].keys() == {
        "demo-secret",
        "demo-secret-unicode",
        "demo-secret-inactive",
        "ip-locked-secret",
        "mac-locked-secret",
        "certificate-locked-secret",
    }


async def test_default_set_is_created_quickly() -> None:
    started = time.process_time()
    async with EmulatorHost(SecureKeyManagerEmulator, HostOptions()):
        pass
    # CPU time, because wall-clock time includes other load on the machine.
    assert time.process_time() - started < 2.0


async def test_seeding_the_default_set_again_changes_nothing(key_manager: KeyManager) -> None:
    await key_manager.seed({"key_stores": [{"name": "mac-locked"}], "rotate": ["demo-aes"]})
    before = await key_manager.get("symmetric-keys/orders-key/symmetric-key")
    _, first = await key_manager.control("POST", "/seed")
    _, second = await key_manager.control("POST", "/seed")
    assert first == second
    assert await key_manager.get("symmetric-keys/orders-key/symmetric-key") == before
    await key_manager.get("secrets/mac-locked-secret")
    assert (await key_manager.post("symmetric-keys/demo-aes/encrypt", {"plaintext": "data"}))["keyVersion"] == 1


async def test_reset_deletes_all_state(key_manager: KeyManager) -> None:
    await key_manager.seed({"failures_as_200": True})
    old = await key_manager.get("symmetric-keys/demo-aes/symmetric-key")
    assert await key_manager.control("POST", "/reset", {"seed": False}) == (200, {})
    answer = await key_manager.call("GET", "confirm")
    assert (answer.status, answer.message) == (400, "Invalid Appkey")
    _, description = await key_manager.control("POST", "/reset")
    assert "demo-aes" in ids(description)
    assert await key_manager.get("symmetric-keys/demo-aes/symmetric-key") != old


async def test_state_survives_a_restart(tmp_path: Path) -> None:
    options = HostOptions(state=tmp_path / "state.sqlite")
    seen = []
    for _ in range(2):
        async with EmulatorHost(SecureKeyManagerEmulator, options) as host, aiohttp.ClientSession() as session:
            key_manager = KeyManager(host, session)
            await key_manager.seed({"secrets": [{"id": "kept", "secret": "x"}]})
            seen.append(
                (
                    await key_manager.get("symmetric-keys/orders-key/symmetric-key"),
                    await key_manager.get("asymmetric-keys/demo-rsa/privateKey"),
                    await key_manager.get("secrets/kept"),
                )
            )
    assert seen[0] == seen[1]


async def test_description_contains_no_secrets(key_manager: KeyManager) -> None:
    status, description = await key_manager.control("POST", "/seed")
    assert status == 200
    for secret in ("hello from", "demo-access-secret", "demo-token"):
        assert secret not in str(description)


async def test_objects_can_belong_to_another_app_key(key_manager: KeyManager) -> None:
    data = {
        "app_key": "other",
        "key_stores": [{"name": "demo"}, {"name": "theirs", "app_key": "third"}],
        "secrets": [
            {"id": "demo-secret", "secret": "not the same"},
            {"id": "s", "secret": "x", "app_key": "third", "key_store": "theirs"},
        ],
    }
    await key_manager.seed(data)
    assert await key_manager.get("secrets/demo-secret", app_key="other") == {"secret": "not the same"}
    assert await key_manager.get("secrets/s", app_key="third") == {"secret": "x"}
    assert (await key_manager.get("secrets/demo-secret"))["secret"].startswith("hello")


async def test_seeded_secret_replaces_an_existing_one(key_manager: KeyManager) -> None:
    await key_manager.seed({"secrets": [{"id": "demo-secret", "secret": ""}]})
    assert await key_manager.get("secrets/demo-secret") == {"secret": ""}


async def test_key_can_be_rotated_to_given_material(key_manager: KeyManager) -> None:
    material = "0f" * 32
    await key_manager.seed({"rotate": [{"id": "demo-aes", "material": material}]})
    body = await key_manager.get("symmetric-keys/demo-aes/symmetric-key", version="v1.1")
    assert body == {"symmetricKey": ", ".join(["0x0f"] * 32), "keyVersion": 1}


@pytest.mark.parametrize("form", ["-traditional", ""])
async def test_asymmetric_key_can_have_given_material(key_manager: KeyManager, tmp_path: Path, form: str) -> None:
    pem = openssl("genrsa", *form.split(), "2048")
    key = {"id": "given", "versions": [{"private_key": pem.decode()}]}
    await key_manager.seed({"asymmetric_keys": [key], "rotate": [{"id": "given", "private_key": pem.decode()}]})
    public = await key_manager.get("asymmetric-keys/given/publicKey", params={"keyVersion": "0"})
    expected = openssl("rsa", "-pubout", "-outform", "DER", data=pem)
    assert bytes(int(byte, 16) for byte in public["key"].split(", ")) == expected
    assert (await key_manager.get("asymmetric-keys/given/publicKey"))["keyVersion"] == 1


async def test_new_key_can_be_rotated_in_the_same_seed(key_manager: KeyManager) -> None:
    await key_manager.seed({"symmetric_keys": [{"id": "new"}], "rotate": ["new", "new"]})
    assert (await key_manager.post("symmetric-keys/new/encrypt", {"plaintext": ""}))["keyVersion"] == 2


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"unknown": 1}, "unknown"),
        ({"app_key": ""}, "app_key"),
        ({"failures_as_200": "yes"}, "failures_as_200"),
        ({"app_keys": "x"}, "app_keys"),
        ({"user_access_keys": [{"id": "x"}]}, "user_access_keys[0].secret"),
        ({"bearer_tokens": [{"token": "x", "lifetime_seconds": "1"}]}, "bearer_tokens[0].lifetime_seconds"),
        ({"key_stores": ["x"]}, "key_stores[0]"),
        ({"key_stores": {}}, "key_stores"),
        ({"key_stores": [{"name": "x", "ipv4_addresses": ["::1"]}]}, "key_stores[0].ipv4_addresses"),
        ({"key_stores": [{"name": "x", "mac_addresses": ["5e"]}]}, "key_stores[0].mac_addresses"),
        ({"key_stores": [{"name": "x", "certificates": ["ab"]}]}, "key_stores[0].certificates"),
        ({"key_stores": [{"name": "x", "certificates": ["-----BEGIN x"]}]}, "key_stores[0].certificates"),
        ({"secrets": [{"id": "x"}]}, "secrets[0].secret"),
        ({"secrets": [{"id": "x", "secret": "\ud800"}]}, "secrets[0].secret"),
        ({"secrets": [{"id": "x", "secret": "x", "key_store": "nowhere"}]}, "key_store"),
        ({"secrets": [{"id": "demo-aes", "secret": "x"}]}, "id"),
        ({"symmetric_keys": [{"id": "demo-aes"}]}, "id"),
        ({"symmetric_keys": [{"id": "x", "state": "asleep"}]}, "symmetric_keys[0].state"),
        ({"symmetric_keys": [{"id": "x", "versions": 0}]}, "symmetric_keys[0].versions"),
        ({"symmetric_keys": [{"id": "x", "versions": True}]}, "symmetric_keys[0].versions"),
        ({"symmetric_keys": [{"id": "x", "versions": [{"material": "00"}]}]}, "symmetric_keys[0].versions[0].material"),
        ({"symmetric_keys": [{"id": "x", "versions": [{"private_key": "x"}]}]}, "versions[0].private_key"),
        ({"asymmetric_keys": [{"id": "x", "versions": [{"private_key": "x"}]}]}, "versions[0].private_key"),
        ({"rotate": ["nothing"]}, "rotate"),
        ({"rotate": ["demo-secret"]}, "rotate"),
        ({"rotate": [{"id": "demo-rsa", "material": "00" * 32}]}, "rotate"),
        ({"states": [{"id": "nothing", "state": "active"}]}, "states"),
        ({"states": [{"id": "demo-aes"}]}, "states[0].state"),
        ({"states": [{"id": "demo-aes", "version": 9, "state": "active"}]}, "states"),
        ({"states": [{"id": "demo-aes", "version": "0", "state": "active"}]}, "states[0].version"),
    ],
)
async def test_invalid_seed_is_rejected_as_a_whole(key_manager: KeyManager, data: dict[str, Any], place: str) -> None:
    secret = {"id": "not-added", "secret": "x"}
    whole = {**data, "secrets": [*data.get("secrets", []), secret]}
    status, answer = await key_manager.control("POST", "/seed", whole)
    assert status == 400
    assert place in answer["error"]
    assert await key_manager.refusal("GET", "secrets/not-added") == "Invalid Key ID"


@pytest.mark.parametrize("command", ["genrsa 1024", "ecparam -name prime256v1 -genkey -noout"])
async def test_only_rsa_2048_is_accepted(key_manager: KeyManager, command: str) -> None:
    pem = openssl(*command.split()).decode()
    data = {"asymmetric_keys": [{"id": "x", "versions": [{"private_key": pem}]}]}
    status, answer = await key_manager.control("POST", "/seed", data)
    assert (status, answer["error"]) == (
        400,
        "asymmetric_keys[0].versions[0].private_key: must be an RSA key of 2048 bits",
    )


async def test_history_contains_the_sent_requests(key_manager: KeyManager) -> None:
    await key_manager.post("symmetric-keys/demo-aes/encrypt", {"plaintext": "data"})
    _, history = await key_manager.control("GET", "/history")
    (entry,) = history["requests"]
    assert entry["target"] == "/keymanager/v1.0/appkey/keymanager-demo/symmetric-keys/demo-aes/encrypt"
    assert (entry["method"], entry["status"]) == ("POST", 200)
