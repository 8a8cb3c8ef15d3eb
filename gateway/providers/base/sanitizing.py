"""Makes text of an upstream fit for the audit record, the span and the log.

No HTML, stack trace or control character, and none of the secrets that were sent; short. Callers get the
gateway's own wording instead: upstream text never reaches them.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

MAXIMUM_CHARACTERS: Final = 200
READ_CHARACTERS: Final = 4000
"""As much of a text is looked at; what follows is dropped."""

_HIDDEN: Final = "\udfff"  # no text that is sent can hold it, and it keeps what is cut at its place
_RUN_OF_HIDDEN = re.compile(f"{_HIDDEN}+")
_MARKUP = re.compile(r"<[^<>]*>")
_STACK_TRACE = re.compile(r"(?:^|\s)(?:at [\w.$]+\(|Traceback \(most recent call last\)|Caused by:).*", re.DOTALL)
# Half of a surrogate pair too, which JSON can escape, and which neither a record nor a span can hold.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PEM = re.compile(r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without markup, traces, PEM blocks, control characters and any of `secrets`; only its beginning."""
    text = _RUN_OF_HIDDEN.sub("***", _hide(text, {secret for secret in secrets if secret}))
    text = _STACK_TRACE.sub("", _MARKUP.sub(" ", _PEM.sub(" ", text)))
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:MAXIMUM_CHARACTERS]


def _hide(text: str, secrets: Collection[str]) -> str:
    """The beginning of `text`, its secrets replaced by as many marks: one that the cut goes through is hidden too."""
    text = text[: READ_CHARACTERS + max(map(len, secrets), default=0)]
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN * len(secret))
    return text[:READ_CHARACTERS]
