"""Parts that the commands share: log flags, subcommands, and messages to standard error."""

import argparse
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

EXIT_CODES: Final = "exit codes: 0 success, 1 failure, 2 wrong usage or configuration"

Run = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]
"""Runs a command with its parsed arguments and returns the exit code."""


def configure_command(parser: argparse.ArgumentParser, run: Run, *, logs: bool = True) -> None:
    """Make `run` the command of this parser, and add the flags that every command has.

    logs: False for a command that logs nothing. It accepts the flags of the log, and does not load the log.
    """
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="minimum log level; overrides the configuration; default info",
    )
    parser.add_argument(
        "--log-format",
        choices=("json", "console"),
        help="log format; overrides the configuration; default json, or console on a terminal without --config",
    )
    parser.set_defaults(command=run, logs=logs)


Subcommands = Callable[[str, Run, str], argparse.ArgumentParser]
"""Adds a subcommand by name, function and purpose, and returns its parser."""


def subcommands(parser: argparse.ArgumentParser) -> Subcommands:
    """Return a function that adds subcommands to this parser."""
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", title="commands", help="use COMMAND --help for details"
    )

    def add(name: str, run: Run, purpose: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=EXIT_CODES
        )
        configure_command(command, run)
        return command

    return add


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the required flag --config."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML configuration file")


def add_state(parser: argparse.ArgumentParser, default: Path) -> None:
    """Add the flags that say where the state of the emulators and the journal of the demo are stored."""
    state = parser.add_mutually_exclusive_group()
    state.add_argument("--state", type=Path, metavar="DIR", help=f"directory of the stored state; default {default}")
    state.add_argument("--ephemeral", action="store_true", help="discard all state at the end")


def state_directory(options: argparse.Namespace, default: Path) -> Path | None:
    """Return the directory that the flags of `add_state` select; None for state in memory."""
    return None if options.ephemeral else options.state or default


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Log settings of a command before any configuration is read."""

    level: str
    format: str

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        """Return the log settings that the flags select. The default format is text on a terminal, else JSON."""
        return cls(options.log_level or "info", options.log_format or ("console" if sys.stderr.isatty() else "json"))


def print_error(*lines: str) -> None:
    """Print lines to standard error, each after the name of the program."""
    for line in lines:
        print(f"keyway: {line}", file=sys.stderr)
