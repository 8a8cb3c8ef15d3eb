"""Loading of YAML configuration files: every problem is reported with file, line and column, never with a value."""

from pathlib import Path
from typing import Final, TypeVar

import yaml
from pydantic import ValidationError

from gateway.config.base import ConfigError, Settings
from gateway.config.explanations import add_problem
from gateway.config.locations import Locations, location
from gateway.config.problems import Place, Problems
from gateway.config.secret_references import resolve
from gateway.config.yaml_structure import StructureError, check_structure

SettingsT = TypeVar("SettingsT", bound=Settings)

_SAFE_PROBLEMS: Final = frozenset(
    {
        "mapping values are not allowed here",
        "could not find expected ':'",
        "found character '\\t' that cannot start any token",
        "sequence entries are not allowed here",
    }
)
"""Messages of the YAML parser that quote nothing from the file."""


class Document:
    """A YAML file: its data, and the position of each place. Raises ConfigError if the file is not valid YAML."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._text = ""
        self._locations: Locations | None = None
        self.tree: Final = self._read()

    def _read(self) -> object:
        try:
            self._text = self.path.read_text(encoding="utf-8")
            loader = yaml.SafeLoader(self._text)
            root = loader.get_single_node()
            if root is None:
                return {}
            check_structure(root)
            data = loader.construct_document(root)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path}: not UTF-8 text") from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(_yaml_message(self.path, error)) from None
        return {} if data is None else data

    def position(self, place: Place, at_key: bool) -> str:
        """Return `FILE:LINE:COLUMN` of a place: of its key or of its value."""
        if self._locations is None:
            # Not the nodes that the data was constructed from: the constructor replaces `<<` by the merged keys.
            root = yaml.compose(self._text, yaml.SafeLoader)
            if root is None:
                return str(self.path)
            self._locations = Locations(root)
        found = self._locations.of_key(place) if at_key else self._locations.of_value(place)
        return f"{self.path}:{found.line}:{found.column}"


def load_section(path: Path, name: str, model: type[SettingsT]) -> SettingsT | None:
    """Return one section of a YAML file, or None if the file has no such section.

    The secrets and files of the other sections are not needed. Raises ConfigError.
    """
    document = Document(path)
    if not isinstance(document.tree, dict) or document.tree.get(name) is None:
        return None
    problems = Problems(document.position)
    data = resolve(document.tree[name], path.parent, problems, (name,))
    settings = validate(model, data, (name,), problems, path.parent)
    if problems:
        raise problems.error()
    return settings


def validate(model: type[SettingsT], data: object, place: Place, problems: Problems, base: Path) -> SettingsT | None:
    """Return the validated settings, or None and problems. Relative paths start at `base`."""
    try:
        return model.model_validate(data, context={"base": base})
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False, include_context=False):
            add_problem(problems, place, model, detail)
        return None


def validate_valid_keys(model: type[SettingsT], data: object, base: Path) -> SettingsT | None:
    """Return the settings without the keys that are invalid, or None if the settings need them."""
    try:
        return model.model_validate(data, context={"base": base})
    except ValidationError as error:
        rest = data
        for detail in error.errors(include_url=False, include_input=False, include_context=False):
            rest = _without(rest, detail["loc"])
    try:
        return model.model_validate(rest, context={"base": base})
    except ValidationError:
        return None


def _without(data: object, place: Place) -> object:
    """Return the data without the key at a place. A list with an invalid item is removed completely."""
    if not place or not isinstance(data, dict) or place[0] not in data:
        return data
    key, *inner = place
    rest = {name: value for name, value in data.items() if name != key}
    return {**rest, key: _without(data[key], tuple(inner))} if isinstance(data[key], dict) and inner else rest


def _yaml_message(path: Path, error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    text = "not valid YAML"
    if isinstance(error, StructureError):
        text = str(problem)
    elif problem in _SAFE_PROBLEMS:
        text = f"not valid YAML: {problem}"
    return f"{path}:{':'.join(map(str, location(mark)))}: {text}" if mark else f"{path}: {text}"
