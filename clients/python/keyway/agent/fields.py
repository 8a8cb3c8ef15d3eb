"""Reading of the fields of a configuration file. Errors name the field and what it accepts."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

_UNITS: Final[Mapping[str, float]] = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?) ?([smhd]?)")
_REQUIRED: Final[Any] = object()
_KIND_NAMES: Final[Mapping[type, str]] = {
    str: "text (put numbers and times in quotes)",
    dict: "a mapping",
    list: "a list",
    bool: "true or false",
}
ValueT = TypeVar("ValueT")


class ConfigurationError(ValueError):
    """An invalid field of the configuration file. field: its path, such as `certificates[0].outputs[1].mode`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)


class Fields:
    """The fields of one mapping. Each method takes one field; `close` rejects the fields that nothing has taken.

    where: the path of the mapping, empty at the top level. folder: the folder of relative paths.
    """

    def __init__(self, value: Any, where: str, folder: Path) -> None:
        self._values: dict[str, Any] = _checked(value, dict, where)
        self._known: list[str] = []
        self.where = where
        self.folder = folder

    def path_of(self, name: str) -> str:
        """Return the path of a field, for messages."""
        return f"{self.where}.{name}" if self.where else name

    def error(self, name: str, problem: str) -> ConfigurationError:
        """Return the error of a field."""
        return ConfigurationError(self.path_of(name), problem)

    def has(self, name: str) -> bool:
        """Return whether the file sets a field."""
        return self._values.get(name) is not None

    def value(self, name: str, kind: type[ValueT], default: Any = _REQUIRED) -> ValueT:
        """Take a field of a type; without a default, it is required."""
        self._known.append(name)
        if not self.has(name):
            if default is _REQUIRED:
                raise self.error(name, "missing")
            return default  # type: ignore[no-any-return]
        return _checked(self._values[name], kind, self.path_of(name))

    def text(self, name: str, default: Any = _REQUIRED) -> str:
        """Take a text that is not empty."""
        found = self.value(name, str, default)
        if found == "" and self.has(name):
            raise self.error(name, "must not be empty")
        return found

    def matching(self, name: str, pattern: re.Pattern[str], problem: str, default: Any = _REQUIRED) -> str:
        """Take a text that matches a pattern. problem: the error if it does not."""
        found = self.text(name, default)
        if pattern.fullmatch(found) is None:
            raise self.error(name, problem)
        return found

    def path(self, name: str, default: Any = _REQUIRED) -> Path:
        """Take the path of a file. A relative path starts at the folder of the configuration file."""
        found = self.text(name, default)
        return self.folder / Path(found).expanduser() if isinstance(found, str) else found

    def seconds(self, name: str, default: float, *, least: float = 0, most: float = float("inf")) -> float:
        """Take a duration: a number of seconds, or a number with `s`, `m`, `h`, or `d`."""
        self._known.append(name)
        given = self._values.get(name)
        if given is None:
            return default
        match = None if isinstance(given, bool) else _DURATION.fullmatch(str(given))
        if match is None:
            raise self.error(name, "must be a duration, such as 30s, 5m, 12h, or 3d")
        found = float(match[1]) * _UNITS[match[2]]
        if not least <= found <= most:
            upper = f" and at most {most:g} s" if most < float("inf") else ""
            raise self.error(name, f"must be at least {least:g} s{upper}")
        return found

    def texts(self, name: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        """Take a list of texts that are not empty."""
        found = self.value(name, list, default)
        for number, each in enumerate(found):
            if not isinstance(each, str) or not each or "\0" in each:
                raise ConfigurationError(f"{self.path_of(name)}[{number}]", "must be text that is not empty")
        return tuple(found)

    def mapping(self, name: str) -> "Fields":
        """Take a mapping. A missing one is empty."""
        return Fields(self.value(name, dict, {}), self.path_of(name), self.folder)

    def mappings(self, name: str, *, required: bool = True) -> "Iterator[Fields]":
        """Take a list of mappings. A required one is not empty."""
        found = self.value(name, list, _REQUIRED if required else [])
        if required and not found:
            raise self.error(name, "must not be empty")
        for number, each in enumerate(found):
            yield Fields(each, f"{self.path_of(name)}[{number}]", self.folder)

    def parsed(self, name: str, parse: Callable[["Fields"], ValueT]) -> ValueT | None:
        """Take an optional mapping, and return the result of `parse`; None without the mapping."""
        if not self.has(name):
            self._known.append(name)
            return None
        return parse(self.mapping(name))

    def close(self) -> None:
        """Reject unknown fields."""
        for name in self._values:
            if name not in self._known:
                near = difflib.get_close_matches(str(name), self._known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(self._known)}"
                raise self.error(str(name), f"unknown field; {hint}")


def _checked(value: Any, kind: type[ValueT], where: str) -> ValueT:
    if not isinstance(value, kind):
        raise ConfigurationError(where or "the file", f"must be {_KIND_NAMES.get(kind, kind.__name__)}")
    return value
