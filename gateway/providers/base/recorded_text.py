"""What an audit record, a span, and an error message can contain of an upstream's code and message.

Allowed are known codes, known messages, and short codes that cannot be an echo of the request. The length and a keyed
digest replace everything else. The search for secrets in `sanitizing.py` is only for the debug setting, because an
upstream can repeat a secret in more forms than a search can recognize.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from gateway.known_messages import KnownMessages
from gateway.providers.base.sanitizing import sanitize
from gateway.redaction import Redaction

_SHORT_CODE: Final = re.compile(r"[A-Z]{0,2}-?([0-9]{1,5})")
"""An unknown code that is kept, such as `52099`, `-40100`, or `E9`."""

_ECHO_CHARACTERS: Final = 4
"""The length from which equal characters in a code and in a secret count as an echo."""


def is_safe_code(code: str, secrets: Collection[str]) -> bool:
    """Return whether an unknown code can be recorded and returned: it is short, and in no way a part of a secret."""
    found = _SHORT_CODE.fullmatch(code)
    return found is not None and not any(_is_echo(found[1], code, secret) for secret in secrets)


def is_safe_number(digits: str, secrets: Collection[str]) -> bool:
    """Return whether a number from a known message can be returned."""
    return not any(_is_echo(digits, digits, secret) for secret in secrets)


def _is_echo(digits: str, code: str, secret: str) -> bool:
    if min(len(digits), len(secret)) < _ECHO_CHARACTERS:
        return code == secret
    return digits in secret or secret in code


def recorded_message(message: str, known_messages: KnownMessages, secrets: Sequence[str], redaction: Redaction) -> str:
    """Return an upstream's message for the record: a known message as the status table spells it, or a digest."""
    found = known_messages.match(message)
    if found is not None and not found.rest:
        return found.known
    return recorded_text(message.strip(), secrets, redaction)


def recorded_text(text: str, secrets: Sequence[str], redaction: Redaction) -> str:
    """Return the placeholder of unknown text; with the debug setting, the text with known secrets masked."""
    if not text:
        return ""
    return sanitize(text, secrets) if redaction.keep_text else redaction.placeholder(text)
