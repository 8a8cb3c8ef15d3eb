"""Secrets and certificates in the form of the key/value engine, and what programs ask before they read them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support.stack import Stack
from tests.support.vault_api import CERTIFICATES, KEYS, READER, SHOP, WEB, VaultScene

WWW = f"{CERTIFICATES}/data/certificates/www.example.com"


@pytest.fixture
async def scene(running_stack: Stack, tmp_path: Path) -> AsyncIterator[VaultScene]:
    await running_stack.reset()
    scene = VaultScene(tmp_path, running_stack)
    async with scene.served():
        yield scene


async def test_certificate_is_returned_with_its_chain_and_its_private_key(scene: VaultScene) -> None:
    async with scene.client(WEB) as web:
        found = (await web.get(WWW)).data
    values = found["data"]
    assert values.keys() == {"certificate", "chain", "private_key"}
    leaf = x509.load_pem_x509_certificate(values["certificate"].encode())
    key = load_pem_private_key(values["private_key"].encode(), None)
    assert leaf.public_key() == key.public_key()
    assert all(text.endswith("\n") for text in values.values() if text)
    assert found["metadata"]["created_time"] == f"{leaf.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
    (event,) = scene.outcomes("DownloadCertificate")
    assert event["actor"]["user"]["uid"] == f"sub:{WEB}"
    assert event["unmapped"]["surface"]["name"] == "vault"
    assert values["private_key"].splitlines()[1] not in str(scene.trusted.events())


async def test_without_permission_for_the_key_nothing_is_returned(scene: VaultScene) -> None:
    """The reader may download the certificate without its key."""
    async with scene.client(READER) as reader:
        reply = await reader.get(WWW)
    assert reply.status == 403
    assert reply.body.keys() == {"errors"}
    assert "CERTIFICATE" not in str(reply.body)


async def test_secret_is_returned_as_a_value(scene: VaultScene) -> None:
    async with scene.client(WEB) as web:
        assert (await web.get(f"{KEYS}/data/demo-secret")).data["data"] == {
            "value": "hello from the secure key manager"
        }
        assert (await web.get(f"{KEYS}/data/demo-secret?version=1")).status == 200
        assert (await web.get(f"{KEYS}/data/demo-secret?version=2")).status == 404
        assert (await web.get(f"{KEYS}/data/missing")).status == 404
        assert (await web.get("missing/data/demo-secret")).status == 404
    async with scene.client(SHOP) as shop:
        assert (await shop.get(f"{KEYS}/data/demo-secret")).status == 403


async def test_mounts_are_the_providers(scene: VaultScene) -> None:
    async with scene.client(READER) as reader:
        listed = await reader.get("sys/mounts")
        assert listed.data.keys() == {"nhn-certs/", "nhn-keys/", "asteria/"}
        assert listed.body["nhn-keys/"] == listed.data["nhn-keys/"]
        assert (await reader.get("sys/internal/ui/mounts")).data["secret"].keys() == listed.data.keys()
        mount = (await reader.get(f"sys/internal/ui/mounts/{WWW}")).data
    assert (mount["type"], mount["options"], mount["path"]) == ("kv", {"version": "2"}, f"{CERTIFICATES}/")
    async with scene.client(WEB) as web:
        assert (await web.get("sys/mounts")).status == 403
        assert (await web.get("sys/internal/ui/mounts/other/data/x")).data["path"] == "other/"


async def test_token_is_described_to_its_holder(scene: VaultScene) -> None:
    token = scene.token(WEB)
    async with scene.client(None) as web:
        web_headers = {"X-Vault-Token": token}
        found = await web.get("auth/token/lookup-self", headers=web_headers)
        assert (await web.put("auth/token/renew-self", headers=web_headers)).status == 400
    assert (found.data["display_name"], found.data["renewable"]) == (f"sub:{WEB}", False)
    assert 0 < found.data["ttl"] <= 630
    assert found.data["id"] == token


async def test_health_needs_no_credential(scene: VaultScene) -> None:
    async with scene.client(None) as anyone:
        health = await anyone.get("sys/health")
        assert (health.status, health.body["initialized"], health.body["sealed"]) == (200, True, False)
        assert (await anyone.request("HEAD", "sys/health")).status == 200
        assert (await anyone.get("sys/seal-status")).body["sealed"] is False
        assert (await anyone.put("sys/health")).status == 405
