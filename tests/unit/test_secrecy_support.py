"""The search for secrets of tests/support: it finds every encoding and every secret field."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest

from keyway.v1 import key_service_pb2 as keys
from tests.support.secrecy import Secret, fill, leaks, secret_fields, secrets_of

TEXT = 'p&=% "quoted" 비밀번호'


@pytest.mark.parametrize(
    "spelled",
    [
        str,
        json.dumps,
        repr,
        quote_plus,
        lambda text: repr(text.encode()),
        lambda text: text.encode().hex(),
        *(
            lambda text, before=before: base64.b64encode(f"{before}{text}, after".encode()).decode()
            for before in ("", "a", "ab", "abc")
        ),
    ],
)
@pytest.mark.parametrize("secret", [TEXT, TEXT.encode()])
def test_secret_is_found_in_every_spelling(spelled: Callable[[str], str], secret: str | bytes) -> None:
    place = f"event: {spelled(TEXT)}.".encode()

    assert leaks({Secret("a.field", secret), Secret("another", "not there")}, place) == ["a.field"]


def test_line_of_a_secret_file_is_found() -> None:
    line = base64.b64encode(bytes(48)).decode()

    assert leaks({Secret("a.field", f"-----BEGIN X-----\n{line}\n-----END X-----\n")}, line.encode()) == ["a.field"]


def test_fields_in_repeated_messages_are_filled_and_found() -> None:
    request = keys.BatchEncryptRequest(requests=[keys.EncryptRequest(name="a"), keys.EncryptRequest(name="b")])

    fill(request, TEXT)

    assert list(secrets_of(request)) == [Secret("keyway.v1.EncryptRequest.plaintext", TEXT.encode())] * 2
    assert secret_fields(request.DESCRIPTOR) == {"keyway.v1.EncryptRequest.plaintext"}
