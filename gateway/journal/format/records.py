"""The journal's records: one line each, chained by hashes. Responsible for their form alone, not for files or meaning.

A line is JSON in exactly this form, without spaces between its members:

    {"chain":"<id>","sequence":<n>,"previous":"<hash>","kind":"<kind>","body":<object>,"hash":"<hash>"}\\n

The hash is SHA-256 over the line's bytes before `,"hash":"`, so that bytes are proven, and not one reading of them.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple, Self, cast

import orjson

Kind = Literal["event", "segment", "checkpoint", "recovery", "interruption", "retention"]

NO_HASH: Final = "0" * 64
"""Stands for the record before the first one."""

_LINE: Final = re.compile(
    rb'\{"chain":"([a-z0-9-]+)","sequence":([1-9][0-9]*),"previous":"([0-9a-f]{64})",'
    rb'"kind":"([a-z]+)","body":(\{.*\}),"hash":"([0-9a-f]{64})"\}\n'
)
_RECEIPT: Final = re.compile(r"([a-z0-9-]+):([1-9][0-9]*):([0-9a-f]{64})", re.ASCII)
TAIL_LENGTH: Final = len(b',"hash":"') + 64 + len(b'"}\n')
"""How many bytes of a line follow those that its hash covers."""


class MalformedRecord(ValueError):
    """A line that is no record, or not the one that its hash was made of; the message says what is wrong with it."""


class Receipt(NamedTuple):
    """One record of a chain, so that anyone who keeps this can show later that the record was there."""

    chain: str
    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.chain}:{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The receipt that `str` made; ValueError where it is none."""
        if (match := _RECEIPT.fullmatch(text)) is None:
            raise ValueError("a receipt has the form CHAIN:SEQUENCE:HASH")
        return cls(match[1], int(match[2]), match[3])


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stands in a segment; `line` is all of it with the newline, `body` its JSON object's bytes."""

    chain: str
    sequence: int
    previous: str
    kind: Kind
    body: bytes
    hash: str
    line: bytes

    @property
    def receipt(self) -> Receipt:
        """What names this record."""
        return Receipt(self.chain, self.sequence, self.hash)

    @property
    def intact(self) -> bool:
        """Whether the hash is that of the line."""
        return sha256(self.line[:-TAIL_LENGTH]).hexdigest() == self.hash

    def value(self) -> dict[str, Any]:
        """The body, decoded; MalformedRecord where it is no JSON object."""
        return decode_body(self.body)


def encode(chain: str, sequence: int, previous: str, kind: Kind, body: bytes) -> tuple[bytes, str]:
    """The line of a record, and its hash. The body is a JSON object, taken as it is; ValueError for several lines."""
    if b"\n" in body:
        raise ValueError("a record's body is one line")
    covered = b'{"chain":"%b","sequence":%d,"previous":"%b","kind":"%b","body":%b' % (
        chain.encode(),
        sequence,
        previous.encode(),
        kind.encode(),
        body,
    )
    digest = sha256(covered).hexdigest()
    return b'%b,"hash":"%b"}\n' % (covered, digest.encode()), digest


def parse(line: bytes) -> Record:
    """The record of a whole line, newline included, its hash unchecked; MalformedRecord where it has not the form."""
    if (match := _LINE.fullmatch(line)) is None:
        raise MalformedRecord("it has not the form of a record")
    chain, sequence, previous, kind, body, digest = match.groups()
    return Record(
        chain.decode(), int(sequence), previous.decode(), cast("Kind", kind.decode()), body, digest.decode(), line
    )


def decode_body(body: bytes) -> dict[str, Any]:
    """A body's JSON object; MalformedRecord where it is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedRecord("its body is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedRecord("its body is no JSON object")
    return value
