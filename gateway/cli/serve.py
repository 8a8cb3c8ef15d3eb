"""The command `serve`: serves a configuration, or without one a demo over embedded emulators."""

import argparse
from pathlib import Path
from typing import Final

from gateway.cli.command import add_state, configure_command
from gateway.config import grpc_listener
from gateway.config.grpc_listener import DEFAULT_LISTEN

_DEFAULT_STATE: Final = Path(".keyway/serve")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    configure_command(parser, run)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML configuration file; `check-config` checks a file"
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help=(
            f"address to serve on; overrides the configuration; port 0 selects a free port; default {DEFAULT_LISTEN}, "
            "or without --config a free port if that one is in use"
        ),
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help=(
            "number of worker processes; overrides the configuration; default 1; with more than one, SIGHUP reloads "
            "the configuration and replaces the workers one by one"
        ),
    )
    add_state(parser, _DEFAULT_STATE)


async def run(options: argparse.Namespace) -> int:
    """Serve until a stop signal."""
    flags = {"listen": options.listen, "workers": options.workers}
    overrides = {key: value for key, value in flags.items() if value is not None}
    if options.config is not None:
        grpc_listener.choose_for_file(options.config, overrides)
    # Imported here, because it imports gRPC.
    from gateway.cli import serving  # noqa: PLC0415

    await serving.serve(options, overrides, _DEFAULT_STATE)
    return 0
