"""The NFC form of names, compared with that of the standard library."""

import time
import unicodedata

import hypothesis
import pytest
from hypothesis import strategies

from gateway.contract.spelling import is_nfc, nfc

MARKS = "\u0301\u0316\u0334\u0345\u0344\u093c\u3099\u11a8"
TEXTS = strategies.text() | strategies.text(strategies.sampled_from("aäế각가カ" + MARKS))


@hypothesis.given(text=TEXTS)
def test_form_is_that_of_the_standard_library(text: str) -> None:
    assert nfc(text) == unicodedata.normalize("NFC", text)
    assert is_nfc(text) is (nfc(text) == text)
    assert is_nfc(nfc(text))


@pytest.mark.parametrize("text", ["", "orders-key", "인증서", "é"])
def test_text_in_nfc_is_returned_itself(text: str) -> None:
    assert nfc(text) is text


def test_many_combining_characters_take_linear_time() -> None:
    """The standard library needs minutes for such a text."""
    begin = time.perf_counter()
    assert len(nfc("a" + "\u0345" * 100_000 + "\u0334" * 100_000)) == 200_001
    assert time.perf_counter() - begin < 10
