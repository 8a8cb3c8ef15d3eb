"""Multipart bodies, parsed by an independent parser."""

import secrets
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.multipart import FilePart, Part, TextPart, encode

TEXTS = st.text(st.characters(codec="utf-8"), max_size=50)
PARTS = st.lists(
    st.one_of(
        st.builds(TextPart, TEXTS, TEXTS),
        st.builds(FilePart, TEXTS, TEXTS, st.binary(max_size=200)),
    ),
    min_size=1,
    max_size=4,
)


def sections(body: bytes, content_type: str) -> list[tuple[bytes, bytes]]:
    """Return headers and content of each part, split at the boundary by RFC 2046."""
    media_type, _, boundary = content_type.partition("; boundary=")
    assert media_type == "multipart/form-data"
    delimiter = b"\r\n--" + boundary.encode()
    begin, *parts, end = (b"\r\n" + body).split(delimiter)
    assert (begin, end) == (b"", b"--\r\n")
    assert all(part.startswith(b"\r\n") for part in parts)
    pairs = [part[2:].partition(b"\r\n\r\n") for part in parts]
    return [(headers, content) for headers, _, content in pairs]


def test_body_has_the_exact_bytes() -> None:
    body, content_type = encode([TextPart("password", "123456"), FilePart("file", "a.pem", b"\x00\r\n\xff")])
    boundary = content_type.removeprefix("multipart/form-data; boundary=").encode()
    assert body == (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="password"\r\n\r\n123456\r\n'
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="a.pem"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\x00\r\n\xff\r\n"
        b"--" + boundary + b"--\r\n"
    )
    assert len(boundary) <= 70


@given(PARTS)
def test_parts_survive_a_round_trip(parts: list[Part]) -> None:
    contents = [part.content if isinstance(part, FilePart) else part.value.encode() for part in parts]
    assert [content for _, content in sections(*encode(parts))] == contents


@given(PARTS)
def test_names_stay_within_their_quotes_and_their_line(parts: list[Part]) -> None:
    for (headers, _), part in zip(sections(*encode(parts)), parts, strict=True):
        disposition, *rest = headers.decode().split("\r\n")
        assert disposition.count('"') == (4 if isinstance(part, FilePart) else 2)
        assert all(line.startswith("Content-Type: ") for line in rest)
        assert len(rest) <= 1
        assert not set(headers.replace(b"\r\n", b"")) & {*range(32), 127, ord("\\")}


def test_non_ascii_text_has_a_charset() -> None:
    ((headers, content),) = sections(*encode([TextPart("p", "пароль")]))
    assert headers.endswith(b"\r\nContent-Type: text/plain; charset=UTF-8")
    assert content.decode() == "пароль"


def test_names_that_would_break_out_are_percent_encoded() -> None:
    ((headers, _),) = sections(*encode([FilePart('a"; name="b', 'x.pem"\r\nX-Evil: 1\r\n\r\n\\', b"")]))
    assert headers == (
        b'Content-Disposition: form-data; name="a%22; name=%22b"; '
        b'filename="x.pem%22%0D%0AX-Evil: 1%0D%0A%0D%0A%5C"\r\nContent-Type: application/octet-stream'
    )


def test_python_parses_the_body() -> None:
    body, content_type = encode([TextPart("a", "1"), FilePart("file", "인증서.pem", b"abc")])
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=policy.HTTP)
    assert isinstance(message, EmailMessage)
    first, second = message.iter_parts()
    assert first.get_content().strip() == "1"
    assert second.get_payload(decode=True) == b"abc"


def test_boundary_that_occurs_in_a_part_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = count()
    monkeypatch.setattr(secrets, "token_hex", lambda _size: f"drawn{next(drawn)}")
    body, content_type = encode([FilePart("file", "a", b"--keyway-drawn0--"), TextPart("b", "keyway-drawn1")])
    assert content_type == "multipart/form-data; boundary=keyway-drawn2"
    assert body.endswith(b"--keyway-drawn2--\r\n")


def test_repr_contains_no_values() -> None:
    parts = TextPart("password", "s3cret"), FilePart("file", "a", b"s3cret")
    assert "s3cret" not in repr(parts)
