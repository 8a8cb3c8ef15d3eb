"""Typed access to the fields of a JSON object."""

import json
import re
from typing import Any, Final

import orjson

from gateway.providers.base.errors import FormatError

MAXIMUM_ITEMS: Final = 10_000
"""Maximum length of a JSON list. Each item becomes a message, and no upstream returns a list of this length."""

_SURROGATE = re.compile("[\ud800-\udfff]")

_Json = object
"""Any JSON value. The alias is needed because `object` is a method of the class below."""


def _parse_tolerantly(body: bytes) -> Any:
    """Parse what orjson rejects: a byte-order mark, and lone surrogates in fields that may be unused."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise FormatError("the body is not JSON") from None


def _has_surrogate(text: str) -> bool:
    """Return whether UTF-8 cannot encode the text. `isascii` reads a flag; most texts end here, however long."""
    return not text.isascii() and _SURROGATE.search(text) is not None


class JsonObject:
    """A JSON object. Each getter returns a field of one type.

    A getter raises FormatError with the path of the field if the field is missing or has another type.
    path: the prefix of field paths in messages, such as `body.`.
    """

    def __init__(self, data: dict[str, _Json], path: str = "") -> None:
        self._data = data
        self._path = path

    @classmethod
    def parse(cls, body: bytes) -> "JsonObject":
        """Parse a UTF-8 body. A byte-order mark is accepted."""
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            data = _parse_tolerantly(body)
        if not isinstance(data, dict):
            raise FormatError("the body is not a JSON object")
        return cls(data)

    def __contains__(self, name: str) -> bool:
        return self._data.get(name) is not None

    def names(self) -> list[str]:
        """Return the names of all fields, including fields that are null."""
        return list(self._data)

    def get(self, name: str) -> _Json:
        """Return the plain value of a field; None if it is missing or null."""
        return self._data.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string. A lone surrogate, which UTF-8 cannot encode, is rejected."""
        found = self._data.get(name)
        if type(found) is str and found.isascii():  # most texts end here
            return found
        value = self._value(name, default)
        if not isinstance(value, str) or _has_surrogate(value):
            raise self._wrong(name, "a string")
        return value

    def boolean(self, name: str) -> bool:
        """Return a boolean. The strings `true` and `false` are accepted."""
        found = self._data.get(name)
        if found is True or found is False:
            return found
        value = self._value(name, None)
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        raise self._wrong(name, "a boolean")

    def integer(self, name: str) -> int:
        """Return an integer. A decimal string is accepted."""
        found = self._data.get(name)
        if type(found) is int:
            return found
        value = self._value(name, None)
        if isinstance(value, str) and value.strip().removeprefix("-").isdecimal() and len(value) <= 20:
            return int(value)
        raise self._wrong(name, "an integer")

    def object(self, name: str) -> "JsonObject":
        """Return a nested object."""
        value = self._data.get(name)
        if not isinstance(value, dict):
            self._value(name, None)  # a missing field has its own message
            raise self._wrong(name, "an object")
        return JsonObject(value, f"{self._path}{name}.")

    def objects(self, name: str) -> list["JsonObject"]:
        """Return a list of objects."""
        items = self._list(name)
        if not all(isinstance(item, dict) for item in items):
            raise self._wrong(name, "a list of objects")
        return [
            JsonObject(item, f"{self._path}{name}[{index}].")
            for index, item in enumerate(items)
            if isinstance(item, dict)
        ]

    def rows(self, name: str) -> list["JsonObject"]:
        """Return a list of objects. An item that is not an object becomes an empty object, as an unreadable row."""
        return [
            JsonObject(item if isinstance(item, dict) else {}, f"{self._path}{name}[{index}].")
            for index, item in enumerate(self._list(name))
        ]

    def rows_or_empty(self, name: str) -> list["JsonObject"]:
        """Return a list of objects, none if the field is missing or null. A single object is a list of one."""
        if isinstance(self._data.get(name), dict):
            return [self.object(name)]
        return self.rows(name) if name in self else []

    def object_or_empty(self, name: str) -> "JsonObject":
        """Return a nested object; an empty one if the field is missing, null, or an empty list."""
        return JsonObject({}, f"{self._path}{name}.") if self.get(name) in (None, []) else self.object(name)

    def texts_or_empty(self, name: str) -> list[str]:
        """Return a list of strings, empty if the field is missing, null, or an empty object."""
        return [] if self.get(name) in (None, {}) else self.texts(name)

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        items = self._list(name)
        if not all(isinstance(item, str) and not _has_surrogate(item) for item in items):
            raise self._wrong(name, "a list of strings")
        return [item for item in items if isinstance(item, str)]

    def _list(self, name: str) -> list[_Json]:
        value = self._value(name, None)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        if len(value) > MAXIMUM_ITEMS:
            raise self._wrong(name, f"a list of at most {MAXIMUM_ITEMS} items")
        return value

    def _value(self, name: str, default: _Json | None) -> _Json:
        value = self._data.get(name)
        value = default if value is None else value
        if value is None:
            raise FormatError(f"{self._path}{name} is missing")
        return value

    def _wrong(self, name: str, expected: str) -> FormatError:
        return FormatError(f"{self._path}{name} is not {expected}")
