"""Resource names: parsing, formatting, and valid segments."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import resource_names
from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS, RESOURCES, Pattern

EVERY_PATTERN = sorted(
    {pattern.template: pattern for patterns in RESOURCES.values() for pattern in patterns}.values(),
    key=lambda pattern: pattern.template,
)

segments = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=40)
valid_segments = segments.filter(lambda text: text not in (".", ".."))

GOOD = [
    "a",
    "-",
    "...",
    ".a",
    "a.",
    "..a",
    "a..",
    "*.example.com",
    "%2e",
    "%2F",
    "인증서",
    "a b",
    " ",
    "a?b#c",
    "\u2028",
    "😀",
]
BAD = ["", ".", "..", "/", "a/b", "\0", "a\n", "\n", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\ud800", "a\udfff"]


def test_constants_are_the_own_patterns_of_their_types() -> None:
    own = {patterns[0] for patterns in RESOURCES.values()}
    constants = {value for value in vars(resource_names).values() if isinstance(value, Pattern)}
    assert constants <= own


def test_every_pattern_begins_with_its_provider() -> None:
    assert all(re.match(r"(providers|auditLogs)/\{provider\}(/|\Z)", pattern.template) for pattern in EVERY_PATTERN)


@pytest.mark.parametrize("pattern", EVERY_PATTERN, ids=lambda pattern: pattern.template)
@given(data=st.data())
def test_parsing_returns_the_formatted_segments(pattern: Pattern, data: st.DataObject) -> None:
    parts = {variable: data.draw(valid_segments) for variable in pattern.variables}
    name = pattern.format(**parts)
    assert pattern.parse(name) == parts
    assert resource_names.provider_id(name) == parts["provider"]
    others = [other.template for other in EVERY_PATTERN if other.parse(name) is not None]
    assert others == [pattern.template]


@given(st.text(max_size=60))
def test_formatting_the_segments_returns_the_parsed_name(name: str) -> None:
    for pattern in EVERY_PATTERN:
        parts = pattern.parse(name)
        assert parts is None or pattern.format(**parts) == name


@given(st.text(max_size=20))
def test_segment_is_valid_exactly_if_a_name_with_it_parses(text: str) -> None:
    assert resource_names.is_segment(text) == (resource_names.KEY.parse(f"providers/p/keys/{text}") is not None)


@pytest.mark.parametrize("segment", GOOD)
def test_valid_segment_is_accepted(segment: str) -> None:
    assert resource_names.is_segment(segment)
    assert resource_names.KEY.parse(f"providers/{segment}/keys/{segment}") == {"provider": segment, "key": segment}


@pytest.mark.parametrize("segment", BAD)
def test_invalid_segment_is_rejected(segment: str) -> None:
    assert not resource_names.is_segment(segment)
    for name in (f"providers/{segment}/keys/k", f"providers/p/keys/{segment}"):
        assert all(pattern.parse(name) is None for pattern in EVERY_PATTERN)


@pytest.mark.parametrize("code_point", [*range(0x20), *range(0x7F, 0xA0)])
def test_control_character_is_rejected(code_point: int) -> None:
    assert not resource_names.is_segment(f"a{chr(code_point)}b")
    assert not resource_names.is_segment(chr(code_point))


@pytest.mark.parametrize("character", ["a", "가", "😀"])
def test_maximum_length_counts_characters(character: str) -> None:
    longest = "providers/p/keys/" + character * (MAXIMUM_NAME_CHARACTERS - len("providers/p/keys/"))
    assert len(longest) == MAXIMUM_NAME_CHARACTERS
    assert resource_names.KEY.parse(longest) is not None
    assert resource_names.KEY.parse(longest + character) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "providers",
        "providers/",
        "/providers/p",
        "Providers/p",
        "providers/p/",
        "providers/p\n",
        "xproviders/p",
        "providers/p/keys",
        "providers/p/keys/",
        "providers//keys/k",
        "providers/p/Keys/k",
        "providers/p/keys/k/versions/",
        "providers/p/keys/k/versions/1/x",
        "providers/p/other/k",
    ],
)
def test_text_that_matches_no_pattern_is_not_a_name(name: str) -> None:
    assert all(pattern.parse(name) is None for pattern in EVERY_PATTERN)


def test_braces_in_a_segment_are_literal() -> None:
    assert resource_names.KEY.format(provider="{key}", key="{0}") == "providers/{key}/keys/{0}"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.text("%/.2F5\x00a", min_size=1))
def test_every_id_has_one_segment(text: str) -> None:
    segment = resource_names.encode_segment(text)
    assert resource_names.is_segment(segment)
    assert resource_names.decode_segment(segment) == text
    if resource_names.is_segment(text) and resource_names.decode_segment(text) == text:
        assert segment == text


@given(st.text("%/.2F5aé", min_size=1))
def test_no_id_has_a_second_segment(segment: str) -> None:
    text = resource_names.decode_segment(segment)
    assert text is None or resource_names.encode_segment(text) == segment
