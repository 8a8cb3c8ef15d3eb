"""`buf curl`, which knows nothing of Keyway but what reflection tells it."""

import asyncio
import base64
from pathlib import Path

import pytest

from gateway.server.contract import METHODS, SERVICES
from tests.support.stack import Stack
from tests.support.tools import BufCurl

HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
KEY = "providers/nhn-keys/keys/orders-key"
NOT_FOUND = 5 << 3  # buf ends with eight times the number of the status


@pytest.fixture
def buf(quiet_stack: Stack, tmp_path: Path) -> BufCurl:
    return BufCurl(quiet_stack.gateway.address, tmp_path)


async def test_it_lists_every_service(buf: BufCurl) -> None:
    listed = await buf.run("--list-services")

    assert listed.code == 0
    assert listed.output.decode().split() == sorted([*SERVICES, HEALTH, REFLECTION])


async def test_it_lists_every_method_of_the_contract(buf: BufCurl) -> None:
    listed = await buf.run("--list-methods")

    assert listed.code == 0
    own = [method for method in listed.output.decode().split() if method.startswith("keyway.")]
    assert own == sorted(method.full_name for method in METHODS)


async def test_it_calls_a_method_of_each_service(buf: BufCurl) -> None:
    certificates, encrypted, provider = await asyncio.gather(
        buf.call("keyway.v1.CertificateService/ListCertificates", {"parent": "providers/nhn-certs"}),
        buf.call(
            "keyway.v1.KeyService/Encrypt", {"name": KEY, "plaintext": base64.b64encode("안녕".encode()).decode()}
        ),
        buf.call("keyway.v1.ProviderService/CheckProvider", {"name": "providers/asteria"}),
    )

    names = [certificate["name"] for certificate in certificates.json()["certificates"]]
    assert "providers/nhn-certs/certificates/www.example.com" in names
    assert provider.json()["provider"]["state"] == "PROVIDER_STATE_READY"
    decrypted = await buf.call(
        "keyway.v1.KeyService/Decrypt", {"name": KEY, "ciphertext": encrypted.json()["ciphertext"]}
    )
    assert base64.b64decode(decrypted.json()["plaintext"]).decode() == "안녕"


async def test_it_sees_a_failure_with_its_reason(buf: BufCurl) -> None:
    failed = await buf.call("keyway.v1.ProviderService/GetProvider", {"name": "providers/nobody"})

    assert failed.code == NOT_FOUND
    assert '"code": "not_found"' in failed.errors
    assert '"message": "there is no providers/nobody"' in failed.errors
    assert '"type": "google.rpc.ErrorInfo"' in failed.errors


async def test_health_is_serving_for_the_whole_and_for_each_service(buf: BufCurl) -> None:
    answers = await asyncio.gather(
        *(buf.call(f"{HEALTH}/Check", {"service": service}) for service in ("", *SERVICES)),
    )

    assert [answer.json() for answer in answers] == [{"status": "SERVING"}] * (1 + len(SERVICES))


async def test_health_of_no_such_service_is_not_found(buf: BufCurl) -> None:
    failed = await buf.call(f"{HEALTH}/Check", {"service": "keyway.v1.Nothing"})

    assert failed.code == NOT_FOUND
    assert '"code": "not_found"' in failed.errors
