"""The program in tests/kms, which transforms values with the code of kube-apiserver and a plugin."""

import asyncio
import base64
import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support.programs import unavailable

_PROGRAM: Final = Path(__file__).parents[2] / "build/kms-check"
_SECONDS: Final = 60.0


class KmsApiServerError(Exception):
    """A command failed. The message is the error of kube-apiserver's code."""


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value that was read. stale: whether it was written with an earlier key."""

    value: bytes
    stale: bool


class KmsApiServer:
    """One API server: `async with KmsApiServer(socket) as server: …`.

    timeout: of its requests. write_ttl: how long writes are possible after the latest successful poll. Both in seconds.
    """

    def __init__(self, socket: Path, *, timeout: float = 20, write_ttl: float = 180) -> None:
        self._arguments = ("-endpoint", f"unix://{socket}", "-timeout", f"{timeout}s", "-write-ttl", f"{write_ttl}s")

    async def __aenter__(self) -> Self:
        program = _PROGRAM if _PROGRAM.is_file() else unavailable(f"{_PROGRAM} is missing (`make test` builds it)")
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            program, *self._arguments, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=1 << 24
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        await self._process.wait()

    async def poll(self) -> str:
        """Poll the plugin as kube-apiserver does every minute; return the key ID."""
        return str((await self._run("poll"))["key_id"])

    async def write(self, path: str, value: bytes) -> bytes:
        """Return the stored form of a value."""
        return base64.b64decode((await self._run("write", path, base64.b64encode(value).decode()))["value"])

    async def read(self, path: str, stored: bytes) -> StoredValue:
        """Return the value of a stored form."""
        found = await self._run("read", path, base64.b64encode(stored).decode())
        return StoredValue(base64.b64decode(found["value"]), found.get("stale", False))

    async def restart(self) -> None:
        """Forget all keys, as a restart does."""
        await self._run("restart")

    async def latency(self, count: int) -> tuple[float, float]:
        """Return the 99th percentiles of Encrypt and Decrypt, in milliseconds."""
        found = await self._run("latency", str(count))
        return found["encrypt_p99_ms"], found["decrypt_p99_ms"]

    async def _run(self, *words: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{' '.join(words)}\n".encode())
        async with asyncio.timeout(_SECONDS):
            await self._process.stdin.drain()
            answer = json.loads(await self._process.stdout.readline())
        if "error" in answer:
            raise KmsApiServerError(answer["error"])
        return answer
