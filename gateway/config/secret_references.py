"""References in the configuration: `{env: NAME}` and `{file: PATH}` become what they refer to.

Knows nothing of what the values are for. Problems name a place and a reference, never a value.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

Problems: TypeAlias = dict[str, str]
"""What is wrong, by place. The first problem of a place stands: what a reference did not find is not checked."""


class _UnresolvedError(ValueError):
    """A reference that leads nowhere."""


def place_of(prefix: str, location: tuple[int | str, ...] = ()) -> str:
    """A place in the configuration, as people write it: `providers[0].login.password`."""
    text = prefix
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the configuration"


def resolve(value: object, base: Path, problems: Problems, place: str = "") -> object:
    """`value` with every reference replaced; what can't be is an empty text. Relative paths start at `base`."""
    if isinstance(value, list):
        return [resolve(item, base, problems, f"{place}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, reference), *_ = value.items()
        reader = _READERS.get(kind)
        if reader is not None and isinstance(reference, str):
            try:
                return reader(reference, base)
            except _UnresolvedError as error:
                problems.setdefault(place_of(place), str(error))
                return ""
    return {key: resolve(item, base, problems, f"{place}.{key}") for key, item in value.items()}


def _from_environment(name: str, _base: Path) -> str:
    value = os.environ.get(name)
    if value is None:
        raise _UnresolvedError(f"the environment variable {name} is not set")
    return value


def _from_file(name: str, base: Path) -> str | bytes:
    """The file's text without the line break at its end; its bytes where it is no text, such as PKCS#12."""
    try:
        path = base / Path(name).expanduser()
        content = path.read_bytes()
    except OSError as error:
        raise _UnresolvedError(f"the file {path} can't be read: {error.strerror}") from error
    except (ValueError, RuntimeError) as error:  # a NUL in the path, or `~` of nobody
        raise _UnresolvedError("the file's path makes no sense") from error
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return content


_READERS: Final[Mapping[str, Callable[[str, Path], str | bytes]]] = {"env": _from_environment, "file": _from_file}
