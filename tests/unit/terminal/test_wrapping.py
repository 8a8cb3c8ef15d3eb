"""Lines that fit a number of terminal cells."""

import pytest

from keyway.terminal.text import width
from keyway.terminal.wrapping import shortened, wrapped

FINGERPRINT = ":".join(f"{number:02x}" for number in range(160, 192))


@pytest.mark.parametrize(
    ("text", "cells", "lines"),
    [
        ("", 5, [""]),
        ("nhn-certs/www.example.com", 80, ["nhn-certs/www.example.com"]),
        ("nhn-certs/www.orders.example.com", 24, ["nhn-certs/www.orders.", "example.com"]),
        ("a-very-long-name-without-a-dot", 12, ["a-very-long-", "name-without", "-a-dot"]),
        ("CN=www.example.com,O=Example Corp", 20, ["CN=www.example.com,", "O=Example Corp"]),
        ("한글이름abc", 5, ["한글", "이름a", "bc"]),
        ("한", 1, ["한"]),
        ("東京都.인증서.example.com", 12, ["東京都.", "인증서.", "example.com"]),
        # A combining character stays with the character before it.
        ("e\u0301" * 4, 2, ["e\u0301" * 2] * 2),
        ("00" * 20, 13, ["00" * 6] * 3 + ["00" * 2]),
    ],
)
def test_names_break_after_separators(text: str, cells: int, lines: list[str]) -> None:
    assert list(wrapped(text, cells)) == lines


@pytest.mark.parametrize("cells", range(3, 96))
@pytest.mark.parametrize("text", [FINGERPRINT, FINGERPRINT.replace(":", ""), FINGERPRINT.upper()])
def test_fingerprints_do_not_break_inside_a_byte(text: str, cells: int) -> None:
    lines = list(wrapped(text, cells))
    assert "".join(lines) == text
    assert max(map(width, lines)) <= cells
    assert all(len(line.replace(":", "")) % 2 == 0 for line in lines)


def test_digest_in_a_longer_text_does_not_break_inside_a_byte() -> None:
    receipt = f"gw-77c0e33df27d669c:37:{'9b' * 32}"
    for cells in range(8, 90):
        lines = list(wrapped(receipt, cells))
        assert "".join(lines) == receipt
        assert "b9" not in {line[:2] for line in lines}


def test_following_lines_are_indented() -> None:
    assert list(wrapped("service.orders.example.com", 16, indent=2)) == ["service.orders.", "  example.com"]


def test_prose_breaks_between_words() -> None:
    lines = list(wrapped("use keyway.example.com, or correct the address", 26, prose=True))
    assert lines == ["use keyway.example.com, or", "correct the address"]


@pytest.mark.parametrize(("cells", "short"), [(4, "인…"), (5, "인증…"), (6, "인증서"), (80, "인증서")])
def test_ellipsis_counts_as_one_cell(cells: int, short: str) -> None:
    assert shortened("인증서", cells) == short
