"""Commands whose standard streams are closed when they start."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

CLOSED = {"input": "<&-", "output": ">&-", "error": "2>&-"}


@contextlib.asynccontextmanager
async def started_without(
    streams: tuple[str, ...], folder: Path, *command: object, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a command without some of input, output, and error; the others are pipes. Kill it at the end."""
    closing = " ".join(CLOSED[stream] for stream in streams)
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        f'exec "$@" {closing}',
        "sh",
        *map(str, command),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
