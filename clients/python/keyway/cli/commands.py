"""What every command has: the general options, at the end of the line too, and help that ends in examples."""

import inspect
from collections.abc import Callable
from typing import Any, Final

import click

from keyway.cli.session import Session

_passing: Callable[[Any], Any] = click.make_pass_decorator(Session, ensure=True)


def pass_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """The run's session as a command's first argument."""
    passing: Callable[..., Any] = _passing(function)
    return passing


_CONNECTION: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("--address", {"metavar": "HOST:PORT", "help": "The gateway. Default: 127.0.0.1:50051."}),
    ("--ca", {"metavar": "FILE", "help": "Who vouches for the gateway (PEM). Default: well-known authorities."}),
    ("--certificate", {"metavar": "FILE", "help": "Who you are, by mutual TLS: your certificate (PEM) …"}),
    ("--private-key", {"metavar": "FILE", "help": "… and its private key."}),
    ("--token-file", {"metavar": "FILE", "help": "Who you are, by a bearer token, read at each call."}),
    ("--server-name", {"metavar": "NAME", "help": "In the gateway's certificate, where it isn't the address."}),
    (
        "--tls/--plaintext",
        {"default": None, "help": "Default: TLS, but not on this machine if no option speaks of it."},
    ),
    ("--timeout", {"type": float, "metavar": "SECONDS", "help": "For each call. Default: 30."}),
    ("--context", {"metavar": "NAME", "help": "A connection of the configuration file."}),
    ("--config", {"metavar": "FILE", "help": "The configuration. Default: ~/.config/keyway/config.toml."}),
)
_FORM: Final[tuple[tuple[tuple[str, ...], dict[str, Any]], ...]] = (
    (("--json",), {"is_flag": True, "default": None, "help": "For programs: protobuf JSON, an object a line."}),
    (("--verbose", "-v"), {"is_flag": True, "default": None, "help": "Tell of each call, and more of a failure."}),
)
_GENERAL: Final = "general_"  # a command may have a parameter of the same name


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        ctx.ensure_object(Session).given[str(parameter.name).removeprefix(_GENERAL)] = value


def _token(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if ctx.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("a token is never on the command line: --token-file, or the variable KEYWAY_TOKEN")
    _keep(ctx, parameter, value)


def _general(*, root: bool) -> list[click.Option]:
    """The root shows them all and reads the variables; a command takes them too, and shows those of the output."""
    made = [click.Option(names, expose_value=False, callback=_keep, **attributes) for names, attributes in _FORM]
    for flags, attributes in _CONNECTION:
        name = flags.partition("/")[0].removeprefix("--").replace("-", "_")
        variable = f"KEYWAY_{name.upper()}" if root else None
        names = (flags, f"{_GENERAL}{name}")
        made.append(
            click.Option(names, hidden=not root, envvar=variable, expose_value=False, callback=_keep, **attributes)
        )
    variable = "KEYWAY_TOKEN" if root else None
    made.append(click.Option(["--token"], hidden=True, envvar=variable, expose_value=False, callback=_token))
    return made


class _Helpful(click.Command):
    """examples, notes: what stands under the options, as it is written."""

    def __init__(self, *arguments: Any, examples: str = "", notes: str = "", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._below = (("Examples", inspect.cleandoc(examples)), ("Notes", inspect.cleandoc(notes)))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples and the notes."""
        for title, text in self._below:
            if text:
                with formatter.section(title):
                    for line in text.splitlines():
                        formatter.write(f"{' ' * formatter.current_indent}{line}\n")
        if ctx.parent is not None and not isinstance(self, click.Group):
            formatter.write(f"\nHow to reach the gateway: {ctx.find_root().command_path} --help\n")


class Command(_Helpful):
    """One that does something."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params += _general(root=False)


class Group(_Helpful, click.Group):
    """Several under one name."""

    command_class = Command

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        if self.callback is not None and self.callback.__name__ == "root":
            self.params += _general(root=True)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order in which they are written."""
        return list(self.commands)


def options(*several: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several decorators as one, for commands that share them."""

    def decorate(function: Any) -> Any:
        for each in reversed(several):
            function = each(function)
        return function

    return decorate
