"""Resource names: what parses, what does not, and that the constants are the contract's patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import resource_names
from gateway.contract.methods import RESOURCES
from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS, Pattern

PATTERNS = {
    "keyway.dev/Provider": (resource_names.PROVIDER,),
    "keyway.dev/Certificate": (resource_names.CERTIFICATE,),
    "keyway.dev/TrustStore": (resource_names.TRUST_STORE,),
    "keyway.dev/TrustedAuthority": (resource_names.TRUSTED_AUTHORITY,),
    "keyway.dev/Key": (resource_names.KEY,),
    "keyway.dev/KeyVersion": (resource_names.KEY_VERSION, resource_names.KEY),
    "keyway.dev/Secret": (resource_names.SECRET,),
}
EVERY_PATTERN = sorted({pattern for patterns in PATTERNS.values() for pattern in patterns}, key=lambda p: p.template)

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


def test_constants_are_the_patterns_of_the_contract() -> None:
    expected = {name: [pattern.template for pattern in patterns] for name, patterns in PATTERNS.items()}
    assert {name: [pattern.template for pattern in patterns] for name, patterns in RESOURCES.items()} == expected


def test_every_constant_is_compared() -> None:
    constants = {value for value in vars(resource_names).values() if isinstance(value, Pattern)}
    assert constants == set(EVERY_PATTERN)


@pytest.mark.parametrize("pattern", EVERY_PATTERN, ids=lambda pattern: pattern.template)
@given(data=st.data())
def test_round_trip(pattern: Pattern, data: st.DataObject) -> None:
    parts = {variable: data.draw(valid_segments) for variable in pattern.variables}
    name = pattern.format(**parts)
    assert pattern.parse(name) == parts
    assert resource_names.provider_id(name) == parts["provider"]
    others = [other.template for other in EVERY_PATTERN if other.parse(name) is not None]
    assert others == [pattern.template]


@given(st.text(max_size=60))
def test_what_parses_is_formatted_as_it_was(name: str) -> None:
    for pattern in EVERY_PATTERN:
        parts = pattern.parse(name)
        assert parts is None or pattern.format(**parts) == name


@given(st.text(max_size=20))
def test_segment_is_what_a_name_takes(text: str) -> None:
    assert resource_names.is_segment(text) == (resource_names.KEY.parse(f"providers/p/keys/{text}") is not None)


@pytest.mark.parametrize("segment", GOOD)
def test_good_segments(segment: str) -> None:
    assert resource_names.is_segment(segment)
    assert resource_names.KEY.parse(f"providers/{segment}/keys/{segment}") == {"provider": segment, "key": segment}


@pytest.mark.parametrize("segment", BAD)
def test_bad_segments(segment: str) -> None:
    assert not resource_names.is_segment(segment)
    for name in (f"providers/{segment}/keys/k", f"providers/p/keys/{segment}"):
        assert all(pattern.parse(name) is None for pattern in EVERY_PATTERN)


@pytest.mark.parametrize("code_point", [*range(0x20), *range(0x7F, 0xA0)])
def test_no_control_character(code_point: int) -> None:
    assert not resource_names.is_segment(f"a{chr(code_point)}b")
    assert not resource_names.is_segment(chr(code_point))


@pytest.mark.parametrize("character", ["a", "가", "😀"])
def test_length_counts_characters(character: str) -> None:
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
def test_not_a_name(name: str) -> None:
    assert all(pattern.parse(name) is None for pattern in EVERY_PATTERN)


def test_braces_in_a_segment_are_text() -> None:
    assert resource_names.KEY.format(provider="{key}", key="{0}") == "providers/{key}/keys/{0}"
