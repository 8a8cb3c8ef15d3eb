"""The limit of one audit query per caller."""

import asyncio
import sys
from pathlib import Path

import pytest

from gateway.errors import AUDIT_QUERY_UNAVAILABLE, GatewayError
from gateway.server.services.query_slots import QuerySlots


async def test_caller_has_one_query_in_progress_in_all_workers(tmp_path: Path) -> None:
    one, other = QuerySlots(tmp_path, 1), str(tmp_path)
    with one.held("alice"):
        with pytest.raises(GatewayError, match="already has an audit query in progress"), one.held("alice"):
            pass
        with one.held("bob"):
            pass
        assert await held_in_another_process(other, "alice")
        assert not await held_in_another_process(other, "carol")
    assert not await held_in_another_process(other, "alice")


def test_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "queries.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GatewayError) as caught, QuerySlots(tmp_path, 1).held("alice"):
        pass
    assert caught.value.kind is AUDIT_QUERY_UNAVAILABLE
    assert not (tmp_path / "elsewhere").exists()


async def held_in_another_process(folder: str, caller: str) -> bool:
    program = (
        "import sys; from pathlib import Path; from gateway.errors import GatewayError\n"
        "from gateway.server.services.query_slots import QuerySlots\n"
        "try:\n"
        "    with QuerySlots(Path(sys.argv[1]), 1).held(sys.argv[2]): print('free')\n"
        "except GatewayError as error: print(error.message)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, folder, caller, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode() == "the caller already has an audit query in progress\n"
