"""Base classes of all commands: general options, and help pages with examples."""

import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, Final

import click

from keyway.cli import value_types
from keyway.cli.interrupts import loading
from keyway.cli.session import Session

_passing: Callable[[Any], Any] = click.make_pass_decorator(Session, ensure=True)


def pass_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command so that it receives the session as first argument."""
    passing: Callable[..., Any] = _passing(function)
    return passing


_CONNECTION: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("--address", {"metavar": "HOST:PORT", "help": "The gateway. Default: 127.0.0.1:50051."}),
    ("--ca", {"metavar": "FILE", "help": "CA bundle used to verify the gateway (PEM). Default: public CAs."}),
    ("--certificate", {"metavar": "FILE", "help": "Client certificate for mutual TLS (PEM)."}),
    ("--private-key", {"metavar": "FILE", "help": "Private key of the client certificate (PEM)."}),
    ("--token-file", {"metavar": "FILE", "help": "File with a bearer token; it is read again for each call."}),
    ("--server-name", {"metavar": "NAME", "help": "Expected name in the gateway's certificate. Default: the address."}),
    (
        "--tls/--plaintext",
        {"default": None, "help": "Default: TLS; for loopback addresses without TLS options, plaintext."},
    ),
    (
        "--timeout",
        {
            "type": click.FloatRange(min=0, min_open=True),
            "metavar": "SECONDS",
            "help": "Deadline of each call. Default: 30.",
        },
    ),
    ("--context", {"type": value_types.CONTEXT, "metavar": "NAME", "help": "Context in the configuration file."}),
    ("--config", {"metavar": "FILE", "help": "Configuration file. Default: ~/.config/keyway/config.toml."}),
)
_FORM: Final[tuple[tuple[tuple[str, ...], dict[str, Any]], ...]] = (
    (("--json",), {"is_flag": True, "default": None, "help": "Print protobuf JSON, one object per line."}),
    (("--verbose", "-v"), {"is_flag": True, "default": None, "help": "Print each call, and more details of errors."}),
)
GENERAL: Final = "general_"  # avoids a clash with a parameter of a command


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        ctx.ensure_object(Session).given[str(parameter.name).removeprefix(GENERAL)] = value


def _token(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if ctx.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "the command line is visible to other users: use --token-file, or the variable KEYWAY_TOKEN"
        )
    _keep(ctx, parameter, value)


def _general(*, root: bool) -> list[click.Option]:
    """Return the general options. The root reads the variables; commands hide the connection options in their help."""
    made = [click.Option(names, expose_value=False, callback=_keep, **attributes) for names, attributes in _FORM]
    for flags, attributes in _CONNECTION:
        name = flags.partition("/")[0].removeprefix("--").replace("-", "_")
        variable = f"KEYWAY_{name.upper()}" if root else None
        names = (flags, f"{GENERAL}{name}")
        made.append(
            click.Option(names, hidden=not root, envvar=variable, expose_value=False, callback=_keep, **attributes)
        )
    variable = "KEYWAY_TOKEN" if root else None
    made.append(click.Option(["--token"], hidden=True, envvar=variable, expose_value=False, callback=_token))
    return made


class _Helpful(click.Command):
    """A command with examples and notes below the options, printed verbatim."""

    def __init__(self, *arguments: Any, examples: str = "", notes: str = "", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.below = (("Examples", inspect.cleandoc(examples)), ("Notes", inspect.cleandoc(notes)))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the notes."""
        for title, text in sections(self):
            with formatter.section(title):
                for line in text.splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")
        if ctx.parent is not None and not isinstance(self, click.Group):
            formatter.write(f"\nOptions for the connection: {ctx.find_root().command_path} --help\n")


def sections(command: click.Command) -> list[tuple[str, str]]:
    """Return the sections below the options of a command, examples and notes, as titles and texts."""
    return [(title, text) for title, text in command.below if text] if isinstance(command, _Helpful) else []


class Command(_Helpful):
    """A command without subcommands."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params += _general(root=False)


class LazyCommands(MutableMapping[str, click.Command]):
    """Subcommands whose modules are loaded on first use. places: `module:attribute` by the name of the command."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._found: dict[str, str | click.Command] = dict(places)

    def __getitem__(self, name: str) -> click.Command:
        found = self._found[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            with loading():
                found = self._found[name] = getattr(import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Group(_Helpful, click.Group):
    """A command with subcommands."""

    command_class = Command

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        if self.callback is not None and self.callback.__name__ == "root":
            self.params += _general(root=True)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the subcommands in the order of their definition."""
        return list(self.commands)


def options(*several: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Combine decorators into one."""

    def decorate(function: Any) -> Any:
        for each in reversed(several):
            function = each(function)
        return function

    return decorate
