"""Serving until a stop signal: a configuration, or without one a demo over embedded emulators.

This module imports gRPC. `serve.py` chooses the listener of gRPC before it imports this module.
"""

import argparse
import contextlib
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway import app, logs
from gateway.cli.command import LogOptions, state_directory
from gateway.cli.open_files import raise_limit
from gateway.cli.signals import stop_event
from gateway.config.base import ConfigError
from gateway.config.grpc_listener import DEFAULT_LISTEN
from gateway.gateway_settings import GatewaySettings, LogSettings
from gateway.workers.supervisor import Supervisor

_FREE_PORT: Final = "127.0.0.1:0"


async def serve(options: argparse.Namespace, overrides: Mapping[str, object], default_state: Path) -> None:
    """Serve until a stop signal.

    overrides: top-level values of the configuration that flags replace. default_state: directory of the emulators.
    """
    stop = _Stop()
    if options.config is not None:
        await _serve_config(stop, options, overrides)
    else:
        await _serve_demo(stop, options, state_directory(options, default_state))


class _Stop:
    """The stop event. on_second_signal: callbacks for a second stop signal, which ends the process."""

    def __init__(self) -> None:
        self.on_second_signal = contextlib.ExitStack()
        self.event = stop_event(self.on_second_signal.close)


async def _serve_config(stop: _Stop, options: argparse.Namespace, overrides: Mapping[str, object]) -> None:
    if options.ephemeral or options.state is not None:
        raise ConfigError(
            "--state and --ephemeral cannot be combined with --config: they apply to the embedded emulators only"
        )

    def load() -> GatewaySettings:
        settings = app.load_config(options.config, **overrides)
        logs.configure(_log_settings(options, settings.log))
        return settings

    await _serve_until(stop, load(), load, lambda new: _log_settings(options, new.log), _announce)


async def _serve_demo(stop: _Stop, options: argparse.Namespace, state: Path | None) -> None:
    # Imported here: a gateway over real providers does not need half a second for the emulators.
    from gateway import demo  # noqa: PLC0415
    from gateway.cli import banner  # noqa: PLC0415

    listen = options.listen or (DEFAULT_LISTEN if _is_free(DEFAULT_LISTEN) else _FREE_PORT)
    ports = demo.Ports.FREE if options.listen and options.listen.endswith(":0") else demo.Ports.PREFERRED
    async with demo.demo(listen, state, ports, options.workers or 1) as running:
        chosen = LogOptions.of(options)
        log = LogSettings.model_validate({"level": chosen.level, "format": chosen.format})

        def announce(address: str) -> None:
            _announce(address)
            banner.introduce(address, running)

        await _serve_until(stop, running.settings, lambda: running.settings, lambda _: log, announce)


async def _serve_until(
    stop: _Stop,
    settings: GatewaySettings,
    load: Callable[[], GatewaySettings],
    log: Callable[[GatewaySettings], LogSettings],
    announce: Callable[[str], None],
) -> None:
    """Serve in this process or with several workers. load: reads the settings again, for a reload."""
    raise_limit(-(-settings.maximum_connections // settings.workers))
    if settings.workers == 1:
        async with app.gateway(settings) as server:
            app.freeze_startup_objects()
            announce(server.address)
            await stop.event.wait()
        return
    supervisor = Supervisor(settings, load=load, log=log)
    stop.on_second_signal.callback(supervisor.kill)
    await supervisor.run(stop.event, announce)


def _announce(address: str) -> None:
    """Print the line that says that the gateway accepts calls, for people and for programs that started it."""
    print(f"keyway: serving on {address}", flush=True)


def _log_settings(options: argparse.Namespace, configured: LogSettings) -> LogSettings:
    """Return the configured log settings, with those of the flags instead where given."""
    flags = {"level": options.log_level, "format": options.log_format}
    return configured.model_copy(update={key: value for key, value in flags.items() if value is not None})


def _is_free(address: str) -> bool:
    """Return whether the address can be bound. Without SO_REUSEPORT, so that a gateway on the same port counts."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
        return True
