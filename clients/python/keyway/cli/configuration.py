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

_PATHS: Final = ("ca", "certificate", "private_key", "token_file")
_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "address": str,
    **dict.fromkeys(_PATHS, str),
    "server_name": str,
    "tls": bool,
    "timeout": (int, float),
}


def context(path: str | None, name: str | None) -> dict[str, Any]:
    """Return the settings of the named context, or of the default context of the file; empty without a context."""
    file = Path(path) if path else _default()
    if not path and not file.exists():
        if name:
            raise click.ClickException(f"unknown context {name!r}: {file} does not exist")
        return {}
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from error
    return _chosen(tree, name, file)


def _chosen(tree: Mapping[str, Any], name: str | None, file: Path) -> dict[str, Any]:
    contexts, chosen = tree.get("contexts", {}), name or tree.get("context")
    if unknown := set(tree) - {"context", "contexts"}:
        raise click.ClickException(f"{file}: unknown keys: {', '.join(sorted(unknown))}")
    if chosen is None:
        return {}
    if not isinstance(contexts, dict) or not isinstance(contexts.get(chosen), dict):
        raise click.ClickException(f"{file}: unknown context {chosen!r}")
    found = contexts[chosen]
    for key, value in found.items():
        if key not in _KINDS:
            raise click.ClickException(f"{file}: unknown key contexts.{chosen}.{key}; known keys: {', '.join(_KINDS)}")
        if not isinstance(value, _KINDS[key]):
            raise click.ClickException(f"{file}: invalid type of contexts.{chosen}.{key}")
    if not found.get("timeout", 1) > 0:
        raise click.ClickException(f"{file}: contexts.{chosen}.timeout must be greater than 0")
    folder = file.parent
    return {key: str(folder / Path(value).expanduser()) if key in _PATHS else value for key, value in found.items()}


def _default() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "keyway" / "config.toml"
