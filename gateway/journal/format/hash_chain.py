"""Following a chain record by record: is each line the one that its predecessor and its own hash demand?

What a last line without its end is: one that a crash cut off, or one that was altered. Knows nothing of files.
"""

import re
from hashlib import sha256
from typing import Final

from gateway.journal.format.records import TAIL_LENGTH, MalformedRecord, parse

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}]|[^"{}]+', re.DOTALL)
_KIND_AND_BODY: Final = re.compile(rb'[a-z]+","body":(?=\{)')
_ANY_OPENING: Final = re.compile(rb'\{"chain":"[a-z0-9-]+","sequence":[0-9]+,"previous":"[0-9a-f]{64}","kind":"')
_BEGINNING: Final = b'{"chain":"'
_BODY_FOLLOWS: Final = b'","body":{'


class Links:
    """A place in a chain: what the next record must continue. `follow` moves on by one."""

    def __init__(self, chain: str, sequence: int, previous: str) -> None:
        self.chain = chain
        self.sequence = sequence
        self._hash = previous.encode()
        self._start = b'{"chain":"%b","sequence":' % chain.encode()

    @property
    def hash(self) -> str:
        """Of the last record."""
        return self._hash.decode()

    def opening(self) -> bytes:
        """How the line of the next record must begin."""
        return b'%b%d,"previous":"%b","kind":"' % (self._start, self.sequence + 1, self._hash)

    def follow(self, line: bytes) -> tuple[bytes, bytes]:
        """The kind and body of the next record; MalformedRecord where this line is not the next record."""
        covered = line[:-TAIL_LENGTH]
        digest = sha256(covered).hexdigest().encode()
        opening = self.opening()
        if line[-TAIL_LENGTH:] != b',"hash":"' + digest + b'"}\n' or not covered.startswith(opening):
            raise MalformedRecord(self._fault(line))
        end_of_kind = covered.find(_BODY_FOLLOWS, len(opening))
        if end_of_kind < 0:
            raise MalformedRecord("it has not the form of a record")
        self.sequence += 1
        self._hash = digest
        return covered[len(opening) : end_of_kind], covered[end_of_kind + len(_BODY_FOLLOWS) - 1 :]

    def _fault(self, line: bytes) -> str:
        """In words, for a line that does not follow."""
        record = parse(line)
        if not record.intact:
            return "its content is not what its hash was made of"
        if record.chain != self.chain:
            return f"it belongs to another chain, {record.chain}"
        if record.sequence != self.sequence + 1:
            return f"it has sequence {record.sequence}, where {self.sequence + 1} must follow"
        return "its link is not the hash of the record before it"


def is_torn(rest: bytes, opening: bytes | None) -> bool:
    """Whether a line without its end can be the beginning of a record that starts with `opening`, or of any.

    Zeros at its end are what a power failure makes of a line whose blocks were not written yet.
    """
    text = rest.rstrip(b"\0")
    if opening is None:
        if (found := _ANY_OPENING.match(text)) is None:
            return text[: len(_BEGINNING)] == _BEGINNING[: len(text)]
        opening = found[0]
    missing = _missing(text, opening)
    return missing is not None and (len(text) == len(rest) or missing != b"\n")


def _missing(text: bytes, opening: bytes) -> bytes | None:
    """What at least has to follow the text for a record, empty where that is not known; None where nothing can."""
    if len(text) <= len(opening):
        return b"" if opening.startswith(text) else None
    if not text.startswith(opening):
        return None
    after = text[len(opening) :]
    if (found := _KIND_AND_BODY.match(after)) is None:
        kind = re.match(rb"[a-z]*", after)
        assert kind is not None
        return b"" if _BODY_FOLLOWS.startswith(after[kind.end() :]) else None
    if (end := _end_of_object(after, found.end())) is None:
        return b""
    ending = b',"hash":"%b"}\n' % sha256(text[: len(opening) + end]).hexdigest().encode()
    tail = after[end:]
    return ending[len(tail) :] or None if ending.startswith(tail) else None


def _end_of_object(text: bytes, start: int) -> int | None:
    """Where the JSON object that starts there ends; None where the text ends first."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] == b'"':
            return None  # a text that does not end
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None
