"""Upstream text on its way into records: fit to be shown, without secrets, in work that its length does not decide."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.base import sanitizing
from gateway.providers.base.sanitizing import MAXIMUM_CHARACTERS, READ_CHARACTERS, clean

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
    """A pattern that remembers how long the texts were that it was given."""

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
def test_no_pattern_sees_more_than_a_bounded_part(piece: str, lengths: list[int]) -> None:
    text = (piece * (SIXTEEN_MIB // len(piece) + 1))[:SIXTEEN_MIB]
    assert len(clean(text, ["a secret", "s" * 1000])) <= MAXIMUM_CHARACTERS
    assert lengths
    assert max(lengths) <= READ_CHARACTERS + 1000


def test_brackets_that_never_close() -> None:
    assert clean("<" * SIXTEEN_MIB) == "<" * MAXIMUM_CHARACTERS


@pytest.mark.parametrize("before", [0, 1, READ_CHARACTERS - 50, READ_CHARACTERS - 5, READ_CHARACTERS - 1])
@pytest.mark.parametrize("filler", [" ", "<p>", "\0", "s-"])
def test_a_secret_across_the_cut_leaves_no_part(before: int, filler: str) -> None:
    secret = "topsecretvalue"
    text = (filler * READ_CHARACTERS)[:before] + secret + " and more" * 10_000
    cleaned = clean(text, [secret, "s"])
    assert not any(part in cleaned for part in ("top", "ecre", "value"))


def test_many_secrets_before_the_cut_move_no_part_of_one_before_it() -> None:
    secret = "0123456789" * 50
    assert set(clean(secret * 1000, [secret])) == {"*"}


@given(
    st.text(max_size=300), st.lists(st.text("ab<-*\0 \n", min_size=1, max_size=5), max_size=4), st.text(max_size=300)
)
def test_any_text_becomes_a_short_line(before: str, secrets: list[str], after: str) -> None:
    cleaned = clean(before + "".join(secrets) + after, secrets)
    assert len(cleaned) <= MAXIMUM_CHARACTERS
    assert not any(character < " " for character in cleaned)


@given(st.text("ab<-* \n", max_size=100), st.text("cde", min_size=2, max_size=9), st.text("ab<-* \n", max_size=100))
def test_no_secret_is_left(before: str, secret: str, after: str) -> None:
    assert not set(clean(before + secret + after, [secret])) & set("cde")


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
def test_what_is_left_of_a_message(text: str, expected: str) -> None:
    assert clean(text, ["hunter2"]) == expected


def test_half_a_surrogate_pair_is_no_text() -> None:
    """JSON can escape it. Neither a record nor a span could be written with it."""
    assert clean("what\ud83d\u00fc\udc00 is this", ["secret"]).encode().decode() == "what ü is this"
