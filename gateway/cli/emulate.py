"""The command `emulate`: runs the emulators alone, on their fixed ports."""

import argparse
from pathlib import Path
from typing import Final

from gateway import demo
from gateway.cli.command import add_state, configure_command, state_directory
from gateway.cli.signals import stop_event

_DEFAULT_STATE: Final = Path(".keyway/emulate")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    configure_command(parser, run)
    add_state(parser, _DEFAULT_STATE)


async def run(options: argparse.Namespace) -> int:
    """Run until a stop signal."""
    stop = stop_event()
    async with demo.emulators(state_directory(options, _DEFAULT_STATE), demo.Ports.FIXED) as running:
        for kind, host in running.items():
            print(f"{kind}: {host.url} (control: {host.control_url})", flush=True)
        await stop.wait()
    return 0
