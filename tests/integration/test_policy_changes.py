"""Policies over the wire: the example policies, changes while the gateway serves, and rate limits of callers."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from structlog.testing import capture_logs

from gateway import app
from gateway.authz import engine
from gateway.config.base import ConfigError
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.stack import Stack
from tests.support.trusted import AUDITOR, OPERATOR, ORDERS, CallerStubs, Trusted
from tests.support.waiting import eventually

ENCRYPT = keys.EncryptRequest(name="providers/nhn-keys/keys/orders-key", plaintext=b"order 42")
PERMITS_OTHERS = '\n@id("others") permit (principal, action == Keyway::Action::"Encrypt", resource);\n'


@pytest.fixture
async def trusted(tmp_path: Path, quiet_stack: Stack) -> Trusted:
    """Return a gateway with the example policies."""
    shutil.copytree("deploy/policies", tmp_path / "policies")
    files = [f"policies/{path.name}" for path in sorted((tmp_path / "policies").glob("*.cedar"))]
    policy = {"policy_files": files, "entities_file": "policies/entities.json"}
    return Trusted(tmp_path, quiet_stack, policy=policy)


@pytest.fixture
async def address(trusted: Trusted) -> AsyncIterator[str]:
    async with trusted.served() as address:
        yield address


async def refusal(call: Any) -> tuple[grpc.StatusCode, dict[str, Any]]:
    """Return the status code of a rejected call, and its details by type."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status is not None
    details: dict[str, Any] = {}
    for detail in status.details:
        message = getattr(error_details_pb2, detail.type_url.rpartition(".")[2])()
        detail.Unpack(message)
        details[type(message).__name__] = message
    return caught.value.code(), details


async def may_encrypt(caller: CallerStubs) -> bool:
    code = await caller.keys.Encrypt(ENCRYPT).code()
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED)
    return bool(code is grpc.StatusCode.OK)


async def test_example_policies_apply_over_the_wire(trusted: Trusted, address: str, quiet_stack: Stack) -> None:
    async with trusted.caller(address, ORDERS) as orders, trusted.caller(address, AUDITOR) as auditor:
        assert (await orders.keys.Encrypt(ENCRYPT)).ciphertext
        assert (await auditor.providers.ListProviders(providers.ListProvidersRequest())).providers
        for control in quiet_stack.controls.values():
            await control.forget_requests()
        code, details = await refusal(auditor.keys.Encrypt(ENCRYPT))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert details["ErrorInfo"].reason == "PERMISSION_DENIED"
        assert details["ResourceInfo"].resource_name == ENCRYPT.name
        assert details["ResourceInfo"].resource_type == "keyway.dev/Key"
        assert "RetryInfo" not in details
        every = certificates.ListCertificatesRequest(parent="providers/-")
        assert (await refusal(orders.certificates.ListCertificates(every)))[0] is grpc.StatusCode.PERMISSION_DENIED
    for control in quiet_stack.controls.values():
        assert await control.requests() == []


async def test_changed_policies_apply_while_the_gateway_serves(
    trusted: Trusted, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CHECK_SECONDS", 0.02)
    file = trusted.folder / "policies" / "orders.cedar"
    before = file.read_text()
    async with trusted.caller(address, OPERATOR) as operator, trusted.caller(address, ORDERS) as orders:
        assert not await may_encrypt(operator)

        async def permitted() -> bool:
            return await may_encrypt(operator)

        async def forbidden() -> bool:
            return not await may_encrypt(operator)

        file.write_text(before + PERMITS_OTHERS)
        await eventually(permitted)
        # One file is valid and the other is not: neither change takes effect until both are valid.
        with capture_logs() as logs:

            async def error_is_logged() -> bool:
                return any("web.cedar:1" in problem for entry in logs for problem in entry.get("error", ()))

            (trusted.folder / "policies" / "web.cedar").write_text("permit (principal")
            file.write_text(before)
            await eventually(error_is_logged)
        assert await may_encrypt(operator)
        (trusted.folder / "policies" / "web.cedar").write_text("// nothing for the web tier\n")
        await eventually(forbidden)
        assert await may_encrypt(orders)


def test_invalid_policy_prevents_startup(trusted: Trusted) -> None:
    (trusted.folder / "policies" / "web.cedar").write_text("\npermit (principal")
    with pytest.raises(ConfigError, match=r"policy\.policy_files\[3\]: web\.cedar:2: the policy does not end with ';'"):
        app.load_config(trusted.write())


async def test_rate_limited_caller_receives_the_retry_delay(trusted: Trusted) -> None:
    trusted.configuration["limits"] = {"callers": {AUDITOR: {"rate": 0.01, "burst": 2, "concurrency": 2}}}
    async with trusted.served() as address, trusted.caller(address, AUDITOR) as auditor:
        for _ in range(2):
            await auditor.providers.ListProviders(providers.ListProvidersRequest())
        code, details = await refusal(auditor.providers.ListProviders(providers.ListProvidersRequest()))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details["ErrorInfo"].reason == "CALLER_RATE_LIMITED"
        assert 90 < details["RetryInfo"].retry_delay.ToSeconds() <= 100
        async with trusted.caller(address, OPERATOR) as operator:
            await operator.providers.ListProviders(providers.ListProvidersRequest())
