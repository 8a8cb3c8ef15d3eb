"""Programs as users run them: their arguments, their output, and their exit code."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.programs import program

BUF = Path(sys.prefix, "bin", "buf")
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a program."""

    code: int
    output: bytes
    errors: str

    def json(self) -> Any:
        """Return the output as JSON; fail where the exit code is not 0."""
        assert self.code == 0, self
        return json.loads(self.output)


async def execute(*command: object, folder: Path, seconds: float = _SECONDS) -> Finished:
    """Run a program in a folder, at most for `seconds`. The test is skipped where PATH does not have the program."""
    name, *arguments = map(str, command)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program(name), *arguments, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(seconds):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, output, errors.decode())


class BufCurl:
    """`buf curl`, which reads the contract through the reflection of the gateway only."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._folder = folder

    async def run(self, *arguments: str, path: str = "") -> Finished:
        """Run it against the gateway, with these flags."""
        url = f"http://{self._address}{path}"
        return await execute(
            BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments, url, folder=self._folder
        )

    async def call(self, method: str, request: Mapping[str, Any]) -> Finished:
        """Call a method by its full name, such as `keyway.v1.KeyService/Encrypt`."""
        return await self.run("-d", json.dumps(request), path=f"/{method}")
