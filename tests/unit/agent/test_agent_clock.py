"""The agent when the clock of the machine is set back or forward."""

import datetime as dt
from pathlib import Path

from tests.support.agent_keeper import KeeperScene

HOUR = 3600.0


async def test_failed_installation_is_repeated_after_the_clock_was_set_back(tmp_path: Path) -> None:
    scene = KeeperScene(tmp_path)
    async with scene.running():
        scene.check.is_broken = True
        scene.now += dt.timedelta(days=30)
        await scene.renew()
        assert scene.condition == "failed"
        scene.check.is_broken = False
        await scene.read(days=-30)
        assert scene.is_installed


async def test_failed_installation_is_not_repeated_before_its_time(tmp_path: Path) -> None:
    scene = KeeperScene(tmp_path)
    async with scene.running():
        scene.check.is_broken = True
        await scene.renew()
        scene.check.is_broken = False
        await scene.read(seconds=3)
        assert scene.condition == "failed"
        await scene.read(seconds=3)
        assert scene.is_installed


async def test_found_version_is_scheduled_again_after_the_clock_was_set_back(tmp_path: Path) -> None:
    scene = KeeperScene(tmp_path, jitter=HOUR)
    async with scene.running():
        scene.now += dt.timedelta(days=30)
        await scene.renew()
        assert scene.condition == "waiting"
        await scene.read(days=-30)
        assert scene.condition == "waiting"
        await scene.read(seconds=HOUR)
        assert scene.is_installed


async def test_certificate_expires_with_the_clock_and_is_valid_again(tmp_path: Path) -> None:
    scene = KeeperScene(tmp_path)
    async with scene.running():
        await scene.read(days=100)
        assert scene.condition == "expired"
        await scene.read(days=-100)
        assert scene.condition == "installed"


async def test_version_that_is_not_valid_yet_is_installed_when_the_clock_is_correct(tmp_path: Path) -> None:
    scene = KeeperScene(tmp_path)
    async with scene.running():
        scene.now -= dt.timedelta(days=20_000)
        await scene.renew()
        assert scene.state.install is not None
        assert "is not valid before" in scene.state.install.message
        await scene.read(days=20_000)
        assert scene.is_installed


async def test_previous_version_stays_although_the_clock_was_set_back(tmp_path: Path) -> None:
    scene = KeeperScene(tmp_path)
    async with scene.running():
        scene.now += dt.timedelta(days=30)
        await scene.renew()
        scene.now -= dt.timedelta(days=30)
        await scene.renew()
        previous = scene.current
        scene.now += dt.timedelta(days=1)
        await scene.renew()
        assert scene.versions == {previous, scene.current}
