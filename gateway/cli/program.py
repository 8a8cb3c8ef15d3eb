"""The program `keyway-gateway`: selects a command, runs it, and turns expected errors into exit codes.

Exit codes: 0 success, 1 failure, 2 wrong usage or configuration. What only some commands need is imported where they
need it, because probes run `health` every few seconds.
"""

import argparse
import importlib
import logging
import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from gateway import __version__
from gateway.cli.command import EXIT_CODES, LogOptions, Run, print_error

_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("serve", "serve the gateway; without --config, with embedded emulators as upstreams"),
    "emulate": ("emulate", "run only the emulators, on fixed ports"),
    "sandbox": ("sandbox", "run emulators and gateways in memory, on free ports, for tests of clients"),
    "check-config": ("check_config", "check a configuration file and print a summary; contact no provider"),
    "config": ("config", "print the JSON Schema or the reference page of the configuration"),
    "policy": ("policy", "check and explain policies"),
    "kms-plugin": ("kms_plugin", "serve Kubernetes' KMS v2 on a Unix socket, with a key of a provider"),
    "health": ("health", "query the health of a running gateway; exit code 0 means SERVING"),
    "audit": ("audit", "verify, read, and ship the audit journal; change no record"),
}
"""Module and purpose of each command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(given).parse_args(given)
    _limit_core_dumps()
    _configure_log(options)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 1
    except Exception as error:
        from gateway.workers.errors import start_error_of  # noqa: PLC0415 - see the module's docstring

        if (fault := start_error_of(error)) is None:
            raise
        print_error(*fault.lines)
        return fault.code


def _run(options: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415 - see the module's docstring

    import uvloop  # noqa: PLC0415

    run: Run = options.command
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(options))


def _configure_log(options: argparse.Namespace) -> None:
    if not options.logs:
        logging.getLogger().addHandler(logging.NullHandler())
        return
    from gateway import logs  # noqa: PLC0415 - see the module's docstring

    logs.configure(LogOptions.of(options))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser that knows every command by name, and the arguments of the selected command only.

    The modules of the other commands are not imported, which keeps `health` fast.
    """
    parser = argparse.ArgumentParser(
        prog="keyway-gateway",
        description="Keyway: one gRPC contract in front of HTTP APIs for certificates and keys.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"keyway-gateway {__version__}")
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", title="commands", help="use COMMAND --help for details"
    )
    for name, (module, purpose) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=EXIT_CODES
        )
        if arguments[:1] == [name]:
            importlib.import_module(f"gateway.cli.{module}").configure(command)
    return parser


def _limit_core_dumps() -> None:
    """Prevent core dumps of this process and its children: their memory holds keys and passwords.

    The limit is one byte, not zero: that also stops the kernel from piping the dump to a program.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if hard == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
