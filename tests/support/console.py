"""`keyway console` as a process, and a gateway with certificates and calls that its pages show."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from tests.support.trusted import Trusted
from tests.support.waiting import eventually

_LINK: Final = re.compile(r"http://\S+")
_SECONDS: Final = 30.0


@dataclass(frozen=True)
class RunningConsole:
    """The link that the command printed, and its process."""

    link: str
    process: asyncio.subprocess.Process

    @property
    def origin(self) -> str:
        """The scheme, host, and port."""
        parts = urlsplit(self.link)
        return f"{parts.scheme}://{parts.netloc}"

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Yield an HTTP client with the cookie of the session."""
        jar = aiohttp.CookieJar(unsafe=True)  # accepts cookies of IP addresses
        async with aiohttp.ClientSession(self.origin, cookie_jar=jar) as session:
            async with session.get(self.link, allow_redirects=False) as response:
                assert response.status == 303
            yield session


class RecordingBrowser:
    """A program in place of the browser, which records its arguments. command: the value of `BROWSER`."""

    def __init__(self, folder: Path) -> None:
        self._seen = folder / "arguments"
        script = folder / "browser"
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {self._seen}.new\nmv {self._seen}.new {self._seen}\n')
        script.chmod(0o755)
        self.command: Final = f"{script} %s"

    async def arguments(self) -> str:
        """Wait until the program has run; return its arguments."""

        async def has_run() -> bool:
            return self._seen.exists()

        await eventually(has_run)
        return self._seen.read_text().strip()


@contextlib.asynccontextmanager
async def running_console(folder: Path, *options: object, browser: str | None = None) -> AsyncIterator[RunningConsole]:
    """Run the command. options: before and after `console`. browser: the program that it opens; default: none."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
    arguments = [*map(str, options), *(() if browser else ("--no-browser",))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "keyway_cli", "console", *arguments),
        cwd=folder,
        env={**environment, **({"BROWSER": browser} if browser else {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_SECONDS):
            line = (await process.stdout.readline()).decode()
        found = _LINK.search(line)
        assert found is not None, line + (await process.stdout.read()).decode()
        yield RunningConsole(found[0], process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def options_of(trusted: Trusted, address: str, name: str) -> list[str]:
    """Return the options of `keyway` for a caller of the gateway."""
    file = trusted.folder / name.rsplit("/", 1)[-1]
    certificate, key = trusted.authority.issue(uris=[name]).write(file.parent, file.name)
    ca = trusted.folder / "callers-ca.pem"
    return ["--address", address, "--ca", str(ca), "--certificate", str(certificate), "--private-key", str(key)]
