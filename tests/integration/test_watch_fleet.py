"""Many watchers over three gateways while one gateway is replaced: each watcher sees every version once, in order.

KEYWAY_TESTS_WATCHERS sets the number of watchers.
"""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from gateway import app
from gateway.gateway_settings import GatewaySettings
from keyway import aio
from tests.support.certificate_manager import PROVIDER, certificate
from tests.support.certificates import Pki
from tests.support.ports import free_address
from tests.support.stack import Stack
from tests.support.waiting import eventually
from tests.support.watching import POLLER, Renewals

WATCHERS = int(os.environ.get("KEYWAY_TESTS_WATCHERS", "60"))
NAMES = ("fleet-a.example.com", "fleet-b.example.com", "fleet-c.example.com")
ROUNDS = 4
SECONDS = 120.0


class Member:
    """One gateway of the fleet. It can be replaced on the same port."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.address = free_address()
        self._settings = settings.model_copy(update={"listen": self.address})
        self._exits = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Start the gateway."""
        await self._exits.enter_async_context(app.gateway(self._settings))

    async def stop(self) -> None:
        """Drain the gateway."""
        await self._exits.aclose()


async def watch(address: str, name: str, seen: list[str]) -> None:
    """Record the versions of a certificate, in the order of the events."""
    async with (
        aio.connect(address, plaintext=True) as client,
        client.watch_certificates(PROVIDER, names=[certificate(name)]) as events,
    ):
        async for event in events:
            if event.version:
                seen.append(event.version)


async def test_every_watcher_sees_every_version_once_and_in_order(quiet_stack: Stack, tmp_path: Path) -> None:
    renewals = Renewals(quiet_stack, Pki(tmp_path))
    versions = {name: [await renewals.renew(name)] for name in NAMES}
    limits = {"limits": {"server_concurrency": 10_000}}
    settings = quiet_stack.settings(quiet_stack.provider("nhn-certs", poller=POLLER), **limits)
    fleet = [Member(settings) for _ in range(3)]
    async with contextlib.AsyncExitStack() as exits:
        for member in fleet:
            await member.start()
            exits.push_async_callback(member.stop)
        watched: list[tuple[str, str, list[str]]] = [
            (fleet[number % 3].address, NAMES[number % len(NAMES)], []) for number in range(WATCHERS)
        ]
        seen: list[tuple[str, list[str]]] = [(name, found) for _, name, found in watched]
        tasks = [asyncio.create_task(watch(*each)) for each in watched]

        async def everyone_is_current() -> bool:
            assert not any(task.done() for task in tasks)
            return all(found and found[-1] == versions[name][-1] for name, found in seen)

        try:
            await eventually(everyone_is_current, SECONDS)
            for number in range(ROUNDS):
                for name in NAMES:
                    versions[name].append(await renewals.renew(name))
                if number == 1:
                    await fleet[0].stop()
                    await fleet[0].start()
                await eventually(everyone_is_current, SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    for name, found in seen:
        assert found == versions[name]


@pytest.fixture(autouse=True)
def _quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR")
