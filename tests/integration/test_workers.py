"""Several workers on one port: effects on callers when a worker dies or is replaced, and the cleanup afterwards."""

import asyncio
import json
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.contract.methods import METHODS
from gateway.journal.format.segments import chain_folders, read_records
from gateway.journal.verify.verification import verify
from keyway.v1 import provider_service_pb2 as providers
from tests.support.monitoring import described_metrics
from tests.support.processes import Process, run, write_config
from tests.support.scraping import scrape, value
from tests.support.scripted_collector import ScriptedCollector
from tests.support.stack import Stack
from tests.support.trusted import OPERATOR, Trusted
from tests.support.workers import (
    OWN_CONNECTION,
    ROOT,
    Load,
    documented_options,
    gone,
    kill,
    serving,
    worker_pids,
    zombies_of,
)

METRICS_WITHOUT_VALUES = {
    "keyway_audit_disk_time_to_full_seconds",
    "keyway_cache_hits",
    "keyway_cache_misses",
    "keyway_cache_size",
    "keyway_calls_failed_total",
    "keyway_certificate_count",
    "keyway_certificate_expiry_days",
    "keyway_poller_age_seconds",
    "keyway_poller_failures_total",
    "keyway_poller_interval_seconds",
    "keyway_sds_answers_total",
    "keyway_sds_caller_secrets",
    "keyway_sds_secrets",
    "keyway_sds_streams",
    "keyway_stream_coalesced_total",
    "keyway_stream_deliveries_total",
    "keyway_stream_lag_seconds",
    "keyway_vault_connections",
    "keyway_vault_connections_refused_total",
}
"""Metrics that a gateway does not have without caches, failures, pollers, streams, nodes of Envoy, the Vault API, and
certificates in responses.
"""


async def test_killed_workers_are_replaced_without_failed_calls(quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, audit={"directory": "audit", "durability": "os"})
    async with Process(tmp_path, "serve", "--config", config, "--workers", "3") as process, asyncio.timeout(60):
        address = await process.address()
        first = worker_pids(process.pid)
        async with (
            Load(address, OWN_CONNECTION, channels=6, callers=2) as plain,
            Load(address, documented_options(), channels=6, callers=2) as documented,
        ):
            for number, pid in enumerate(first):  # not by process id, because ids wrap around
                kill(pid)
                await serving(process, 3 + number + 1)
                await plain.more(100)
                await documented.more(100)
        last = worker_pids(process.pid)
        zombies = zombies_of(process.pid)
        ended = await process.stopped()

    assert len(first) == len(last) == 3
    assert not first & last
    assert documented.failed == {}
    assert plain.failed.keys() == {grpc.StatusCode.UNAVAILABLE}
    assert ended.code == 0
    assert zombies == set()
    assert {line["worker"] for line in ended.log() if line["event"] == "serving"} == {0, 1, 2}
    died = [line for line in ended.log() if line["event"] == "worker_died"]
    assert [line["error"] for line in died] == ["was killed by SIGKILL"] * len(first)
    assert {line["worker"] for line in died} <= {0, 1, 2}
    assert [folder.name for folder in chain_folders(tmp_path / "audit")] == ["worker-0", "worker-1", "worker-2"]
    assert verify(tmp_path / "audit").good


