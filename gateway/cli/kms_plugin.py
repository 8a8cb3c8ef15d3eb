"""The command `kms-plugin`: serves Kubernetes' KMS v2 on a Unix socket, with a key of a provider."""

import argparse

from gateway.cli.command import add_config, configure_command
from gateway.cli.signals import stop_event


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    configure_command(parser, run)
    add_config(parser)


async def run(options: argparse.Namespace) -> int:
    """Serve until a stop signal."""
    # Imported here, because they import gRPC.
    from gateway.surfaces.kms import settings  # noqa: PLC0415
    from gateway.surfaces.kms.plugin import plugin  # noqa: PLC0415

    chosen = settings.load(options.config)
    stop = stop_event()
    async with plugin(chosen) as address:
        print(f"keyway: serving on {address}", flush=True)
        await stop.wait()
    return 0
