"""Foreign programs as users run them: what they were told, what they printed, how they ended."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUF = Path(sys.prefix, "bin", "buf")
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended."""

    code: int
    output: bytes
    errors: str

    def json(self) -> Any:
        """Its output, where it ended well."""
        assert self.code == 0, self
        return json.loads(self.output)


async def execute(*command: object, folder: Path) -> Finished:
    """Run a program in a folder."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(_SECONDS):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, output, errors.decode())


class BufCurl:
    """`buf curl`, which learns the contract from the gateway's reflection alone."""

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
