"""The secret fields of the contract and of the settings, and every spelling in which text can leak.

The fields come from the descriptors and the settings types, so new fields are included.
"""

import base64
import html
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, get_args
from urllib.parse import quote, quote_plus

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pydantic import BaseModel, SecretBytes, SecretStr

from gateway.config.base import Settings
from tests.support.echoes import FORMS

WORDS = "upstream-words-7f3a"
KEY_TEXT = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
_PEM = f"-----BEGIN PRIVATE KEY-----\n{KEY_TEXT}\n-----END PRIVATE KEY-----"
_TRACE = f"java.lang.IllegalStateException: {WORDS}\n\tat com.vendor.Internal.call(Internal.java:42)"
_SHORTEST_LINE = 6
_SHORTEST_PART = 8
_LONGEST_TEXT = 4096
"""The number of bytes up to which a secret is searched in the forms of text, and not only of files."""

_PUBLIC = b"/certmanager/v1.0/appkeys/"
"""Text of URL templates, which spans contain. The app key of the demo, certmanager-demo, begins in the same way."""

_PARTIAL_FORMS = [FORMS[name] for name in ("first half", "second half", "split")]
"""Forms with less than the whole text. `spellings` has the halves of its own, with a minimum length."""


class Secret(NamedTuple):
    """The value of a secret field and the full name of the field."""

    field: str
    value: str | bytes


def echo(secrets: list[str]) -> str:
    """Return the text of an upstream that repeats the whole request in every form, and adds a secret of its own."""
    repeated = " ".join(form(secret) for secret in secrets for form in FORMS.values())
    return f"<b>{WORDS}</b> {' '.join(secrets)} {repeated} {_PEM}\n{_TRACE}"


def bodies(text: str) -> dict[str, str]:
    """Return responses with the text: the envelopes of all vendors, with a known, an unknown, or a textual code."""
    header = {"isSuccessful": False, "resultMessage": text}
    result = {"status": "error", "message": text}
    return {
        "an unknown code": json.dumps({"header": {**header, "resultCode": 9}, "result": {**result, "code": 9}}),
        "known codes": json.dumps({"header": {**header, "resultCode": 52000}, "result": {**result, "code": 4012}}),
        "a known message with an echo": json.dumps(
            {"header": {**header, "resultMessage": f"Invalid Key ID {text}"}, "result": result}
        ),
        "text in the code's place": json.dumps(
            {"header": {**header, "resultCode": text}, "result": {**result, "code": text}}
        ),
        "a success of the wrong shape": json.dumps(
            {
                "header": {"isSuccessful": True, "resultCode": 0, "resultMessage": text},
                "body": {"data": text, "totalCount": text, "plaintext": [text], "ciphertext": {text: text}},
                "result": {"status": "success", "data": text},
            }
        ),
        "HTML": f"<html><body>{text}</body></html>",
        "XML": f"<result><code>77</code><message>{text}</message></result>",
        "text": text,
    }


@lru_cache(maxsize=1024)
def spellings(secret: str | bytes) -> frozenset[bytes]:
    """Return the secret, its lines, and its halves in every form that a log, a record, or a status can contain."""
    raw = secret.encode() if isinstance(secret, str) else secret
    found = {form for part in _parts(raw) for form in _encoded(part)}
    return frozenset(form for form in found if len(form) >= _SHORTEST_LINE)