async def test_reload_applies_without_failed_calls_and_rejects_an_invalid_configuration(
    quiet_stack: Stack, tmp_path: Path
) -> None:
    trusted = Trusted(
        tmp_path, quiet_stack, workers=2, health_listen="127.0.0.1:0", telemetry={"prometheus_listen": "127.0.0.1:0"}
    )
    config = trusted.write()
    async with (
        ScriptedCollector() as collector,
        Process(tmp_path, "serve", "--config", config) as process,
        asyncio.timeout(60),
    ):
        address = await process.address()
        health = str((await process.logged("serving_health"))["address"])
        metrics = str((await process.logged("serving_metrics"))["address"])
        before = worker_pids(process.pid)

        async def provider_count() -> int:
            async with trusted.caller(address) as caller:
                return len((await caller.providers.ListProviders(providers.ListProvidersRequest())).providers)

        assert await provider_count() == 3
        config.write_text("providers: no list")
        process.send(signal.SIGHUP)
        refused = await process.logged("reload_rejected")
        assert str(refused["error"]).endswith("keyway.yaml:1:12: providers: must be a list")
        assert worker_pids(process.pid) == before
        rejected = await scrape(metrics)
        assert value(rejected, "keyway_reload_failed", 'source="configuration"') == 1
        assert (
            len(re.findall(r'^keyway_reload_failed{.*source="(?:policy|tls)",worker="[0-2]"} 0', rejected, re.M)) == 4
        )

        trusted.configuration["providers"].pop()
        trusted.configuration["audit"]["ship"] = {"endpoint": collector.endpoint}
        trusted.write()
        async with Load(
            address,
            [*documented_options(), ("grpc.enable_retries", 0)],  # as a method is called that changes something
            channels=4,
            callers=4,
            credentials=trusted.channel_credentials(OPERATOR),
        ) as load:
            process.send(signal.SIGHUP)
            await process.logged("reloaded")
            await load.more(100)
        assert load.failed == {}
        assert not worker_pids(process.pid) & before
        assert await provider_count() == 2
        assert await health_of(health) == "SERVING"
        exposed = await scrape(metrics)
        assert value(exposed, "keyway_reload_failed", 'source="configuration"') == 0
        before_reload, after_reload = (
            value(page, "keyway_reload_age_seconds", 'source="configuration"') for page in (rejected, exposed)
        )
        assert 0 <= after_reload < before_reload
        assert "keyway_workers_available 2.0" in exposed
        described = described_metrics()
        families = set(re.findall(r"^# TYPE (\w+) ", exposed, re.MULTILINE))
        assert families - described == set()
        assert described - families == METRICS_WITHOUT_VALUES
        for name in ("process_memory_usage_bytes", "keyway_event_loop_lag_seconds", "keyway_build_info"):
            assert len(re.findall(rf'^{name}{{.*worker="[0-2]"}} ', exposed, re.MULTILINE)) == 2, name
        assert counted_calls(exposed).keys() <= {"0", "1", "2"}
        assert sum(counted_calls(exposed).values()) > 100
        second_config = write_config(tmp_path / "second.yaml", quiet_stack, listen=address)
        other = await run(tmp_path, "serve", "--config", second_config)
        assert (other.code, other.output) == (1, "")
        assert "already in use" in other.errors
        ended = await process.stopped()

    assert ended.code == 0
    assert [folder.name for folder in chain_folders(trusted.audit)] == ["worker-0", "worker-1", "worker-2"]
    assert verify(trusted.audit).good
    records = [stored.record for folder in chain_folders(trusted.audit) for stored in read_records(folder)]
    assert collector.by_chain == {(record.chain, record.sequence) for record in records}


async def health_of(address: str) -> str:
    """Return the response to a health probe."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its published type has no methods
        answer = await stub.Check(health_pb2.HealthCheckRequest())
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def counted_calls(exposed: str) -> Counter[str]:
    """Calls of Encrypt, by worker."""
    counted = Counter[str]()
    for line in exposed.splitlines():
        if line.startswith("rpc_server_call_duration_seconds_count") and "Encrypt" in line:
            labels, _, value = line.rpartition(" ")
            counted[re.findall(r'worker="(\d+)"', labels)[0]] += round(float(value))
    return counted


async def test_workers_end_when_the_supervisor_is_killed(quiet_stack: Stack, tmp_path: Path) -> None:
    options: dict[str, Any] = {"audit": {"directory": "audit"}, "drain_delay": 600, "health_listen": "127.0.0.1:0"}
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, **options)
    async with Process(tmp_path, "serve", "--config", config, "--workers", "2") as process:
        address = await process.address()
        for command in process.command_lines:
            assert b"keyway-demo" not in command
        workers = worker_pids(process.pid)
        assert len(workers) == 2
        process.send(signal.SIGKILL)
        await gone(*workers)
    async with Process(tmp_path, "serve", "--config", config, "--listen", address, "--workers", "2") as process:
        assert await process.address() == address
        health = str((await process.logged("serving_health"))["address"])
        assert await health_of(health) == "SERVING"
        process.send(signal.SIGTERM)
        await process.logged("draining")
        assert await health_of(health) == "NOT_SERVING"
        workers = worker_pids(process.pid)
        ended = await process.stopped()

    assert ended.code == 128 + signal.SIGTERM
    await gone(*workers)


async def test_failed_start_exits_with_its_message(quiet_stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit/signing-key.pem").write_text("no key")
    audit = {"directory": "audit"}
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, audit=audit, workers=2, drain_delay=600)
    ended = await run(tmp_path, "serve", "--config", config)

    assert (ended.code, ended.output) == (2, "")
    messages = [line for line in ended.errors.splitlines() if not line.startswith("{")]
    assert messages == [f"keyway: {tmp_path}/audit/signing-key.pem: not a private key in PKCS#8 PEM without a password"]


def test_documented_client_settings_retry_only_calls_without_side_effects() -> None:
    settings = json.loads((ROOT / "clients/service-config.json").read_text())
    repeated, others = settings["methodConfig"]

    assert {(name["service"], name["method"]) for name in repeated["name"]} == {
        (method.service, method.name) for method in METHODS if not method.state_changing
    }
    assert "retryPolicy" not in others
