"""Messages for values that fail validation: close key names for unknown keys, and the allowed range of a number."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.config.base import Settings
from gateway.config.problems import Place, Problems

_TEXT: Final = "must be text, {env: NAME} or {file: PATH}"
_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": _TEXT,
    "bytes_type": _TEXT,
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
}
"""Messages by error type of pydantic. Other types keep the message of pydantic or of the validator."""

_NUMBERS: Final = (
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number",
    "float_type", "float_parsing", "int_type", "int_parsing", "int_from_float", "int_parsing_size",
)  # fmt: skip
_BOUNDS: Final = ((Gt, "gt", "greater than"), (Ge, "ge", "at least"), (Lt, "lt", "less than"), (Le, "le", "at most"))


def add_problem(problems: Problems, place: Place, model: type[Settings], error: ErrorDetails) -> None:
    """Add what pydantic reports for the settings at `place`."""
    field, models = _at(model, error["loc"])
    inner = (*place, *error["loc"])
    if error["type"] in ("extra_forbidden", "invalid_key"):
        problems.add_unknown_key(inner, _suggestion(str(inner[-1]), _keys(models)))
    elif error["type"] in _NUMBERS and field is not None:
        problems.add(inner, f"must be {number_text(field)}")
    else:
        plain = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
        problems.add(inner, _MESSAGES.get(error["type"], plain))


def number_text(field: FieldInfo) -> str:
    """Return the kind and the range of a number: `a number greater than 0 and at most 600`."""
    kind = "an integer" if int in _types(field.annotation) else "a number"
    return " ".join((kind, range_text(field))).rstrip()


def range_text(field: FieldInfo) -> str:
    """Return the range of a number: `greater than 0 and at most 600`; an empty text if it has no limits."""
    bounds = (
        f"{words} {getattr(limit, name):g}" if abs(getattr(limit, name)) < 1e5 else f"{words} {getattr(limit, name)}"
        for limit in field.metadata
        for kind, name, words in _BOUNDS
        if isinstance(limit, kind)
    )
    return " and ".join(bounds)


def settings_in(annotation: Any) -> Iterator[type[Settings]]:
    """Yield the settings classes that an annotation mentions: `Retry | None`, `tuple[Retry, ...]`."""
    yield from (kind for kind in _types(annotation) if issubclass(kind, Settings))


def _at(model: type[Settings], location: Place) -> tuple[FieldInfo | None, list[type[Settings]]]:
    """Return the field at a location, and the settings classes that hold the last key of the location."""
    field: FieldInfo | None = None
    holders, inside = [model], [model]
    for part in location:
        holders = inside
        found = [kind.model_fields[part] for kind in holders if isinstance(part, str) and part in kind.model_fields]
        if found:
            field = found[0]
            inside = list(settings_in(field.annotation))
    return field, holders


def _keys(models: list[type[Settings]]) -> list[str]:
    return [name for model in models for name in model.model_fields]


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _types(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)
