"""The hash chain: checks each line against its own hash and against the record before it.

Also decides whether an incomplete last line is the start of a record, as a crash leaves it, or an altered record. Does
not depend on files.
"""

import re
from hashlib import sha256
from typing import Final

from gateway.journal.format.records import NO_HASH, TAIL_LENGTH, MalformedRecord, Record, parse

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}]|[^"{}]+', re.DOTALL)
_KIND_AND_BODY: Final = re.compile(rb'[a-z]+","body":(?=\{)')
_ANY_OPENING: Final = re.compile(rb'\{"chain":"[a-z0-9-]+","sequence":[0-9]+,"previous":"[0-9a-f]{64}","kind":"')
_BEGINNING: Final = b'{"chain":"'
_BODY_FOLLOWS: Final = b'","body":{'

ALTERED: Final = "the content does not match the hash"
LINK_BROKEN: Final = "the link does not match the hash of the previous record"


class HashChain:
    """A place in a chain: the record that the next one must follow. `follow` moves to the next record."""

    def __init__(self, chain: str, sequence: int, previous: str) -> None:
        self.chain = chain
        self.sequence = sequence
        self._hash = previous.encode()
        self._start = b'{"chain":"%b","sequence":' % chain.encode()

    @property
    def hash(self) -> str:
        """The hash of the last record."""
        return self._hash.decode()

    def opening(self) -> bytes:
        """Return the bytes with which the line of the next record must begin."""
        return b'%b%d,"previous":"%b","kind":"' % (self._start, self.sequence + 1, self._hash)

    def follow(self, line: bytes) -> tuple[bytes, bytes]:
        """Move to the next record, and return its kind and body. Raises MalformedRecord if `line` is another one."""
        covered = line[:-TAIL_LENGTH]
        digest = sha256(covered).hexdigest().encode()
        opening = self.opening()
        if line[-TAIL_LENGTH:] != b',"hash":"' + digest + b'"}\n' or not covered.startswith(opening):
            raise MalformedRecord(self._fault(line))
        end_of_kind = covered.find(_BODY_FOLLOWS, len(opening))
        if end_of_kind < 0:
            raise MalformedRecord("the line does not have the form of a record")
        self.sequence += 1
        self._hash = digest
        return covered[len(opening) : end_of_kind], covered[end_of_kind + len(_BODY_FOLLOWS) - 1 :]

    def _fault(self, line: bytes) -> str:
        """Why a line does not follow, for an error message."""
        record = parse(line)
        if not record.intact:
            return ALTERED
        if record.chain != self.chain:
            return f"the record belongs to another chain, {record.chain}"
        if record.sequence != self.sequence + 1:
            return f"the record has sequence number {record.sequence} instead of {self.sequence + 1}"
        return LINK_BROKEN


def check_segment_head(start: int, first: Record, previous: Record | None) -> None:
    """Check the first record of a segment. Raises MalformedRecord.

    start: the sequence number in the file name. previous: the last record of the segment before, if it is known.
    """
    if first.sequence != start:
        raise MalformedRecord(
            f"the file name states record {start}, but the segment begins with record {first.sequence}"
        )
    if previous is None:
        if first.sequence == 1 and first.previous != NO_HASH:
            raise MalformedRecord("the first record of the chain has a predecessor")
    elif first.sequence != previous.sequence + 1:
        raise MalformedRecord("records are missing before this segment")
    elif first.chain != previous.chain or first.previous != previous.hash:
        raise MalformedRecord(LINK_BROKEN)


def is_torn(rest: bytes, opening: bytes | None) -> bool:
    """Return whether an incomplete line can be the start of a record that begins with `opening`, or of any record.

    It can end with zeros: a power failure leaves them for blocks that were not written yet.
    """
    text = rest.rstrip(b"\0")
    if opening is None:
        if (found := _ANY_OPENING.match(text)) is None:
            return text[: len(_BEGINNING)] == _BEGINNING[: len(text)]
        opening = found[0]
    missing = _missing(text, opening)
    return missing is not None and (len(text) == len(rest) or missing != b"\n")


def _missing(text: bytes, opening: bytes) -> bytes | None:
    """Return the bytes that complete the record, empty if they are unknown; None if no record begins with this text."""
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
    """Return the end of the JSON object that begins at `start`; None if it is incomplete."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] == b'"':
            return None  # an incomplete string
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None
