"""The plugin with real kube-apiserver and etcd. `make check-external` builds them; `make test` skips these tests."""

import contextlib
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.surfaces.kms.key_versions import key_id
from tests.support.kms_plugin import CLUSTER, KEY, KmsScene
from tests.support.kube_apiserver import Etcd, KubeApiServer, etcd, external_program, kube_apiserver
from tests.support.processes import Process
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(1200), pytest.mark.xdist_group("kube-apiserver")]

VALUE = b"value-of-the-secret-1d5f9a"
PREFIX = b"k8s:enc:kms:v2:keyway:"
POLL_SECONDS = 150.0
WRITE_SECONDS = 300.0
READY = "keyway: serving on unix:"


def stored_at(name: str) -> str:
    return f"/registry/secrets/default/{name}"


class Machines:
    """A gateway and etcd, and API servers with their plugins."""

    def __init__(self, scene: KmsScene, session: aiohttp.ClientSession, url: str) -> None:
        self._scene = scene
        self._session = session
        self._url = url
        self.etcd = Etcd(url, session)

    @contextlib.asynccontextmanager
    async def plugin(self, name: str) -> AsyncIterator[Process]:
        async with Process(
            self._scene.folder, "kms-plugin", "--config", self._scene.write(name, timeout=2.5)
        ) as process:
            await process.line(READY)
            yield process

    @contextlib.asynccontextmanager
    async def api_server(self, name: str) -> AsyncIterator[KubeApiServer]:
        with kube_apiserver(self._scene.folder, name, self._url, self._scene.socket(name)) as url:
            server = KubeApiServer(url, self._session)
            await eventually(server.ready, 120)
            yield server

    async def key_in_etcd(self, server: KubeApiServer, version: int) -> bool:
        """Write a secret, and return whether it is encrypted with a key version."""
        assert await server.write("probe", VALUE) in {200, 201}
        return key_id(CLUSTER, KEY, version).encode() in await self.etcd.get(stored_at("probe"))


@pytest.fixture
async def machines(scene: KmsScene, tmp_path: Path) -> AsyncIterator[Machines]:
    for program in ("etcd", "kube-apiserver"):
        external_program(program)
    async with scene.gateway(), aiohttp.ClientSession() as session:
        with etcd(tmp_path) as url:
            yield Machines(scene, session, url)


async def test_secrets_are_encrypted_and_survive_restarts_and_rotation(machines: Machines, scene: KmsScene) -> None:
    async with machines.plugin("one"):
        async with machines.api_server("one") as server:
            assert "kms-providers ok" in await server.checks()
            assert await server.write("a", VALUE) == 201
            first = await machines.etcd.get(stored_at("a"))
            assert first.startswith(PREFIX)
            assert VALUE not in first
            assert key_id(CLUSTER, KEY, 0).encode() in first
            await scene.rotate_key()
            start = time.monotonic()
            await eventually(lambda: machines.key_in_etcd(server, 1), POLL_SECONDS)
            print(f"rotation visible after {time.monotonic() - start:.0f} s")
            assert await server.read("a") == VALUE
        async with machines.api_server("one") as server:
            assert await server.read("a") == await server.read("probe") == VALUE
            assert await machines.etcd.get(stored_at("a")) == first


async def test_moved_and_modified_values_are_rejected(machines: Machines, scene: KmsScene) -> None:
    async with machines.plugin("one"), machines.api_server("one") as server:
        for name in ("a", "b", "c"):
            assert await server.write(name, f"value of {name}".encode()) == 201
        first, third = await machines.etcd.get(stored_at("a")), await machines.etcd.get(stored_at("c"))
        await machines.etcd.put(stored_at("b"), first)
        at = third.index(b"KWE1") + 40
        await machines.etcd.put(stored_at("c"), bytes((*third[:at], third[at] ^ 1, *third[at + 1 :])))
        assert await server.read("a") == b"value of a"
        for name in ("b", "c"):
            with pytest.raises(AssertionError, match="500"):
                await server.read(name)


async def test_writes_stop_during_an_outage_and_recover_while_reads_continue(
    machines: Machines, scene: KmsScene
) -> None:
    async with machines.plugin("one"), machines.api_server("one") as server:
        assert await server.write("a", VALUE) == 201
        await scene.break_upstream()
        start = time.monotonic()

        async def writes_fail() -> bool:
            assert await server.read("a") == VALUE
            return await server.write("a", VALUE) >= 500

        await eventually(writes_fail, WRITE_SECONDS)
        print(f"writes stopped after {time.monotonic() - start:.0f} s")
        await scene.repair_upstream()
        start = time.monotonic()

        async def writes_succeed() -> bool:
            return await server.write("a", VALUE) == 200

        await eventually(writes_succeed, POLL_SECONDS)
        print(f"writes recovered after {time.monotonic() - start:.0f} s")


async def test_two_api_servers_converge_and_a_killed_plugin_is_replaced(machines: Machines, scene: KmsScene) -> None:
    async with (
        machines.plugin("one") as plugin,
        machines.plugin("two"),
        machines.api_server("one") as one,
        machines.api_server("two") as two,
    ):
        assert await one.write("a", VALUE) == 201
        assert await two.read("a") == VALUE
        plugin.send(signal.SIGKILL)
        await plugin.ended()
        for number in range(50):
            assert await one.write(f"after-{number}", VALUE) == 201
        await scene.rotate_key()
        async with machines.plugin("one"):
            for server in (one, two):
                await eventually(lambda server=server: machines.key_in_etcd(server, 1), POLL_SECONDS)  # type: ignore[misc]
            assert await two.read("after-49") == VALUE
            assert await one.read("a") == VALUE
