"""Known messages: the texts of an upstream that a record can keep, because they cannot contain an echo of the request.

A known message is recorded in the spelling of the status table, never in that of the response.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_MAXIMUM_CHARACTERS: Final = 1000
"""The number of characters that are searched for a known message."""

_PLACEHOLDER: Final = "{}"
_NUMBER: Final = "([0-9][0-9,]{0,11})"


class MatchedMessage(NamedTuple):
    """A known message at the beginning of a text.

    known: the message, with `…` in place of each number. numbers: the digits of these numbers. rest: the other text.
    """

    known: str
    numbers: tuple[str, ...]
    rest: str


class KnownMessages:
    """The known messages of one upstream. `{}` in a message stands for a number with at most 12 characters."""

    def __init__(self, messages: Iterable[str]) -> None:
        longest_first = sorted(dict.fromkeys(messages), key=len, reverse=True)
        self._patterns = [(_pattern(message), message.replace(_PLACEHOLDER, "…")) for message in longest_first]

    def match(self, text: str) -> MatchedMessage | None:
        """Return the longest known message that the text begins with; None if there is none.

        Case, white space, and the punctuation at the end of the message are ignored. A known message further inside
        does not count, because it can be the caller's own text that the upstream quotes.
        """
        head = text[:_MAXIMUM_CHARACTERS]
        for pattern, known in self._patterns:
            if (found := pattern.match(head)) is not None:
                numbers = tuple(number.replace(",", "") for number in found.groups())
                return MatchedMessage(known, numbers, text[found.end() :].strip())
        return None


def _pattern(message: str) -> re.Pattern[str]:
    words = message.rstrip(" .!").split()
    escaped = r"\s+".join(re.escape(word).replace(re.escape(_PLACEHOLDER), _NUMBER) for word in words)
    # The message ends at the end of a word.
    return re.compile(rf"\s*{escaped}(?![^\W_])[\s.!]*", re.IGNORECASE)
