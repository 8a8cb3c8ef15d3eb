"""Checks of single field values and of messages, made from the descriptors of the contract.

A check takes a value and returns what is wrong with it, or None. This module decides nothing about the response to an
invalid request, and does not check the limits of a single upstream.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.contract.descriptors import field_facts, is_required
from gateway.contract.resource_names import (
    MAXIMUM_NAME_CHARACTERS,
    RESOURCES,
    SEGMENT,
    WILDCARD,
    Pattern,
    child_type,
    is_segment,
    referenced_type,
)
from keyway.v1.key_service_pb2 import ENCODING_UNSPECIFIED, ENCODING_UTF8
from keyway.v1.options_pb2 import FIELD_FORMAT_FILENAME, FIELD_FORMAT_NAME_SEGMENT, FieldFacts

_MAXIMUM_INT32: Final = 2**31 - 1
_WITH_WILDCARD: Final = {"providers": "provider", "auditLogs": "audit log"}
"""The collections whose ID can be `-` in some requests, with the name of their resources for messages."""

Check = Callable[[Any], str | None]
"""Takes the value of a field. Returns what is wrong with it, or None."""

MessageCheck = Callable[[Any], Iterator[tuple[str, str]]]
"""Takes a message. Yields the path of each wrong field with what is wrong with it."""


def checks_for(field: FieldDescriptor) -> Iterator[Check]:
    """Yield the checks of a field, in order. A later check can rely on the earlier ones."""
    facts = field_facts(field)
    if is_required(field) and not facts.max_items:
        yield _required_message if field.message_type and not field.is_repeated else _not_empty
    if facts.max_items:
        yield item_check(facts.max_items, facts.max_name_characters, minimum=int(is_required(field)))
    type_name = referenced_type(field)
    if type_name is not None:
        check = _resource_name(type_name, wildcard=facts.provider_wildcard)
        yield _each(check) if field.is_repeated else check
    if field.enum_type is not None:
        yield _each(_known_enum(field)) if field.is_repeated else _known_enum(field)
    yield from _limit_checks(facts)


def _limit_checks(facts: FieldFacts) -> Iterator[Check]:
    if facts.max_bytes:
        yield _at_most(facts.max_bytes)
    if facts.max_value:
        yield _range(0, facts.max_value)
    if facts.format in _FORMATS:
        yield _FORMATS[facts.format]


def message_checks_for(descriptor: Any) -> Iterator[MessageCheck]:
    """Yield the checks of a message that involve more than one field."""
    for field in descriptor.fields:
        facts = field_facts(field)
        if facts.encoding_field:
            yield _utf8_check(field.name, facts.encoding_field)
        if facts.required_members:
            yield _members_check(field.name, facts.required_members)
        if facts.format == FIELD_FORMAT_NAME_SEGMENT:
            yield _child_name_check(descriptor, field.name)


def item_check(max_items: int, max_name_characters: int, *, minimum: int = 1) -> Check:
    """Return a check of a list's items: their number, and the length of all their names. 0 means no limit of names."""

    def check(items: Sequence[Any]) -> str | None:
        if not minimum <= len(items) <= max_items:
            return f"must have {minimum} to {max_items} items" if minimum else f"must have at most {max_items} items"
        if max_name_characters and sum(len(item.name) for item in items) > max_name_characters:
            return f"must have names with a total of at most {max_name_characters} characters"
        return None

    return check


def _range(minimum: int, maximum: int) -> Check:
    def check(value: int) -> str | None:
        return None if minimum <= value <= maximum else f"must be {minimum} to {maximum}"

    return check


def _at_most(maximum: int) -> Check:
    """Return a check of the size in bytes. The size of a string is its size in UTF-8."""

    def check(value: str | bytes) -> str | None:
        fits = len(value) <= maximum and (isinstance(value, bytes) or len(value.encode()) <= maximum)
        return None if fits else f"must have at most {maximum} bytes"

    return check


def _filename(value: str) -> str | None:
    if value and (not is_segment(value) or "\\" in value):
        return "must be a plain file name: no '/', '\\' or control characters"
    return None


def _name_segment(value: str) -> str | None:
    if len(value) > MAXIMUM_NAME_CHARACTERS:
        return f"must have at most {MAXIMUM_NAME_CHARACTERS} characters"
    return None if is_segment(value) else "must not have '/' or control characters, and not be '.' or '..'"


