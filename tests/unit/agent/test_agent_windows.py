"""The agent and its maintenance windows."""

import datetime as dt
from pathlib import Path

import pytest

from keyway.agent.schedule import Window
from tests.support.agent_keeper import KeeperScene

EVERY_DAY = frozenset(range(7))


@pytest.fixture
def scene(tmp_path: Path) -> KeeperScene:
    """A keeper whose window opens in 14 hours, for two hours, and which does not wait on the last day of validity."""
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    opens, closes = ((now + dt.timedelta(hours=hours)).time() for hours in (14, 16))
    scene = KeeperScene(tmp_path, windows=(Window(EVERY_DAY, opens, closes),), override_seconds=86_400.0)
    scene.now = now
    return scene


async def test_new_version_waits_for_the_window(scene: KeeperScene) -> None:
    async with scene.running():
        await scene.renew()
        assert scene.condition == "waiting"
        await scene.read(hours=13.5)
        assert scene.condition == "waiting"
        await scene.read(hours=1)
        assert scene.is_installed


async def test_failed_installation_waits_for_the_next_window(scene: KeeperScene) -> None:
    async with scene.running():
        scene.check.is_broken = True
        await scene.renew()
        await scene.read(hours=15)
        assert scene.condition == "failed"
        scene.check.is_broken = False
        await scene.read(hours=3)
        assert scene.condition == "failed"
        await scene.read(hours=21)
        assert scene.is_installed


async def test_version_does_not_wait_for_the_window_near_expiry(scene: KeeperScene) -> None:
    async with scene.running():
        scene.now += dt.timedelta(days=88, hours=23)
        await scene.renew()
        assert scene.condition == "waiting"
        await scene.read(hours=2)
        assert scene.is_installed


async def test_command_does_not_wait_for_the_window(scene: KeeperScene) -> None:
    async with scene.running():
        await scene.renew()
        assert scene.condition == "waiting"
        assert (await scene.keeper.rotate(force=False)).startswith("installed version ")
        assert scene.is_installed
