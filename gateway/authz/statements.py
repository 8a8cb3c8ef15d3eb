"""Cuts the text of a policy file into its policies, so that each can be parsed alone and its faults have a line.

Also holds back what Cedar's parser would follow so deep that the process ends: a change of a policy file must never end
the gateway. Knows of Cedar's syntax only comments, strings, brackets and `;`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAXIMUM_NESTING: Final = 32
MAXIMUM_BRANCHES: Final = 32
MAXIMUM_WORDS: Final = 4000

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


_ENDLESS: Final = frozenset({"string", "comma", "space", "comment"})
"""What does not make a policy deeper, however much of it there is."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The text of one policy with its `;`. line: that it begins in. nth: of the policies that begin there, from 1."""

    line: int
    nth: int
    text: str

    def place(self, file: str) -> str:
        """Where it stands in that file."""
        return f"{file}:{self.line}" if self.nth == 1 else f"{file}:{self.line}#{self.nth}"


class StatementError(ValueError):
    """The text can't be cut into policies, or must not be parsed; `line` is where."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(fault)
        self.line = line


def split(text: str) -> Iterator[Statement]:
    """The policies in a file's text."""
    begin: int | None = None
    line, first_line, nth = 1, 0, 0
    words = depth = branches = 0
    for token in _TOKENS.finditer(text):
        kind = token.lastgroup
        if begin is None and kind not in ("comment", "space"):
            nth = nth + 1 if line == first_line else 1
            begin, first_line = token.start(), line
            words = depth = branches = 0
        line += token[0].count("\n")
        depth += (kind == "open") - (kind == "close")
        branches += kind == "branch"
        words += kind not in _ENDLESS
        if kind == "unended":
            raise StatementError(first_line, "a string has no end")
        if depth > MAXIMUM_NESTING or branches > MAXIMUM_BRANCHES or words > MAXIMUM_WORDS:
            raise StatementError(
                first_line,
                f"the policy is too large: at most {MAXIMUM_NESTING} brackets within each other, {MAXIMUM_BRANCHES} "
                f"times 'if' and {MAXIMUM_WORDS} words and signs beside strings and commas",
            )
        if kind == "end" and begin is not None:
            yield Statement(first_line, nth, text[begin : token.end()])
            begin = None
    if begin is not None:
        raise StatementError(first_line, "the policy does not end with ';'")
