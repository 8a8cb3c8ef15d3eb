"""Splitting of a policy file into its policies, so that each is parsed alone and an error has a line number.

The module also rejects policies that are nested so deeply that the parser of Cedar would end the process: a change of a
policy file must not end the gateway. It understands only the comments, strings, brackets, and `;` of Cedar.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAXIMUM_NESTING: Final = 32
MAXIMUM_BRANCHES: Final = 32
MAXIMUM_TOKENS: Final = 4000

_TOKENS: Final = re.compile(
    r"""
    (?P<comment> //[^\n\r]* )
    | (?P<string> "(?:[^"\\]|\\.)*" )
    | (?P<space> \s+ )
    | (?P<branch> \bif\b )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<end> ; )
    | (?P<unended> " )
    | (?P<comma> , )
    | (?P<word> \w+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)

_NOT_COUNTED: Final = frozenset({"string", "comma", "space", "comment"})
"""The tokens that do not make a policy deeper, so their number is not limited."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The text of one policy with its `;`.

    line: its first line. nth: its number among the policies that begin in this line, from 1.
    """

    line: int
    nth: int
    text: str

    def location(self, file: str) -> str:
        """Return the location in a file: `web.cedar:3`, or `web.cedar:3#2` for the second policy in this line."""
        return f"{file}:{self.line}" if self.nth == 1 else f"{file}:{self.line}#{self.nth}"


class StatementError(ValueError):
    """The text cannot be split into policies, or a policy is too large to be parsed. `line` is its first line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(slots=True)
class _Size:
    """The size of the current policy."""

    tokens: int = 0
    depth: int = 0
    branches: int = 0

    def add(self, kind: str | None) -> None:
        self.depth += (kind == "open") - (kind == "close")
        self.branches += kind == "branch"
        self.tokens += kind not in _NOT_COUNTED

    @property
    def is_too_large(self) -> bool:
        return self.depth > MAXIMUM_NESTING or self.branches > MAXIMUM_BRANCHES or self.tokens > MAXIMUM_TOKENS


def split(text: str) -> Iterator[Statement]:
    """Yield the policies in the text of a file. Raise StatementError at the first one that cannot be split off."""
    begin: int | None = None
    line, first_line, nth = 1, 0, 0
    size = _Size()
    for token in _TOKENS.finditer(text):
        kind = token.lastgroup
        if begin is None and kind not in ("comment", "space"):
            nth = nth + 1 if line == first_line else 1
            begin, first_line = token.start(), line
            size = _Size()
        line += token[0].count("\n")
        size.add(kind)
        _check(kind, size, first_line)
        if kind == "end" and begin is not None:
            yield Statement(first_line, nth, text[begin : token.end()])
            begin = None
    if begin is not None:
        raise StatementError(first_line, "the policy does not end with ';'")


def _check(kind: str | None, size: _Size, line: int) -> None:
    if kind == "unended":
        raise StatementError(line, "a string is not terminated")
    if size.is_too_large:
        raise StatementError(
            line,
            f"the policy is too large: at most {MAXIMUM_NESTING} nested brackets, {MAXIMUM_BRANCHES} 'if' expressions, "
            f"and {MAXIMUM_TOKENS} tokens besides strings and commas",
        )