_FORMATS: Final[Mapping[int, Check]] = {
    FIELD_FORMAT_FILENAME: _filename,
    FIELD_FORMAT_NAME_SEGMENT: _name_segment,
}


def _not_empty(value: Any) -> str | None:
    return None if value else "is required"


def _required_message(value: Message) -> str | None:
    return None if value.ByteSize() else "is required"


def _each(check: Check) -> Check:
    """Return a check of a list that applies `check` to each item."""
    return lambda values: next(filter(None, map(check, values)), None)


def _known_enum(field: FieldDescriptor) -> Check:
    assert field.enum_type is not None
    numbers = frozenset(field.enum_type.values_by_number)
    return lambda value: None if value in numbers else "is not a value of its enumeration"


def _resource_name(type_name: str, *, wildcard: bool) -> Check:
    patterns = RESOURCES[type_name]
    usual = _usual_name(patterns)
    expected = " or ".join(f"'{pattern.template}'" for pattern in patterns)

    def check(value: str) -> str | None:
        if len(value) > MAXIMUM_NAME_CHARACTERS:
            return f"must have at most {MAXIMUM_NAME_CHARACTERS} characters"
        if usual(value):
            return None
        for pattern in patterns:
            segments = pattern.parse(value)
            if segments is not None:
                return _wrong_segment(pattern, segments, wildcard=wildcard)
        return f"must be {expected}; a segment has no control characters and is not '.' or '..'"

    return check


def _usual_name(patterns: Sequence[Pattern]) -> Callable[[str], object]:
    """Return a matcher that accepts most of the valid names, and no invalid name."""
    not_every = rf"(?!{WILDCARD}(?:/|\Z)){SEGMENT}"
    usual = {"provider": not_every, "version": r"(?:0|[1-9][0-9]{0,8})"}
    return re.compile("|".join(pattern.expression(usual) for pattern in patterns)).fullmatch


def _wrong_segment(pattern: Pattern, segments: Mapping[str, str], *, wildcard: bool) -> str | None:
    if segments["provider"] == WILDCARD and not wildcard:
        word = _WITH_WILDCARD[pattern.template.partition("/")[0]]
        return f"must name one {word}: '-' (every {word}) is not accepted here"
    version = segments.get("version")
    if version is not None and not _is_version(version):
        return f"must have a version from 0 to {_MAXIMUM_INT32}, without leading zeros"
    return None


def _is_version(text: str) -> bool:
    """Return whether the text is a version in its only valid spelling. Policy and audit compare names as text."""
    return text.isascii() and text.isdecimal() and str(int(text)) == text and int(text) <= _MAXIMUM_INT32


def _utf8_check(name: str, encoding_field: str) -> MessageCheck:
    def check(message: Any) -> Iterator[tuple[str, str]]:
        if getattr(message, encoding_field) not in (ENCODING_UNSPECIFIED, ENCODING_UTF8):
            return
        try:
            getattr(message, name).decode()
        except UnicodeDecodeError:
            yield name, f"is not UTF-8: set {encoding_field} to BASE64 for arbitrary bytes"

    return check


def _members_check(name: str, members: Sequence[str]) -> MessageCheck:
    def check(message: Any) -> Iterator[tuple[str, str]]:
        value = getattr(message, name)
        if value.ByteSize():
            yield from ((f"{name}.{member}", "is required") for member in members if not getattr(value, member))

    return check


def _child_name_check(descriptor: Any, id_field: str) -> MessageCheck:
    """Return a check that the name of the new child, made of its parent and its id, is not too long."""
    ((parent_field, collection),) = (
        (field.name, RESOURCES[child][0].template.rsplit("/", 2)[1])
        for field in descriptor.fields
        if (child := child_type(field)) is not None
    )

    def check(message: Any) -> Iterator[tuple[str, str]]:
        parent, child_id = getattr(message, parent_field), getattr(message, id_field)
        each_fits = max(len(parent), len(child_id)) <= MAXIMUM_NAME_CHARACTERS
        length = len(f"{parent}/{collection}/{child_id}")
        if each_fits and is_segment(child_id) and length > MAXIMUM_NAME_CHARACTERS:
            yield id_field, f"makes a name of more than {MAXIMUM_NAME_CHARACTERS} characters"

    return check
