"""The commands `keyway context …` for the contexts of the configuration file."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from keyway.cli import configuration, configuration_edit, value_types
from keyway.cli.commands import GENERAL, Group, pass_session
from keyway.cli.listing import ListColumn, Listing
from keyway.cli.session import DEFAULT_ADDRESS, Session

_UNSET: Final = f"Remove a setting: {', '.join(configuration.KINDS)}."


def _credentials(settings: dict[str, Any]) -> str:
    found = {"certificate": "client certificate", "token_file": "token"}
    return ", ".join(text for key, text in found.items() if key in settings)


_LISTING: Final = Listing(
    "context",
    "contexts",
    (
        ListColumn("default", lambda each: "*" if each["default"] else ""),
        ListColumn("name", lambda each: each["name"], title="Context"),
        ListColumn("address", lambda each: each.get("address", DEFAULT_ADDRESS)),
        ListColumn("credentials", _credentials),
    ),
)


@click.group(cls=Group)
def context() -> None:
    """List, select, and change contexts of the connection."""


@context.command("list", examples="keyway context list")
@_LISTING.options
@pass_session
def list_(session: Session, **arguments: Any) -> None:
    """List the contexts."""
    selection = _LISTING.selection(session, arguments)
    file = configuration.file_of(session.given.get("config"))
    tree = configuration.load(file) if file.exists() or session.given.get("config") else {}
    contexts = [
        {"name": name, "default": name == tree.get("context"), **configuration.settings(tree, name, file)}
        for name in tree.get("contexts", {})
    ]
    if contexts or session.json:
        selection.show(session, contexts)
    else:
        session.output.note(f"No contexts in {file}.", "dim")


@context.command(examples="keyway context use production")
@click.argument("name", type=value_types.CONTEXT)
@pass_session
def use(session: Session, name: str) -> None:
    """Make the context NAME the default."""
    file = configuration.file_of(session.given.get("config"))
    configuration_edit.use(file, name)
    session.output.note(f"keyway: the default context is now {name}", "dim")


@context.command(
    "set",
    examples="""
        keyway context set production --address keyway.example.org:443 --ca ca.pem
        keyway context set production --certificate me.pem --private-key me.key
        keyway context set production --unset ca --unset server_name
    """,
    notes="""
        Only options of the connection on the command line are stored; environment
        variables are not. Files are stored with their absolute path. Other contexts
        and comments in the file are kept. The file has mode 0600.
    """,
)
@click.argument("name", type=value_types.CONTEXT)
@click.option("--unset", type=click.Choice(list(configuration.KINDS)), metavar="SETTING", multiple=True, help=_UNSET)
@click.pass_context
def set_(ctx: click.Context, name: str, *, unset: tuple[str, ...]) -> None:
    """Create the context NAME, or change the given settings of it."""
    session = ctx.ensure_object(Session)
    changes = {key: _stored(key, session.given[key]) for key in _on_command_line(ctx)}
    if not changes and not unset:
        raise click.UsageError("pass the settings of the context, such as --address HOST:PORT", ctx)
    if both := set(changes) & set(unset):
        raise click.UsageError(f"{', '.join(sorted(both))}: set or unset", ctx)
    file = configuration.file_of(session.given.get("config"))
    configuration_edit.change(file, name, changes, unset)
    session.output.note(f"keyway: stored the context {name}; to make it the default: keyway context use {name}", "dim")


def _on_command_line(ctx: click.Context) -> Iterator[str]:
    """Yield the settings that are options on the command line, before or after the command."""
    for key in configuration.KINDS:
        each: click.Context | None = ctx
        while each is not None:
            if each.get_parameter_source(f"{GENERAL}{key}") is click.core.ParameterSource.COMMANDLINE:
                yield key
                break
            each = each.parent


def _stored(key: str, value: Any) -> Any:
    if key not in configuration.PATHS:
        return value
    path = Path(value).expanduser().absolute()
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), value)
    return str(path)
