"""The command `sandbox`: emulators and gateways in memory, for tests of clients.

Gateways of three kinds serve the same emulators: without authentication, with mutual TLS, and with bearer tokens.
"""

import argparse
import asyncio
import json
import os
import stat
import sys
import tempfile
from pathlib import Path

from gateway.cli.command import configure_command
from gateway.cli.sandbox.gateways import sandbox
from gateway.cli.signals import stop_event


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    configure_command(parser, run)


async def run(_options: argparse.Namespace) -> int:
    """Run until a stop signal, or until the parent process closes the pipe that is the standard input.

    One line of JSON on standard output says that everything is ready, and where.
    """
    stop = stop_event()
    with tempfile.TemporaryDirectory(prefix="keyway-sandbox-") as folder:
        async with sandbox(Path(folder)) as ready:
            await _stop_with_input(stop)
            print(json.dumps(ready), flush=True)
            await stop.wait()
    return 0


class _Input(asyncio.Protocol):
    """Detects the end of a pipe; ignores its content."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, _error: Exception | None) -> None:
        """Stop: the process at the other end closed it or ended."""
        self._ended.set()


async def _stop_with_input(stop: asyncio.Event) -> None:
    """Set `stop` when standard input ends, if it is a pipe. A terminal and /dev/null do not end the sandbox."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        await asyncio.get_running_loop().connect_read_pipe(lambda: _Input(stop), sys.stdin)