def _parts(raw: bytes) -> set[bytes]:
    """Return the secret, its lines, and the halves of each that have enough characters to be recognized."""
    lines = {line for line in raw.splitlines() if len(line) >= _SHORTEST_LINE and not line.startswith(b"-----")}
    wholes = {raw} | lines
    halves = {half for whole in wholes for half in (whole[: len(whole) // 2], whole[len(whole) // 2 :])}
    return wholes | {half for half in halves if len(half) >= _SHORTEST_PART and half not in _PUBLIC}


def _encoded(raw: bytes) -> set[bytes]:
    found = {raw, *_base64_forms(raw), repr(raw)[2:-1].encode()}
    if len(raw) >= _SHORTEST_LINE:  # shorter ones occur in digests
        found |= {raw.hex().encode(), raw.hex().upper().encode(), raw.hex(":").encode(), raw.hex(" ").encode()}
        found |= {base64.b32encode(raw).rstrip(b"=")[: len(raw) * 8 // 5]}
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return found
    if len(raw) > _LONGEST_TEXT:
        return found
    escaped = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], html.escape(text))
    found |= {each.encode() for each in (*escaped, text[::-1])}
    found |= {each.encode() for each in (quote(text), quote(text, safe=""), quote_plus(text))}
    found |= {form(text).encode() for form in FORMS.values() if form not in _PARTIAL_FORMS}
    return found


def _base64_forms(raw: bytes) -> set[bytes]:
    """Return Base64 of the secret, also as a part of Base64 of a longer text, where it begins at any of 3 positions."""
    found = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
    for before in range(3):
        padded = bytes(before) + raw
        # Of each character at the edges, some bits belong to the rest of the text.
        edges = slice((before * 8 + 5) // 6, len(padded) * 8 // 6)
        found |= {encode(padded)[edges] for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    return {form for form in found if len(form) >= _SHORTEST_LINE}


def leaks(secrets: set[Secret], place: bytes) -> list[str]:
    """Return the fields with a secret that occurs in the text, in any spelling."""
    return sorted({secret.field for secret in secrets if any(each in place for each in spellings(secret.value))})


def secret_fields(message: Any, seen: set[str] | None = None) -> set[str]:
    """Return the full names of all secret fields of a message type, at any depth."""
    seen = set() if seen is None else seen
    if message.full_name in seen:
        return set()
    seen.add(message.full_name)
    found = {field.full_name for field in message.fields if field.GetOptions().debug_redact}
    for field in message.fields:
        if field.message_type is not None:
            found |= secret_fields(field.message_type, seen)
    return found


def secrets_of(message: Message) -> Iterator[Secret]:
    """Return the secrets in a message."""
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            yield Secret(field.full_name, value)
        for each in _messages(field, value):
            yield from secrets_of(each)


def fill(message: Message, secret: str) -> None:
    """Set every empty secret field to the secret."""
    for field in message.DESCRIPTOR.fields:
        if field.GetOptions().debug_redact and not getattr(message, field.name):
            setattr(message, field.name, secret.encode() if field.type == FieldDescriptor.TYPE_BYTES else secret)
    for field, value in message.ListFields():
        for each in _messages(field, value):
            fill(each, secret)


def _messages(field: FieldDescriptor, value: Any) -> list[Message]:
    if field.message_type is None or field.message_type.GetOptions().map_entry:
        return []
    return [value] if isinstance(value, Message) else list(value)


def secret_settings() -> set[str]:
    """Return every secret that a configuration can contain, as `Class.field`."""
    found, classes = set(), [Settings]
    while classes:
        settings = classes.pop()
        classes += settings.__subclasses__()
        if not settings.__module__.startswith("gateway."):
            continue  # a class of a test
        for name in inspect.get_annotations(settings):
            if name in settings.model_fields and _is_secret(settings.model_fields[name].annotation):
                found.add(f"{settings.__name__}.{name}")
    return found


def configured_secrets(settings: BaseModel) -> Iterator[Secret]:
    """Return the secrets in a configuration, each with its class."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for each in _items(value):
            if isinstance(each, BaseModel):
                yield from configured_secrets(each)
            elif isinstance(each, SecretStr | SecretBytes):
                (owner,) = (kind for kind in type(settings).__mro__ if name in inspect.get_annotations(kind))
                yield Secret(f"{owner.__name__}.{name}", each.get_secret_value())


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, tuple) else (value,)


def _is_secret(annotation: Any) -> bool:
    return annotation in (SecretStr, SecretBytes) or any(map(_is_secret, get_args(annotation)))
