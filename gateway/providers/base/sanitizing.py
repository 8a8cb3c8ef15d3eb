"""Sanitizes upstream text for audit records, spans, and logs.

The result is short and has no HTML, stack traces, control characters, or secrets that were sent. Callers never receive
it: error messages to callers are the gateway's own text.
"""

import base64
import html
import json
import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MAXIMUM_CHARACTERS: Final = 200
READ_CHARACTERS: Final = 4000
"""The number of characters that are examined. The rest is dropped."""

_HIDDEN: Final = "\udfff"  # a lone surrogate, which no text that was sent can contain
_RUN_OF_HIDDEN = re.compile(f"{_HIDDEN}+")
_MARKUP = re.compile(r"<[^<>]*>")
_STACK_TRACE = re.compile(r"(?:^|\s)(?:at [\w.$]+\(|Traceback \(most recent call last\)|Caused by:).*", re.DOTALL)
# Includes lone surrogates: JSON can escape them, but UTF-8 cannot encode them.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PEM = re.compile(r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)


def sanitize(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the beginning of `text` without markup, stack traces, PEM blocks, control characters, and `secrets`.

    A secret is also removed where it is percent-encoded, encoded in Base64, or escaped for HTML or JSON.
    """
    hidden = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
    text = _RUN_OF_HIDDEN.sub("***", _hide(text, hidden))
    text = _STACK_TRACE.sub("", _MARKUP.sub(" ", _PEM.sub(" ", text)))
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:MAXIMUM_CHARACTERS]


def _spellings(secret: str) -> tuple[str, ...]:
    """Return the forms in which a response can echo a secret: as it is, or encoded in a form, HTML, JSON, or Base64."""
    encoded = quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")
    in_base64 = base64.b64encode(secret.encode(errors="replace")).decode("ascii")
    return (secret, *encoded, html.escape(secret), json.dumps(secret)[1:-1], in_base64)


def _hide(text: str, secrets: Collection[str]) -> str:
    """Replace each secret by as many marks as it has characters, so that a secret at the cut is hidden too."""
    text = text[: READ_CHARACTERS + max(map(len, secrets), default=0)]
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN * len(secret))
    return text[:READ_CHARACTERS]
