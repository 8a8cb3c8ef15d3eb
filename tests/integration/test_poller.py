"""The poller of certificates: expiry metrics, audit records, policy, and no effect on callers."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway import app
from gateway.server.gateway_server import GatewayServer
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import certificate_service_pb2_grpc, provider_pb2, provider_service_pb2_grpc
from keyway.v1 import provider_service_pb2 as providers
from tests.support.ocsf import ocsf_violations
from tests.support.ports import free_address
from tests.support.processes import Process, write_config
from tests.support.scraping import samples, scrape, value, values
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, Stack
from tests.support.trusted import Trusted, as_text
from tests.support.waiting import eventually
from tests.support.workers import kill, serving, worker_pids

POLLER = {"enabled": True, "interval": 1, "jitter": 0}
FAST_BREAKER = {"minimum_calls": 1, "interval": 600}
KEYSTORE_PASSWORD = "changeit"
EXPIRY = "keyway_certificate_expiry_days"


async def polled(address: str, provider: str) -> set[str]:
    """Return the certificates of a provider on the page."""
    lines = samples(await scrape(address), EXPIRY, f'keyway_provider="{provider}"')
    return {line.split('keyway_certificate="')[1].split('"')[0] for line in lines}


async def test_every_certificate_has_a_metric_until_it_is_removed(stack: Stack) -> None:
    address = free_address()
    settings = stack.settings(
        *(stack.provider(provider, poller=POLLER) for provider in ("nhn-certs", "nhn-keys")),
        stack.provider("asteria", poller={**POLLER, "keystore_passwords": {"server": KEYSTORE_PASSWORD}}),
        telemetry={"prometheus_listen": address},
    )
    async with app.gateway(settings) as server, grpc.aio.insecure_channel(server.address) as channel:

        async def found(provider: str, expected: set[str]) -> None:
            async def holds() -> bool:
                return expected <= await polled(address, provider)

            await eventually(holds)

        service = certificate_service_pb2_grpc.CertificateServiceStub(channel)
        request = certificates.ListCertificatesRequest(
            parent="providers/-", page_size=1000, state=certificates.CERTIFICATE_STATE_FILTER_ALL
        )
        listed = (await service.ListCertificates(request)).certificates
        names = [one.name.split("/", 3) for one in listed if one.HasField("expiration_date")]
        assert len(names) > 5
        await found("nhn-certs", {name[3] for name in names})
        await found("asteria", {"server"})
        page = await scrape(address)
        assert sum(values(page, "keyway_certificate_count")) == len(listed)
        assert 'keyway_provider="nhn-keys"' not in "".join(line for line in page.splitlines() if "poller" in line)
        assert value(page, "keyway_poller_interval_seconds", 'keyway_provider="asteria"') == 1
        assert value(page, "keyway_poller_age_seconds", 'keyway_provider="asteria"') < 60

        await service.DeleteCertificate(
            certificates.DeleteCertificateRequest(
                name="providers/asteria/certificates/server", keystore_password=KEYSTORE_PASSWORD
            )
        )

        async def gone() -> bool:
            return not await polled(address, "asteria")

        await eventually(gone)


async def test_series_are_limited_to_the_certificates_that_expire_soonest(stack: Stack) -> None:
    address = free_address()
    settings = stack.settings(
        stack.provider("nhn-certs", poller=POLLER),
        telemetry={"prometheus_listen": address, "maximum_certificates": 2},
    )

    async def all_are_counted() -> bool:
        return sum(values(await scrape(address), "keyway_certificate_count")) > 5

    async with app.gateway(settings):
        await eventually(all_are_counted)
        found = await polled(address, "nhn-certs")
    assert len(found) == 2
    assert "expiring.example.com" in found
    assert "expired.example.com" not in found


async def test_polls_are_recorded_and_policy_can_forbid_them(stack: Stack, tmp_path: Path) -> None:
    address = free_address()
    trusted = Trusted(
        tmp_path,
        stack,
        telemetry={"prometheus_listen": address},
        limits={"server_concurrency": 1, "caller": {"rate": 0.001, "burst": 1, "concurrency": 1}},
        providers=[stack.provider("nhn-certs", poller=POLLER), stack.provider("asteria", poller=POLLER)],
    )
    policies = tmp_path / "policies.cedar"
    policies.write_text(
        policies.read_text()
        + '@id("no-polls") forbid (principal == Keyway::Caller::"keyway:poller",'
        + ' action == Keyway::Action::"PollCertificates", resource == Keyway::Provider::"providers/asteria");'
    )
    async with trusted.served():

        async def polled_twice() -> bool:
            page = await scrape(address)
            if 'keyway_reason="PERMISSION_DENIED"' not in page or not await polled(address, "nhn-certs"):
                return False
            return len([one for one in trusted.events() if resource_of(one) == "providers/nhn-certs"]) >= 4

        await eventually(polled_twice)
        assert not await polled(address, "asteria")
    events = [event for event in trusted.events() if event["metadata"]["event_code"] == "outcome"]
    assert {event["api"]["operation"] for event in events} == {"keyway.internal.Poller/PollCertificates"}
    assert {event["actor"]["user"]["uid"] for event in events} == {"keyway:poller"}
    decided = {
        (resource_of(event), event["status_code"], event["actor"]["authorizations"][0]["policy"]["uid"])
        for event in events
    }
    assert decided == {
        ("providers/nhn-certs", "OK", "keyway:poller"),
        ("providers/asteria", "PERMISSION_DENIED", "no-polls"),
    }
    assert [violation for event in events for violation in ocsf_violations(event)] == []


def resource_of(event: dict[str, Any]) -> str:
    (resource,) = event["resources"]
    return str(resource["name"])


async def test_keystore_password_is_in_no_record(stack: Stack, tmp_path: Path) -> None:
    provider = stack.provider("asteria", poller={**POLLER, "keystore_passwords": {"server": KEYSTORE_PASSWORD}})
    trusted = Trusted(tmp_path, stack, telemetry={"prometheus_listen": free_address()}, providers=[provider])

    async def recorded() -> bool:
        return any(
            event["api"]["operation"] == "keyway.internal.Poller/PollCertificate" and event["status_id"] == 1
            for event in trusted.events()
        )

    async with trusted.served():
        await eventually(recorded)
    (read, *_) = (event for event in trusted.events() if event["api"]["operation"].endswith("/PollCertificate"))
    assert resource_of(read) == "providers/asteria/certificates/server"
    assert read["actor"]["user"]["uid"] == "keyway:poller"
    assert KEYSTORE_PASSWORD not in as_text(trusted.events())


async def test_failed_polls_do_not_open_the_breaker_and_cost_no_retries(stack: Stack) -> None:
    address = free_address()
    await stack.controls[CERTIFICATE_MANAGER].fail(mode="close", count=1000)
    settings = stack.settings(
        stack.provider("nhn-certs", poller=POLLER, breaker=FAST_BREAKER, retry={"attempts": 3}),
        telemetry={"prometheus_listen": address},
    )
    async with app.gateway(settings):

        async def failed_twice() -> bool:
            labels = 'keyway_provider="nhn-certs",keyway_reason="PROVIDER_CONNECTION_LOST"'
            return sum(values(await scrape(address), "keyway_poller_failures_total", labels)) >= 2

        await eventually(failed_twice)
        page = await scrape(address)
    assert value(page, "keyway_provider_breaker") == 0
    assert value(page, "keyway_provider_retries") == 0
    assert value(page, "keyway_poller_age_seconds") > 1


async def breaker_of(server: GatewayServer, channel: grpc.aio.Channel) -> provider_pb2.CircuitBreakerState.ValueType:
    service = provider_service_pb2_grpc.ProviderServiceStub(channel)
    found = await service.GetProvider(providers.GetProviderRequest(name="providers/asteria"))
    return found.provider.circuit_breaker.state


async def test_successful_poll_closes_an_open_breaker(stack: Stack) -> None:
    await stack.controls[ASTERIA].fail(mode="close", count=1)
    settings = stack.settings(
        stack.provider("asteria", poller=POLLER, breaker={"minimum_calls": 1, "interval": 0.5}),
        telemetry={"prometheus_listen": free_address()},
    )
    async with app.gateway(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        certificate = certificates.CheckCertificateRequest(name="providers/asteria/certificates/server")
        with pytest.raises(grpc.aio.AioRpcError):
            await certificate_service_pb2_grpc.CertificateServiceStub(channel).CheckCertificate(certificate)
        assert await breaker_of(server, channel) == provider_pb2.CIRCUIT_BREAKER_STATE_OPEN

        async def closed() -> bool:
            return await breaker_of(server, channel) == provider_pb2.CIRCUIT_BREAKER_STATE_CLOSED

        await eventually(closed)


async def test_one_worker_polls_and_another_one_takes_over(stack: Stack, tmp_path: Path) -> None:
    address = free_address()
    provider = stack.provider("nhn-certs", poller=POLLER)
    config = write_config(tmp_path / "keyway.yaml", stack, [provider], telemetry={"prometheus_listen": address})
    async with Process(tmp_path, "serve", "--config", config, "--workers", "2") as process:
        await process.address()

        async def pollers() -> set[str]:
            lines = samples(await scrape(address), EXPIRY)
            return {line.split('worker="')[1].split('"')[0] for line in lines}

        async def one_polls() -> bool:
            return len(await pollers()) == 1

        await eventually(one_polls)
        for number, pid in enumerate(worker_pids(process.pid)):  # one of them polls
            kill(pid)
            await serving(process, 3 + number)
            await eventually(one_polls)
        ended = await process.stopped()
    assert ended.code == 0
