"""The configuration file: named connections to gateways.

The file is `~/.config/keyway/config.toml`, below `XDG_CONFIG_HOME` if that is set, or the value of `--config`:

    context = "production"              # the default of --context

    [contexts.production]
    address = "keyway.example.org:443"
    ca = "ca.pem"                       # paths are relative to the file
    certificate = "me.pem"
    private_key = "me.key"
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

PATHS: Final = ("ca", "certificate", "private_key", "token_file")
KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "address": str,
    **dict.fromkeys(PATHS, str),
    "server_name": str,
    "tls": bool,
    "timeout": (int, float),
}


def context(path: str | None, name: str | None) -> tuple[str, dict[str, Any]]:
    """Return the name and the settings of a context, by default the default context; empty without a context."""
    file = file_of(path)
    if not path and not file.exists():
        if name:
            raise click.ClickException(f"unknown context {name!r}: {file} does not exist")
        return "", {}
    tree = load(file)
    chosen = name or tree.get("context")
    return ("", {}) if chosen is None else (chosen, settings(tree, chosen, file))


def file_of(path: str | None) -> Path:
    """Return the configuration file: `path`, or the default file, which may not exist."""
    if path:
        return Path(path)
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "keyway" / "config.toml"


def load(file: Path) -> dict[str, Any]:
    """Return the content of the file. Raises ClickException for unknown keys at the top level."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file}: not a text file in UTF-8") from error
    return parse(text, file)


def parse(text: str, file: Path) -> dict[str, Any]:
    """Return the content of a text. file: its file, for messages."""
    try:
        tree = tomllib.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from error
    if unknown := set(tree) - {"context", "contexts"}:
        raise click.ClickException(f"{file}: unknown keys: {', '.join(sorted(unknown))}")
    return tree


def settings(tree: Mapping[str, Any], chosen: str, file: Path) -> dict[str, Any]:
    """Return the settings of a context, with absolute paths."""
    contexts = tree.get("contexts", {})
    if not isinstance(contexts, dict) or not isinstance(contexts.get(chosen), dict):
        raise click.ClickException(f"{file}: unknown context {chosen!r}")
    found = contexts[chosen]
    for key, value in found.items():
        if key not in KINDS:
            raise click.ClickException(f"{file}: unknown key contexts.{chosen}.{key}; known keys: {', '.join(KINDS)}")
        if not isinstance(value, KINDS[key]):
            raise click.ClickException(f"{file}: invalid type of contexts.{chosen}.{key}")
    if not found.get("timeout", 1) > 0:
        raise click.ClickException(f"{file}: contexts.{chosen}.timeout must be greater than 0")
    folder = file.parent
    return {key: str(folder / Path(value).expanduser()) if key in PATHS else value for key, value in found.items()}
