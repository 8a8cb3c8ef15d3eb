"""Metrics of reloads, and of the gateway's own certificate, on the page for Prometheus."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from gateway import app
from keyway.v1 import provider_service_pb2 as providers
from tests.support.authority import AUDIENCE, ISSUER, TokenIssuer
from tests.support.ports import free_address
from tests.support.scraping import scrape, value
from tests.support.stack import Stack
from tests.support.trusted import OPERATOR, POLICIES, Trusted
from tests.support.waiting import eventually

Read = Callable[[str, str], Awaitable[float]]


@pytest.fixture
def trusted(tmp_path: Path, quiet_stack: Stack) -> Trusted:
    return Trusted(tmp_path, quiet_stack, telemetry={"prometheus_listen": free_address()})


@pytest.fixture
def read(trusted: Trusted) -> Read:
    async def value_now(name: str, source: str) -> float:
        labels = f'keyway_reload_source="{source}"' if source else ""
        return value(await scrape(trusted.configuration["telemetry"]["prometheus_listen"]), name, labels)

    return value_now


async def test_invalid_policy_is_shown_until_it_is_corrected(trusted: Trusted, read: Read) -> None:
    async def failed() -> bool:
        return await read("keyway_reload_failed", "policy") == 1

    async def corrected() -> bool:
        return await read("keyway_reload_failed", "policy") == 0

    async with trusted.served():
        assert await corrected()
        (trusted.folder / "policies.cedar").write_text("permit(")
        await eventually(failed)
        old = await read("keyway_reload_age_seconds", "policy")
        (trusted.folder / "policies.cedar").write_text(POLICIES)
        await eventually(corrected)
        assert (
            await read("keyway_reload_age_seconds", "policy")
            < old
            < await read("keyway_reload_age_seconds", "configuration")
        )
        assert await read("keyway_reload_failed", "configuration") == 0


async def test_own_certificate_and_its_reloads_are_shown(trusted: Trusted, read: Read) -> None:
    async with trusted.served() as address:

        async def connected() -> None:
            async with trusted.caller(address, OPERATOR) as caller:
                await caller.providers.ListProviders(providers.ListProvidersRequest())

        async def failed() -> bool:
            await connected()  # the files are read when a connection arrives
            return await read("keyway_reload_failed", "tls") == 1

        async def renewed() -> bool:
            await connected()
            return await read("keyway_server_certificate_expiry_days", "") > 1

        assert 0 < await read("keyway_server_certificate_expiry_days", "") < 1
        (trusted.folder / "server.pem").write_text("no certificate")
        await eventually(failed)
        trusted.authority.server(expires_in=timedelta(days=19, hours=12)).write(trusted.folder, "server")
        await eventually(renewed)
        assert 19.4 < await read("keyway_server_certificate_expiry_days", "") <= 19.5
        assert await read("keyway_reload_failed", "tls") == 0


async def test_rejected_key_set_is_shown(tmp_path: Path, stack: Stack) -> None:
    trusted = Trusted(tmp_path, stack, telemetry={"prometheus_listen": free_address()})
    trusted.configuration["identity"].pop("mtls")
    keys = tmp_path / "jwks.json"
    issuer = TokenIssuer()
    keys.write_bytes(issuer.jwks())
    trusted.configuration["identity"]["jwt"] = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(keys)}

    async with trusted.served() as address, trusted.caller(address) as caller:

        async def failed() -> bool:
            with contextlib.suppress(grpc.aio.AioRpcError):  # the file is read when a token arrives
                await caller.providers.ListProviders(
                    providers.ListProvidersRequest(), metadata=[("authorization", f"Bearer {issuer.token()}")]
                )
            page = await scrape(trusted.configuration["telemetry"]["prometheus_listen"])
            return value(page, "keyway_reload_failed", 'source="jwks"') == 1

        assert not await failed()
        keys.write_text("no keys")
        await eventually(failed)


async def test_gateway_without_identity_and_policy_has_neither(stack: Stack) -> None:
    address = free_address()
    settings = stack.settings(telemetry={"prometheus_listen": address})
    async with app.gateway(settings):
        page = await scrape(address)
    assert value(page, "keyway_reload_failed", 'keyway_reload_source="configuration"') == 0
    assert 'source="policy"' not in page
    assert "keyway_server_certificate" not in page
