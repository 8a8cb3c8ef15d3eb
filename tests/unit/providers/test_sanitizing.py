"""Sanitizing of upstream text: no secrets, no markup, and a bounded effort for any length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.base import sanitizing
from gateway.providers.base.sanitizing import MAXIMUM_CHARACTERS, READ_CHARACTERS, sanitize

SIXTEEN_MIB = 16 * 1024 * 1024
HOSTILE = [
    "<",
    ">",
    "< ",
    "<>",
    "-",
    "-----BEGIN ",
    "-----BEGIN x-----",
    "-----END ",
    " at ",
    " at a",
    " at a(",
    "\n",
    " ",
]


class Recording:
    """A pattern that records the length of each text that it searches."""

    def __init__(self, pattern: re.Pattern[str], lengths: list[int]) -> None:
        self._pattern = pattern
        self._lengths = lengths

    def sub(self, replacement: str, text: str) -> str:
        self._lengths.append(len(text))
        return self._pattern.sub(replacement, text)


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    for name, value in vars(sanitizing).copy().items():
        if isinstance(value, re.Pattern):
            monkeypatch.setattr(sanitizing, name, Recording(value, seen))
    return seen


@pytest.mark.parametrize("piece", HOSTILE)
def test_patterns_search_a_bounded_part_of_the_text(piece: str, lengths: list[int]) -> None:
    text = (piece * (SIXTEEN_MIB // len(piece) + 1))[:SIXTEEN_MIB]
    assert len(sanitize(text, ["a secret", "s" * 1000])) <= MAXIMUM_CHARACTERS
    assert lengths
    assert max(lengths) <= READ_CHARACTERS + 1000


def test_unclosed_brackets_are_kept() -> None:
    assert sanitize("<" * SIXTEEN_MIB) == "<" * MAXIMUM_CHARACTERS


@pytest.mark.parametrize("before", [0, 1, READ_CHARACTERS - 50, READ_CHARACTERS - 5, READ_CHARACTERS - 1])
@pytest.mark.parametrize("filler", [" ", "<p>", "\0", "s-"])
def test_no_part_of_a_secret_at_the_cut_remains(before: int, filler: str) -> None:
    secret = "topsecretvalue"
    text = (filler * READ_CHARACTERS)[:before] + secret + " and more" * 10_000
    cleaned = sanitize(text, [secret, "s"])
    assert not any(part in cleaned for part in ("top", "ecre", "value"))


def test_many_secrets_do_not_move_a_part_of_one_before_the_cut() -> None:
    secret = "0123456789" * 50
    assert set(sanitize(secret * 1000, [secret])) == {"*"}


@given(
    st.text(max_size=300), st.lists(st.text("ab<-*\0 \n", min_size=1, max_size=5), max_size=4), st.text(max_size=300)
)
def test_any_text_becomes_one_short_line(before: str, secrets: list[str], after: str) -> None:
    cleaned = sanitize(before + "".join(secrets) + after, secrets)
    assert len(cleaned) <= MAXIMUM_CHARACTERS
    assert not any(character < " " for character in cleaned)


@given(st.text("ab<-* \n", max_size=100), st.text("cde", min_size=2, max_size=9), st.text("ab<-* \n", max_size=100))
def test_no_secret_remains(before: str, secret: str, after: str) -> None:
    assert not set(sanitize(before + secret + after, [secret])) & set("cde")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", "plain words"),
        ("<html><b>bold</b></html>", "bold"),
        ("a < b", "a < b"),
        ("one\r\ntwo\0three", "one two three"),
        ("broken\n\tat com.example.Main.run(Main.java:1)\n", "broken"),
        ("key -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- here", "key here"),
        ("key -----BEGIN PRIVATE KEY-----\nMII", "key"),
        ("wrong password: hunter2!", "wrong password: ***!"),
    ],
)
def test_text_is_sanitized(text: str, expected: str) -> None:
    assert sanitize(text, ["hunter2"]) == expected


def test_lone_surrogates_are_removed() -> None:
    """JSON can escape lone surrogates, but records and spans cannot encode them."""
    assert sanitize("what\ud83d\u00fc\udc00 is this", ["secret"]).encode().decode() == "what ü is this"


@pytest.mark.parametrize(
    "echo", ["p%C3%A4ss+w%26rd", "p%C3%A4ss%20w%26rd", "päss w&amp;rd", "p\\u00e4ss w&rd", "päss w&rd"]
)
def test_encoded_secrets_are_removed(echo: str) -> None:
    assert sanitize(f"password={echo}!", ["päss w&rd"]) == "password=***!"
