"""Known messages: what counts as one, and how it is recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.known_messages import KnownMessages

MESSAGES = KnownMessages(["Invalid Key", "Invalid Key ID", "At most {} bytes, not {}."])


@pytest.mark.parametrize("text", ["Invalid Key ID", " invalid\n KEY  id.", "INVALID KEY ID !"])
def test_spelling_of_the_table_is_recorded(text: str) -> None:
    assert MESSAGES.match(text) == ("Invalid Key ID", (), "")


@pytest.mark.parametrize(
    ("text", "known", "rest"),
    [
        ("Invalid Key ID: k1", "Invalid Key ID", ": k1"),
        ("Invalid Key IDs", "Invalid Key", "IDs"),
        ("Invalid Key", "Invalid Key", ""),
    ],
)
def test_longest_message_at_the_start_counts(text: str, known: str, rest: str) -> None:
    assert MESSAGES.match(text) == (known, (), rest)


@pytest.mark.parametrize(
    "text", ["", "Invalid", "Invalid Keys", "no Invalid Key", "At most 1234567890123 bytes, not 2."]
)
def test_other_text_is_not_known(text: str) -> None:
    assert MESSAGES.match(text) is None


def test_numbers_are_returned_but_not_recorded() -> None:
    assert MESSAGES.match("at most 524,288 bytes, not 600000") == (
        "At most … bytes, not ….",
        ("524288", "600000"),
        "",
    )


@given(st.text())
def test_result_contains_no_text_of_the_message(text: str) -> None:
    found = MESSAGES.match(f"Invalid Key ID {text}")
    assert found is not None
    assert found.known in {"Invalid Key", "Invalid Key ID"}


@pytest.mark.parametrize("piece", ["Invalid ", "Invalid Key ", " ", "At most 1,", "\n"])
def test_long_text_is_searched_in_bounded_time(piece: str) -> None:
    MESSAGES.match(piece * (4 * 1024 * 1024 // len(piece)))
