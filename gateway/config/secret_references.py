"""Secret references: `{env: NAME}` and `{file: PATH}` are replaced by the variable's value or the file's content.

Any value of the configuration except the `type` of a provider can be a reference. Problems name the place and the
reference, never a value.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway.config.problems import Place, Problems

_UNRESOLVED: Final = "unresolved"
"""Replaces an unresolved reference. Not empty, so that required texts are present and the other keys are checked."""


class _UnresolvedError(ValueError):
    """A reference that can't be resolved."""


def resolve(value: object, base: Path, problems: Problems, place: Place = ()) -> object:
    """Return `value` with every reference replaced. Relative paths start at `base`.

    A reference that can't be resolved becomes a placeholder and a problem.
    """
    if isinstance(value, list):
        return [resolve(item, base, problems, (*place, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, reference), *_ = value.items()
        reader = _READERS.get(kind)
        if reader is not None and isinstance(reference, str):
            try:
                return reader(reference, base)
            except _UnresolvedError as error:
                problems.add(place, str(error))
                return _UNRESOLVED
    return {key: resolve(item, base, problems, (*place, key)) for key, item in value.items()}


def _from_environment(name: str, _base: Path) -> str:
    value = os.environ.get(name)
    if value is None:
        raise _UnresolvedError(f"the environment variable {name} is not set")
    return value


def _from_file(name: str, base: Path) -> str | bytes:
    """Return the text of a file, without a byte order mark and the line break at its end.

    A file that is not text, such as PKCS#12, is returned as bytes.
    """
    try:
        path = base / Path(name).expanduser()
        content = path.read_bytes()
    except OSError as error:
        raise _UnresolvedError(f"the file {path} cannot be read: {error.strerror}") from error
    except (ValueError, RuntimeError) as error:  # a NUL in the path, or `~` of an unknown user
        raise _UnresolvedError("invalid file path") from error
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return content


_READERS: Final[Mapping[str, Callable[[str, Path], str | bytes]]] = {"env": _from_environment, "file": _from_file}
