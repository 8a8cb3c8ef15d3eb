"""The options that `keyway audit` and `keyway-gateway audit` share, as arguments of a parser."""

import argparse
from pathlib import Path
from typing import Any

from keyway.audit.options import Option


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the journal directory, and the option `--json`."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="journal directory (audit.directory)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_index(parser: argparse.ArgumentParser) -> None:
    """Add the option `--index`."""
    parser.add_argument(
        "--index",
        type=Path,
        metavar="FOLDER",
        help="index of the gateway; default DIR/index; if it is not complete, the command builds a temporary index",
    )


def add_options(parser: argparse.ArgumentParser, options: tuple[Option, ...]) -> None:
    """Add the options."""
    for option in options:
        parser.add_argument(*option.flags, dest=option.key, **_attributes(option))


def option_values(options: argparse.Namespace) -> dict[str, Any]:
    """Return the values of the options by key."""
    values = vars(options)
    return {**values, "format": "json" if values["json"] else values["format"]}


def count(text: str) -> int:
    """Return a number of rows. Raises ArgumentTypeError."""
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError("must be a number")


def _attributes(option: Option) -> dict[str, Any]:
    if option.kind == "flag":
        return {"action": "store_true", "help": option.help}
    attributes: dict[str, Any] = {"help": option.help, "default": option.default}
    if option.kind == "several":
        attributes |= {"action": "append", "default": []}
    if option.kind == "number":
        attributes["type"] = count
    if option.choices:
        return attributes | {"choices": option.choices}
    return attributes | {"metavar": option.metavar}
