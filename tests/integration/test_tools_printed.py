"""What `serve` prints to try next, done as printed."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.support.processes import Process
from tests.support.tools import execute

FOLLOWED_BY = "Try, in another terminal:"
THEN = "Each call leaves its record:"


async def test_the_calls_that_serve_prints_work_as_they_stand(tmp_path: Path) -> None:
    async with Process(tmp_path, "serve", "--listen", "127.0.0.1:0") as process:
        calls = await process.lines_after(FOLLOWED_BY, 3)
        finished = await asyncio.gather(*(execute("sh", "-c", call, folder=tmp_path) for call in calls))
        (tail,) = await process.lines_after(THEN, 1)
        recorded = await execute("sh", "-c", tail, folder=tmp_path)
        ended = await process.stopped()

    assert ended.output.endswith("\n".join([FOLLOWED_BY, *calls, "", THEN, tail]) + "\n")
    assert b"keyway.v1.KeyService/Encrypt" in recorded.output
    certificates, encrypted, checked = (answer.json() for answer in finished)
    assert _parents(certificates) == {"providers/asteria", "providers/nhn-certs"}
    assert encrypted["ciphertext"]
    assert checked["provider"]["state"] == "PROVIDER_STATE_READY"
    assert ended.code == 0


def _parents(listed: dict[str, Any]) -> set[str]:
    assert "unreachable" not in listed, json.dumps(listed)
    return {certificate["name"].partition("/certificates/")[0] for certificate in listed["certificates"]}
