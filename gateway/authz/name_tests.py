"""The conditions of a policy on the name of its resource, read from its tree. Used for warnings, not for decisions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.authz.resources import RESOURCE_TYPES, lineage
from gateway.authz.sources import Policy

Tree = Mapping[str, Any]

_CONTRACT_TYPES: Final = {resource_type.entity: name for name, resource_type in RESOURCE_TYPES.items()}
_FIXED: Final = frozenset({"provider", "trust_store", "version"})
"""Attributes whose values have one spelling each: the gateway itself compares them, and sends none of them upstream."""
_FIXED_TYPES: Final = frozenset(RESOURCE_TYPES[f"keyway.dev/{name}"].entity for name in ("Provider", "TrustStore"))


@dataclass(frozen=True, slots=True)
class NameTest:
    """A test of one attribute of the resource, which is true for any of these texts.

    attribute: `name` for the entity itself. entity: the type of this entity, or empty. exact: whether the texts are
    values. Otherwise, they are regular expressions. includes_members: whether the test is true for the resources in
    the entity as well.
    """

    attribute: str
    texts: tuple[str, ...]
    exact: bool
    entity: str = ""
    includes_members: bool = False

    @property
    def depends_on_spelling(self) -> bool:
        """Whether another spelling of the same name can make the test false."""
        return self.attribute not in _FIXED and self.entity not in _FIXED_TYPES

    def accepts(self, attributes: Mapping[str, str]) -> bool:
        """Return whether a resource with these attributes can pass the test. An unknown attribute passes."""
        attribute, texts = self.attribute, self.texts
        if self.entity in _FIXED_TYPES:
            attribute = "provider"
            texts = tuple(attributes_of(self.entity, text).get("provider", "") for text in texts)
        value = attributes.get(attribute)
        if value is None or (self.exact and value in texts):
            return True
        if self.includes_members:
            return any(value.startswith(f"{text}/") for text in texts)
        return not self.exact and any(re.fullmatch(text, value, re.DOTALL) for text in texts)


def attributes_of(entity: str, name: str) -> Mapping[str, str]:
    """Return the attributes of a resource with this entity type and name."""
    attributes: Mapping[str, str] = lineage(name, _CONTRACT_TYPES[entity])[0]["attrs"]
    return attributes


def possible(policy: Policy) -> Iterator[NameTest]:
    """Yield every test that must or can be true for the policy to apply, in its scope and in its conditions."""
    yield from _of_scope(policy.tree["resource"])
    for condition in policy.tree["conditions"]:
        yield from _possible(condition["body"], holds=condition["kind"] == "when")


def required(policy: Policy) -> Iterator[NameTest]:
    """Yield tests that must be true for the policy to apply."""
    yield from _of_scope(policy.tree["resource"])
    for condition in policy.tree["conditions"]:
        if condition["kind"] == "when":
            yield from _required(condition["body"])


def _of_scope(scope: Tree) -> Iterator[NameTest]:
    if scope["op"] == "==":
        yield _of_entities([scope["entity"]])
    elif scope["op"] == "in":
        yield _of_entities([scope["entity"]], includes_members=True)
    elif "in" in scope:
        yield _of_entities([scope["in"]["entity"]], includes_members=True)


def _required(body: Tree) -> Iterator[NameTest]:
    ((operator, part),) = body.items()
    if operator == "&&":
        yield from _required(part["left"])
        yield from _required(part["right"])
    elif operator != "!=" and (found := _test(operator, part)) is not None:
        yield found


def _possible(body: Any, *, holds: bool) -> Iterator[NameTest]:
    """Yield the tests below an expression that make the expression true (holds) or false."""
    if not isinstance(body, Mapping) or len(body) != 1:
        return
    ((operator, part),) = body.items()
    if operator == "!":
        yield from _possible(part["arg"], holds=not holds)
    elif operator in ("&&", "||"):
        for side in part.values():
            yield from _possible(side, holds=holds)
    elif operator == "if-then-else":
        for side in (part["then"], part["else"]):
            yield from _possible(side, holds=holds)
    elif (found := _test(operator, part)) is not None and (operator != "!=") is holds:
        yield found


def _test(operator: str, part: Any) -> NameTest | None:
    """Return the test of an expression; None if it does not compare the resource with constants."""
    if operator == "like":
        attribute = _attribute(part["left"])
        return NameTest(attribute, (_expression(part["pattern"]),), exact=False) if attribute else None
    if operator == "is":
        operator, part = "in", {"left": part["left"], "right": part.get("in", {})}
    if operator not in ("==", "!=", "in", "contains"):
        return None
    for tested, constant in ((part["left"], part["right"]), (part["right"], part["left"])):
        attribute, values = _attribute(tested), list(_values(constant))
        if attribute and values:
            if isinstance(values[0], str):
                return NameTest(attribute, tuple(values), exact=True)
            return _of_entities([value["__entity"] for value in values], includes_members=operator == "in")
    return None


def _of_entities(entities: Sequence[Mapping[str, str]], *, includes_members: bool = False) -> NameTest:
    names = tuple(entity["id"] for entity in entities)
    return NameTest("name", names, exact=True, entity=entities[0]["type"], includes_members=includes_members)


def _attribute(tree: Any) -> str:
    """Return the attribute of the resource that an expression reads: `name` for the resource itself; empty if none."""
    if tree == {"Var": "resource"}:
        return "name"
    access = tree.get(".") if isinstance(tree, Mapping) else None
    return str(access["attr"]) if access is not None and access["left"] == {"Var": "resource"} else ""


def _values(tree: Any) -> Iterator[Any]:
    """Yield the texts or entities of a constant or of a set of constants."""
    parts = tree.get("Set", [tree]) if isinstance(tree, Mapping) else []
    for part in parts:
        value = part.get("Value") if isinstance(part, Mapping) else None
        if isinstance(value, str) or (isinstance(value, Mapping) and "__entity" in value):
            yield value


def _expression(pattern: Sequence[Any]) -> str:
    """Return a pattern of `like` as a regular expression."""
    return "".join(".*" if part == "Wildcard" else re.escape(part["Literal"]) for part in pattern)
