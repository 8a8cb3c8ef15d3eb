"""Makes text of an upstream fit for the audit record, the span and the log.

No HTML, stack trace or control character, and none of the secrets that were sent; short. Callers get the
gateway's own wording instead: upstream text never reaches them.
"""

import re
from collections.abc import Iterable
from typing import Final

MAXIMUM_CHARACTERS: Final = 200

_MARKUP = re.compile(r"<[^>]*>")
_STACK_TRACE = re.compile(r"(?:^|\s)(?:at [\w.$]+\(|Traceback \(most recent call last\)|Caused by:).*", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PEM = re.compile(r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without markup, traces, PEM blocks, control characters and any of `secrets`."""
    for secret in sorted((secret for secret in secrets if secret), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _STACK_TRACE.sub("", _MARKUP.sub(" ", _PEM.sub(" ", text)))
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:MAXIMUM_CHARACTERS]
