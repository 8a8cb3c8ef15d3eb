"""`keyway-gateway audit ship`: a journal is shipped without its gateway."""

import signal
from pathlib import Path

import yaml

from tests.support import processes
from tests.support.chains import ChainWriter
from tests.support.journals import stored_cursor
from tests.support.scripted_collector import ScriptedCollector
from tests.support.waiting import eventually


async def test_command_ships_until_stopped_and_needs_only_its_section(tmp_path: Path) -> None:
    writer = ChainWriter(tmp_path / "audit/worker-0")
    writer.append(3)

    async def shipped() -> bool:
        cursor = stored_cursor(writer.folder)
        return cursor is not None and cursor.sequence == 3

    async with ScriptedCollector() as collector:
        ship = {"endpoint": collector.endpoint, "rewind": 0.1}
        config = tmp_path / "keyway.yaml"
        config.write_text(
            yaml.safe_dump(
                {"providers": [{"app_key": {"env": "NOT_SET"}}], "audit": {"directory": "audit", "ship": ship}}
            )
        )
        async with processes.Process(tmp_path, "audit", "ship", "--config", config) as process:
            await eventually(shipped)
            ended = await process.stopped(signal.SIGTERM)
    assert ended.code == 0
    assert {entry["event"] for entry in ended.log()} == {"audit_shipping_started", "audit_shipping_in_plaintext"}


async def test_configuration_without_ship_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "keyway.yaml").write_text("audit: {directory: audit}\n")
    ended = await processes.run(tmp_path, "audit", "ship", "--config", "keyway.yaml")
    assert (ended.code, ended.errors) == (2, "keyway: keyway.yaml: audit.ship: is required by this command\n")
