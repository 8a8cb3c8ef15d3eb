"""Problems of a configuration: each has a place (the path of its key) and, if it comes from a file, a position."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from gateway.config.base import ConfigError

Place: TypeAlias = tuple[int | str, ...]
"""The path of a key in the configuration, such as `("providers", 0, "timeout")`."""


def place_text(place: Place) -> str:
    """Return the place as people write it: `providers[0].timeout`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


class FileError(ConfigError):
    """Files that the configuration names and that cannot be used.

    problems: texts by the place of the key that names the file, relative to the section. message: the same problems for
    people, one per line.
    """

    def __init__(self, message: str, problems: Mapping[Place, Sequence[str]]) -> None:
        super().__init__(message)
        self.problems = problems


class Problems:
    """Collects problems, the first call per place: a reference that did not resolve is not checked any further.

    position: returns `FILE:LINE:COLUMN` of a place, of its key or of its value; an empty text if it has none.
    """

    def __init__(self, position: Callable[[Place, bool], str] = lambda _place, _key: "") -> None:
        self._position = position
        self._lines: dict[Place, list[str]] = {}

    def add(self, place: Place, text: str) -> None:
        """Add a problem with the value at a place."""
        self._add(place, place_text(place) or "the configuration", [text], at_key=False)

    def add_files(self, section: Place, error: FileError) -> None:
        """Add the problems with the files that a section names, each with the position of the key."""
        for key, texts in error.problems.items():
            place = (*section, *key)
            self._add(place, place_text(place), texts, at_key=True)

    def add_unknown_key(self, place: Place, hint: str) -> None:
        """Add an unknown key. hint: what follows in the message, such as a suggestion."""
        self._add(place, place_text(place[:-1]), [f"unknown key '{place[-1]}'{hint}"], at_key=True)

    def _add(self, place: Place, name: str, texts: Sequence[str], *, at_key: bool) -> None:
        position = self._position(place, at_key)
        lines = [": ".join(part for part in (position, name, text) if part) for text in texts]
        self._lines.setdefault(place, lines)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def error(self) -> ConfigError:
        """Return an error that names all problems, one per line."""
        return ConfigError("\n".join(line for lines in self._lines.values() for line in lines))
