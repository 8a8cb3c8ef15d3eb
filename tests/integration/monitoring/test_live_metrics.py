"""The rules and dashboards against a gateway with everything on, two workers, load, and failures."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import NamedTuple

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support import monitoring, promql
from tests.support.certificate_manager import certificate
from tests.support.envoy_sds import SdsClient
from tests.support.ports import free_address
from tests.support.processes import Process
from tests.support.prometheus import Prometheus
from tests.support.scraping import scrape
from tests.support.scripted_collector import ScriptedCollector
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.trusted import OPERATOR, UNAUTHORIZED, CallerStubs, Trusted
from tests.support.waiting import eventually
from tests.support.watching import watching
from tests.support.workers import KEY

pytestmark = pytest.mark.xdist_group("monitoring")

PUBLIC_KEY = keys.GetPublicKeyRequest(name="providers/nhn-keys/keys/demo-rsa")
ENCRYPT = keys.EncryptRequest(name=KEY, plaintext=b"x")
POLLER = {"interval": 4}
NOT_IN_THE_FIRST_MINUTE = {"keyway_audit_disk_time_to_full_seconds", "keyway_stream_coalesced_total"}
"""Metrics that need a longer observation than this test, or slow readers."""


class Scene(NamedTuple):
    """A gateway with its metrics at HOST:PORT, and a Prometheus that scrapes it."""

    metrics: str
    prometheus: Prometheus


@pytest.fixture(scope="module")
async def scene(seeded_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Run the gateway, Prometheus, and calls that succeed and fail, until the end of the module."""
    folder = tmp_path_factory.mktemp("monitoring")
    address = free_address()
    sds = free_address().replace("127.0.0.1", "localhost")
    async with contextlib.AsyncExitStack() as exits:
        prometheus = await exits.enter_async_context(Prometheus(folder, address))
        collector = await exits.enter_async_context(ScriptedCollector())
        trusted = Trusted(folder, seeded_stack, workers=2, telemetry={"prometheus_listen": address})
        trusted.configuration["envoy_sds"] = {"listen": sds}
        trusted.configuration["vault_api"] = {"listen": free_address().replace("127.0.0.1", "localhost")}
        trusted.configuration["audit"]["ship"] = {"endpoint": collector.endpoint}
        trusted.configuration["providers"] = [
            seeded_stack.provider(name, cache={"ttl": 60}, poller=POLLER)
            for name in ("nhn-certs", "nhn-keys", "asteria")
        ]
        # Its polls fail, because the upstream rejects its credentials.
        trusted.configuration["providers"].append(
            seeded_stack.provider("nhn-certs", id="revoked", app_key="revoked", poller=POLLER)
        )
        process = await exits.enter_async_context(Process(folder, "serve", "--config", trusted.write()))
        gateway = await process.address()
        load = asyncio.create_task(_load(seeded_stack, trusted, gateway, sds))
        yield Scene(address, prometheus)
        load.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await load
        await process.stopped()


async def _load(stack: Stack, trusted: Trusted, gateway: str, sds: str) -> None:
    """Call the gateway over several connections, so that both workers serve, until canceled."""
    async with contextlib.AsyncExitStack() as exits:
        connections = [trusted.caller(gateway, own_connection=True) for _ in range(4)]
        callers = [await exits.enter_async_context(one) for one in connections]
        denied = await exits.enter_async_context(trusted.caller(gateway, UNAUTHORIZED))
        for caller in callers:
            watcher = await exits.enter_async_context(watching(caller.certificates, certificate("watched")))
            await watcher.synced()
        nodes = await exits.enter_async_context(grpc.aio.secure_channel(sds, trusted.channel_credentials(OPERATOR)))
        await (await exits.enter_async_context(SdsClient(nodes).delta(certificate("secret")))).accepted()
        while True:
            for caller in callers:
                await _succeed(caller)
                async with watching(caller.certificates, certificate("watched")) as watcher:
                    await watcher.synced()
            await stack.controls[KEY_MANAGER].fail(mode="close", count=1)
            for caller in (*callers, denied):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await caller.keys.Encrypt(ENCRYPT)


async def _succeed(caller: CallerStubs) -> None:
    for provider in ("nhn-certs", "asteria"):
        await caller.certificates.ListCertificates(certificates.ListCertificatesRequest(parent=f"providers/{provider}"))
    await caller.keys.GetPublicKey(PUBLIC_KEY)
    await caller.providers.ListProviders(providers.ListProvidersRequest())


async def test_every_metric_and_label_of_rules_and_dashboards_is_scraped(scene: Scene) -> None:
    known: dict[str, set[str]] = {}
    uses = [*monitoring.expressions(), *monitoring.queries()]

    async def unknown() -> list[str]:
        known.update(labels_of(await scrape(scene.metrics)))
        extended = monitoring.with_recorded({**{name: {"worker"} for name in NOT_IN_THE_FIRST_MINUTE}, **known})
        return [f"{name}: {missing}" for name, use in uses for missing in promql.unknown_names(use, extended)]

    async def complete() -> bool:
        return not await unknown()

    with contextlib.suppress(AssertionError):
        await eventually(complete)
    assert await unknown() == []
    assert not NOT_IN_THE_FIRST_MINUTE & known.keys()


def labels_of(page: str) -> dict[str, set[str]]:
    """Return the labels of each metric on a page that have a value."""
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found[sample.name] |= {label for label, value in sample.labels.items() if value}
    return found


async def test_every_dashboard_query_returns_data(scene: Scene) -> None:
    missing = {
        title: query for title, query in monitoring.queries() if not promql.metrics(query) & NOT_IN_THE_FIRST_MINUTE
    }

    async def complete() -> bool:
        for title, query in list(missing.items()):
            if await scene.prometheus.has_data(query):
                del missing[title]
        return not missing

    with contextlib.suppress(AssertionError):
        await eventually(complete)
    assert missing == {}


async def test_prometheus_evaluates_every_rule(scene: Scene) -> None:
    expected = {name for name, _ in monitoring.expressions()}

    async def evaluated() -> bool:
        return all(rule["health"] != "unknown" for rule in await scene.prometheus.rules())

    await eventually(evaluated)
    rules = await scene.prometheus.rules()
    assert {rule["name"] for rule in rules} == expected
    assert [rule.get("lastError") for rule in rules if rule["health"] != "ok"] == []


async def test_alert_becomes_active(scene: Scene) -> None:
    """The gateway's certificate expires within a day, so its alert waits for its duration."""

    async def only_the_expected_one() -> bool:
        # Prometheus starts before the gateway, so the other alert is active at first.
        return await is_active("KeywayServerCertificateExpires") and not await is_active("KeywayGatewayDown")

    async def is_active(alert: str) -> bool:
        return await scene.prometheus.has_data(f'ALERTS{{alertname="{alert}"}}')

    await eventually(only_the_expected_one)
