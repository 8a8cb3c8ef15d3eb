"""Policies, groups, and callers with all texts in NFC, for the second evaluation of a call."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from gateway.authz.groups import Groups
from gateway.contract.spelling import is_nfc, nfc
from gateway.identity.caller import Caller

TreeT = TypeVar("TreeT")

_PATTERN: Final = "pattern"
_LITERAL: Final = "Literal"


def normalized(tree: TreeT) -> TreeT:
    """Return a policy or an entity in the JSON format of Cedar, with every text in NFC."""
    return _normalized(tree)  # type: ignore[no-any-return]


def normalized_groups(groups: Groups) -> Groups:
    """Return groups with every name in NFC. A caller with two spellings has the groups of both."""
    memberships: dict[str, set[str]] = {}
    for caller, names in groups.memberships.items():
        memberships.setdefault(nfc(caller), set()).update(map(nfc, names))
    return Groups(
        frozenset(map(nfc, groups.names)), {caller: tuple(sorted(names)) for caller, names in memberships.items()}
    )


def is_normalized(caller: Caller) -> bool:
    """Return whether every text of a caller that policies can test is in NFC."""
    return all(map(is_nfc, (caller.name, caller.issuer, *caller.groups, *caller.scopes)))


def _normalized(tree: Any) -> Any:
    if isinstance(tree, str):
        return nfc(tree)
    if isinstance(tree, Mapping):
        return {
            nfc(name): list(_pattern(part)) if name == _PATTERN and isinstance(part, list) else _normalized(part)
            for name, part in tree.items()
        }
    return [_normalized(part) for part in tree] if isinstance(tree, list | tuple) else tree


def _pattern(parts: list[Any]) -> Iterator[Any]:
    """Yield the elements of a pattern of `like`. Cedar has one element per character, so they are joined first."""
    text = ""
    for part in parts:
        if isinstance(part, Mapping) and part.keys() == {_LITERAL}:
            text += part[_LITERAL]
            continue
        yield from _literals(text)
        text = ""
        yield part
    yield from _literals(text)


def _literals(text: str) -> Iterator[Mapping[str, str]]:
    return ({_LITERAL: character} for character in nfc(text))
