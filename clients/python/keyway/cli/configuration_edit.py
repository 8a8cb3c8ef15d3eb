"""Changes of the configuration file that keep its comments and its order.

The text is changed line by line. The result is parsed and compared with the intended content, so that a file in an
unusual form, such as with inline tables, is rejected instead of damaged.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from keyway.cli import configuration
from keyway.new_files import new_file

_VALUE: Final = r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"']+)"""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def use(file: Path, name: str) -> None:
    """Make a context the default one."""
    tree = configuration.load(file)
    configuration.settings(tree, name, file)
    lines = _lines(file)
    end = _end_of_table(lines, 0)
    if not _replace(lines, range(end), "context", name):
        lines[:0] = [f"context = {_toml(name)}", ""]
    _write(file, lines, {**tree, "context": name})


def change(file: Path, name: str, changes: Mapping[str, Any], removed: Iterable[str]) -> None:
    """Set and remove keys of a context. The file and the context are created if they do not exist."""
    exists = file.exists()
    tree = configuration.load(file) if exists else {}
    lines = _lines(file) if exists else []
    contexts = tree.get("contexts", {})
    keys = {**contexts.get(name, {}), **changes}
    at = _header(lines, name)
    if at is None:
        lines += [*([""] if lines else []), f"[contexts.{_key(name)}]"]
        at = len(lines)
    for key, value in changes.items():
        end = _end_of_table(lines, at)
        if not _replace(lines, range(at, end), key, value):
            lines.insert(_last_key(lines, at, end), f"{key} = {_toml(value)}")
    for key in removed:
        keys.pop(key, None)
        end = _end_of_table(lines, at)
        lines[at:end] = [line for line in lines[at:end] if not _pattern(key).match(line)]
    _write(file, lines, {**tree, "contexts": {**contexts, name: keys}})


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8-sig").splitlines()


def _header(lines: list[str], name: str) -> int | None:
    """Return the index of the line after the header of a context; None if there is no header."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith("["):
            try:
                found = tomllib.loads(line)
            except ValueError:
                continue
            if found == {"contexts": {name: {}}}:
                return number + 1
    return None


def _end_of_table(lines: list[str], start: int) -> int:
    following = (number for number in range(start, len(lines)) if lines[number].lstrip().startswith("["))
    return next(following, len(lines))


def _last_key(lines: list[str], start: int, end: int) -> int:
    """Return the index after the last line with a key, so that comments above the next header stay there."""
    keys = (number for number in range(start, end) if "=" in lines[number].partition("#")[0])
    return max(keys, default=start - 1) + 1


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(rf"(\s*{re.escape(key)}\s*=\s*){_VALUE}(\s*(?:#.*)?)$")


def _replace(lines: list[str], numbers: range, key: str, value: object) -> bool:
    """Replace the value of a key, but not the comment behind it. Return whether the key was found."""
    for number in numbers:
        if (found := _pattern(key).match(lines[number])) is not None:
            lines[number] = f"{found[1]}{_toml(value)}{found[3]}"
            return True
    return False


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: object) -> str:
    """Return a string, number or truth value in TOML, which has the notation of JSON for them."""
    return json.dumps(value, ensure_ascii=False)


def _write(file: Path, lines: list[str], intended: Mapping[str, Any]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    try:
        data, result = text.encode(), tomllib.loads(text)
    except ValueError:
        data, result = b"", {}
    if result != intended:
        raise click.ClickException(f"{file}: the form of this file cannot be changed by keyway; edit the file")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file(file, force=True, private=True) as new:
        new.write(data)
