"""Opens the browser without the token on a command line, because other users of the machine can read command lines.

The browser opens a file that only this user can read, and the file forwards to the link.
"""

import asyncio
import contextlib
import html
import os
import tempfile
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

_PAGE: Final = (
    '<!doctype html><meta charset="utf-8"><title>Keyway</title><meta http-equiv="refresh" content="0; url={}">'
)


@contextlib.asynccontextmanager
async def opened(link: str, *, browser: bool) -> AsyncIterator[None]:
    """Open the link, if `browser` is true. The end of the block removes the file."""
    if not browser:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="keyway-console-") as folder:
        file = _written(Path(folder) / "open.html", _PAGE.format(html.escape(link)))
        # A browser in the terminal can block until it ends.
        await asyncio.to_thread(webbrowser.open, file.as_uri())
        yield


def _written(file: Path, text: str) -> Path:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    return file
