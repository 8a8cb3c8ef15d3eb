"""Page tokens: round trips, and the rejection of every other token."""

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway import errors
from gateway.errors import InvalidRequest
from gateway.server.services import paging
from gateway.server.services.paging import PagePosition

rows = st.integers(0, 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
positions = st.builds(PagePosition, provider=texts, offset=rows, rows_before=rows)
LISTING = "providers/-?state=1"
TOKEN = paging.ROWS.encode(PagePosition("nhn-certs", 50, 7), LISTING)


def refused(token: str, listing: str = LISTING) -> bool:
    error = refusal(token, listing)
    if error is None:
        return False
    assert error.kind == errors.INVALID_PAGE_TOKEN
    assert error.message == "page_token: is invalid, or belongs to a list with another parent or filter"
    assert [violation.field for violation in error.violations] == ["page_token"]
    return True


def refusal(token: str, listing: str) -> InvalidRequest | None:
    try:
        paging.ROWS.decode(token, listing)
    except InvalidRequest as error:
        return error
    return None


def forged(body: Any, listing: str = LISTING) -> str:
    """Return a token with a valid digest, as anyone who knows this code can create it."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(paging._digest(data, listing) + data).decode().rstrip("=")


@given(positions, texts)
def test_position_survives_a_round_trip(position: PagePosition, listing: str) -> None:
    token = paging.ROWS.encode(position, listing)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")
    assert paging.ROWS.decode(token, listing) == position


@given(positions, texts, texts)
def test_token_of_a_different_list_is_rejected(position: PagePosition, listing: str, other: str) -> None:
    assume(listing != other)
    assert refused(paging.ROWS.encode(position, listing), other)


def test_empty_token_is_the_first_page() -> None:
    assert paging.ROWS.decode("", LISTING) is None


@given(st.data())
def test_altered_token_is_rejected(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(TOKEN) - 1))
    character = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_+/= \n가"))
    altered = TOKEN[:index] + character + TOKEN[index + 1 :]
    assume(altered != TOKEN)
    assert refused(altered)


@given(st.integers(0, len(TOKEN) - 1))
def test_shortened_token_is_rejected(length: int) -> None:
    assert length == 0 or refused(TOKEN[:length])


@pytest.mark.parametrize("addition", ["=", "==", "A", " ", "\n", TOKEN])
def test_lengthened_token_is_rejected(addition: str) -> None:
    assert refused(TOKEN + addition)
    assert refused(addition + TOKEN)


@given(st.text(min_size=1, max_size=200))
def test_arbitrary_text_is_rejected(text: str) -> None:
    assert refused(text)


def test_forged_token_with_a_valid_position_is_accepted() -> None:
    """The forged tokens below have a valid digest, so they are rejected for their content."""
    assert not refused(forged({"provider": "p", "offset": 1, "rows_before": 2}))


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "p", "offset": -1, "rows_before": 0},
        {"provider": "p", "offset": 0, "rows_before": -1},
        {"provider": "p", "offset": 2**31, "rows_before": 0},
        {"provider": "p", "offset": 0, "rows_before": 2**31},
        {"provider": "p", "offset": "1", "rows_before": 0},
        {"provider": "p", "offset": 1.5, "rows_before": 0},
        {"provider": "p", "offset": True, "rows_before": 0},
        {"provider": "p", "offset": None, "rows_before": 0},
        {"provider": 1, "offset": 0, "rows_before": 0},
        {"provider": "p", "offset": 0},
        {"provider": "p", "offset": 0, "rows_before": 0, "more": 1},
        {"offset": 0, "provider": "p", "rows_before": 0},
        [],
        "text",
        1,
        None,
        b"",
        b"\xff",
        b"{",
        b"[" * 5000,
        b'{"provider":"\\ud800","offset":0,"rows_before":0}',
        b'{"provider":"p","offset":1e999,"rows_before":0}',
        b'{"provider":"p","offset":NaN,"rows_before":0}',
        b'{"provider":"p","offset":' + b"9" * 5000 + b',"rows_before":0}',
    ],
)
def test_forged_invalid_position_is_rejected(body: Any) -> None:
    assert refused(forged(body))


def test_token_has_room_for_the_longest_provider_id() -> None:
    position = PagePosition("😀" * 1014, 1, 1)
    assert paging.ROWS.decode(paging.ROWS.encode(position, LISTING), LISTING) == position


def test_oversized_token_is_rejected_without_parsing() -> None:
    assert refused("A" * 10_000_000)
