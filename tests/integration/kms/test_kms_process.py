"""`keyway-gateway kms-plugin` as a process: its socket, health, metrics, log, and ends."""

import signal
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.kms_plugin import KmsClient, KmsScene
from tests.support.ports import free_address
from tests.support.processes import Process, run
from tests.support.scraping import scrape, value
from tests.support.secrecy import Secret, leaks

SEED = b"seed-of-the-api-server-5b1e8c02!"
READY = "keyway: serving on unix:"


async def test_plugin_serves_reports_and_ends_without_a_secret_in_its_output(scene: KmsScene) -> None:
    metrics = free_address()
    config = scene.write(metrics_listen=metrics)
    command = ("kms-plugin", "--config", config, "--log-level", "debug")
    async with scene.gateway(), Process(scene.folder, *command) as process:
        address = (await process.line(READY)).partition("serving on ")[2]
        async with KmsClient(address) as client:
            made = await client.encrypt(SEED)
            assert await client.decrypt(made.ciphertext) == SEED
            await client.failure(client.decrypt(bytes(60)))
            assert await client.status() == made.key_id
        page = await scrape(metrics)
        ended = await process.stopped()
    assert ended.code == 0
    assert value(page, "keyway_kms_ready") == 1
    assert value(page, "keyway_kms_key_version") == 0
    assert value(page, "keyway_kms_request_duration_seconds_count", 'code="INVALID_ARGUMENT",method="Decrypt"') == 1
    assert value(page, "keyway_kms_request_duration_seconds_count", 'code="OK",method="Encrypt"') == 1
    logged = {entry["event"]: entry for entry in ended.log()}
    assert logged["encrypted"]["data_key_request_id"]
    assert logged["kms_request_failed"]["code"] == "INVALID_ARGUMENT"
    assert not leaks({Secret("EncryptRequest.plaintext", SEED)}, (ended.errors + ended.output).encode())


async def test_health_is_the_result_of_the_latest_probe(scene: KmsScene) -> None:
    config = scene.write()
    async with scene.gateway(), Process(scene.folder, "kms-plugin", "--config", config) as process:
        address = (await process.line(READY)).partition("serving on ")[2]
        healthy = await run(scene.folder, "health", "--address", address)
        await scene.break_upstream()
        async with KmsClient(address) as client:
            await client.failure(client.status())
            stub: Any = health_pb2_grpc.HealthStub(client.channel)  # its published type has no methods
            response = await stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
        failed = await run(scene.folder, "health", "--address", address)
    assert (healthy.code, healthy.output) == (0, "SERVING\n")
    assert response.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert (failed.code, failed.output) == (1, "NOT_SERVING\n")


async def test_killed_plugin_starts_again_at_the_same_socket(scene: KmsScene) -> None:
    config = scene.write()
    async with scene.gateway():
        async with Process(scene.folder, "kms-plugin", "--config", config) as process:
            address = (await process.line(READY)).partition("serving on ")[2]
            async with KmsClient(address) as client:
                made = await client.encrypt(SEED)
            process.send(signal.SIGKILL)
            await process.ended()
        async with Process(scene.folder, "kms-plugin", "--config", config) as process, KmsClient(address) as client:
            await process.line(READY)
            assert await client.decrypt(made.ciphertext) == SEED


async def test_socket_that_others_can_reach_is_rejected(scene: KmsScene) -> None:
    folder = scene.socket().parent
    folder.mkdir()
    folder.chmod(0o755)
    ended = await run(scene.folder, "kms-plugin", "--config", scene.write())
    assert ended.code == 2
    assert "must be a folder of this user with mode 0700" in ended.errors


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"cluster": ""}, "cluster:"),
        ({"cluster": "with space"}, "cluster:"),
        ({"key": "orders-key"}, "key: must be the full name of a key"),
        ({"timeout": 0}, "timeout:"),
        ({"colour": "blue"}, "unknown key 'colour'"),
        ({"metrics_listen": "localhost"}, "metrics_listen: must be HOST:PORT"),
        ({"socket": f"/run/{'s' * 120}"}, "socket: the path of a Unix socket must have at most 107 bytes"),
    ],
)
async def test_invalid_configuration_is_explained(scene: KmsScene, options: dict[str, Any], problem: str) -> None:
    ended = await run(scene.folder, "kms-plugin", "--config", scene.write(**options))
    assert ended.code == 2
    assert problem in ended.errors
    assert "plugin.yaml:" in ended.errors


async def test_unusable_certificate_is_rejected_at_the_start(scene: KmsScene) -> None:
    (scene.folder / "plugin.key").write_text("not a key")
    ended = await run(scene.folder, "kms-plugin", "--config", scene.write())
    assert ended.code == 2
    assert "gateway.certificate_file:" in ended.errors
