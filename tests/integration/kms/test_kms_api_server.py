"""The plugin with the code of kube-apiserver (k8s.io/apiserver), which tests/kms runs outside of an API server."""

import asyncio
import contextlib
import signal

import pytest

from tests.support.kms_api_server import KmsApiServer, KmsApiServerError
from tests.support.kms_plugin import KmsScene
from tests.support.processes import Process
from tests.support.waiting import eventually

VALUE = b"value-of-the-secret-1d5f9a"
PATH = "/registry/secrets/default/a"
OTHER_PATH = "/registry/secrets/default/b"
READY = "keyway: serving on unix:"


async def test_value_is_stored_without_plaintext_and_read_after_a_restart(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin(), KmsApiServer(scene.socket()) as server:
        await server.poll()
        stored = await server.write(PATH, VALUE)
        assert VALUE not in stored
        await server.restart()
        await server.poll()
        assert (await server.read(PATH, stored)).value == VALUE
        # The second value uses the same key, so nothing else is decrypted.
        decrypts = len(scene.outcomes("Decrypt"))
        assert (await server.read(PATH, await server.write(PATH, VALUE))).value == VALUE
        assert len(scene.outcomes("Decrypt")) == decrypts


async def test_rotation_makes_old_values_stale_and_keeps_them_readable(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin(), KmsApiServer(scene.socket()) as server:
        first = await server.poll()
        stored = await server.write(PATH, VALUE)
        assert not (await server.read(PATH, stored)).stale
        await scene.rotate_key()
        assert await server.poll() != first
        found = await server.read(PATH, stored)
        assert (found.value, found.stale) == (VALUE, True)
        rewritten = await server.write(PATH, found.value)
        await server.restart()
        await server.poll()
        assert [(await server.read(PATH, each)).stale for each in (stored, rewritten)] == [True, False]


async def test_two_api_servers_read_the_values_of_each_other(scene: KmsScene) -> None:
    async with (
        scene.gateway(),
        scene.plugin("one"),
        scene.plugin("two"),
        KmsApiServer(scene.socket("one")) as one,
        KmsApiServer(scene.socket("two")) as two,
    ):
        assert await one.poll() == await two.poll()
        await scene.rotate_key()
        await one.poll()
        stored = await one.write(PATH, VALUE)
        assert (await two.read(PATH, stored)).value == VALUE
        assert await two.poll() == await one.poll()
        assert not (await two.read(PATH, stored)).stale


async def test_reads_continue_while_the_upstream_fails_and_polls_fail(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin(), KmsApiServer(scene.socket()) as server:
        await server.poll()
        stored = await server.write(PATH, VALUE)
        await scene.break_upstream()
        with pytest.raises(KmsApiServerError, match=r"Unavailable|DeadlineExceeded"):
            await server.poll()
        assert (await server.read(PATH, stored)).value == VALUE
        await server.restart()
        with pytest.raises(KmsApiServerError):
            await server.poll()
        await scene.repair_upstream()
        await server.poll()
        assert (await server.read(PATH, stored)).value == VALUE


async def test_writes_stop_after_the_last_successful_poll_and_recover(scene: KmsScene) -> None:
    async with scene.gateway(), scene.plugin(), KmsApiServer(scene.socket(), write_ttl=3) as server:

        async def can_write() -> bool:
            with contextlib.suppress(KmsApiServerError):
                await server.poll()
            with contextlib.suppress(KmsApiServerError):
                await server.write(PATH, VALUE)
                return True
            return False

        async def cannot_write() -> bool:
            return not await can_write()

        await eventually(can_write)
        await scene.break_upstream()
        await eventually(cannot_write, 60)
        await scene.repair_upstream()
        await eventually(can_write, 60)


async def test_swapped_modified_and_foreign_values_are_rejected(scene: KmsScene) -> None:
    async with (
        scene.gateway(),
        scene.plugin(),
        scene.plugin("other", cluster="cluster-2"),
        KmsApiServer(scene.socket()) as server,
        KmsApiServer(scene.socket("other")) as other,
    ):
        await server.poll()
        await other.poll()
        stored, foreign = await server.write(PATH, VALUE), await other.write(PATH, VALUE)
        with pytest.raises(KmsApiServerError):
            await server.read(OTHER_PATH, stored)
        with pytest.raises(KmsApiServerError, match="belongs to another key or cluster"):
            await server.read(PATH, foreign)
        at = stored.index(b"KWE1") + 40
        with pytest.raises(KmsApiServerError, match="was modified"):
            await server.read(PATH, bytes((*stored[:at], stored[at] ^ 1, *stored[at + 1 :])))


async def test_plugin_killed_under_load_is_used_again_after_its_restart(scene: KmsScene) -> None:
    config = scene.write()
    async with scene.gateway(), KmsApiServer(scene.socket()) as server:
        async with Process(scene.folder, "kms-plugin", "--config", config) as process:
            await process.line(READY)
            await server.poll()
            stored = await server.write(PATH, VALUE)
            load = asyncio.create_task(server.latency(1_000_000))
            await eventually(lambda: has_decrypted(scene, 10))
            process.send(signal.SIGKILL)
            with pytest.raises(KmsApiServerError):
                await load
            assert (await server.read(PATH, stored)).value == VALUE
        async with Process(scene.folder, "kms-plugin", "--config", config) as process:
            await process.line(READY)
            await server.restart()
            await server.poll()
            assert (await server.read(PATH, stored)).value == VALUE


async def has_decrypted(scene: KmsScene, count: int) -> bool:
    return len(scene.outcomes("Decrypt")) >= count
