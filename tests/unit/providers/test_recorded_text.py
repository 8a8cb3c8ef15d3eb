"""What is recorded of an upstream's code and message."""

import hashlib
import hmac

import pytest

from gateway.known_messages import KnownMessages
from gateway.providers.base.recorded_text import is_safe_code, is_safe_number, recorded_message
from gateway.redaction import KeyedDigest, Redaction

KEY = b"k" * 32
REDACTION = Redaction(KeyedDigest(lambda: KEY))
DEBUG = Redaction(KeyedDigest(lambda: KEY), keep_text=True)
KNOWN = KnownMessages(["Invalid Key ID"])
SECRET = "hunter2-is-secret"


def digest(text: str) -> str:
    return f"[{len(text)} characters, hmac-sha256:{hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()}]"


@pytest.mark.parametrize("code", ["9", "-1", "52099", "-40100", "E9", "AB-12345"])
def test_short_unknown_code_is_kept(code: str) -> None:
    assert is_safe_code(code, [SECRET])


@pytest.mark.parametrize("code", ["", "123456", "hunter2", "HUNTER", "ABC1", "1a", "12 3", "٣٣٣٣", "1\n"])
def test_other_code_is_not_kept(code: str) -> None:
    assert not is_safe_code(code, [])


@pytest.mark.parametrize(
    ("code", "secret"), [("12345", "9012345678"), ("E1234", "1234"), ("91234", "1234"), ("7", "7")]
)
def test_code_that_can_be_a_part_of_a_secret_is_not_kept(code: str, secret: str) -> None:
    assert not is_safe_code(code, ["other", secret])


def test_digits_that_are_too_few_for_an_echo_do_not_count() -> None:
    assert is_safe_code("9", ["a9b"])
    assert is_safe_number("52428", ["5", "abc"])


def test_number_that_is_a_part_of_a_secret_is_not_kept() -> None:
    assert not is_safe_number("5242880", ["x5242880y"])


def test_known_message_is_recorded_as_the_table_spells_it() -> None:
    assert recorded_message("  invalid key id.\n", KNOWN, [SECRET], REDACTION) == "Invalid Key ID"


@pytest.mark.parametrize("text", ["no such key", "Invalid Key ID: k1", f"<b>{SECRET}</b>", "lone \ud83d surrogate"])
def test_other_message_is_replaced_by_its_length_and_digest(text: str) -> None:
    recorded = recorded_message(f" {text}\n", KNOWN, [SECRET], REDACTION)
    encoded = text.encode(errors="surrogatepass")
    expected = hmac.new(KEY, encoded, hashlib.sha256).hexdigest()
    assert recorded == f"[{len(text)} characters, hmac-sha256:{expected}]"


def test_empty_message_is_not_recorded() -> None:
    assert recorded_message(" \n", KNOWN, [SECRET], REDACTION) == ""


def test_debug_setting_keeps_the_text_and_masks_known_secrets() -> None:
    assert recorded_message(f"<b>no {SECRET}</b>", KNOWN, [SECRET], DEBUG) == "no ***"


def test_equal_texts_have_equal_digests_until_the_key_changes() -> None:
    keys = [b"first", b"first", b"second"]
    changing = Redaction(KeyedDigest(lambda: keys.pop(0)))
    first, second = changing.placeholder("text"), changing.placeholder("text")
    assert first != second
    assert digest("text") == REDACTION.placeholder("text") == REDACTION.placeholder("text")
