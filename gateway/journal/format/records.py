"""Journal records: one line of JSON each, chained by hashes. Defines their form, but neither files nor their meaning.

A line has exactly this form, without spaces between its members:

    {"chain":"<id>","sequence":<n>,"previous":"<hash>","kind":"<kind>","body":<object>,"hash":"<hash>"}\\n

The hash is the SHA-256 of the line's bytes before `,"hash":"`. It covers bytes, so verification does not depend on how
a JSON parser reads them.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple, Self, cast

import orjson

Kind = Literal["event", "segment", "checkpoint", "recovery", "interruption", "retention"]

NO_HASH: Final = "0" * 64
"""The previous hash of the first record."""

_LINE: Final = re.compile(
    rb'\{"chain":"([a-z0-9-]+)","sequence":([1-9][0-9]{0,17}),"previous":"([0-9a-f]{64})",'
    rb'"kind":"([a-z]+)","body":(\{.*\}),"hash":"([0-9a-f]{64})"\}\n'
)
_RECEIPT: Final = re.compile(r"([a-z0-9-]+):([1-9][0-9]{0,17}):([0-9a-f]{64})", re.ASCII)
TAIL_LENGTH: Final = len(b',"hash":"') + 64 + len(b'"}\n')
"""The number of bytes at the end of a line that the hash does not cover."""


class MalformedRecord(ValueError):
    """A line that is not a record, or not the expected one. The message says what is wrong."""


class Receipt(NamedTuple):
    """Identifies one record of a chain. A receipt proves later that the record existed."""

    chain: str
    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.chain}:{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the form that `str` writes. Raises ValueError."""
        if (match := _RECEIPT.fullmatch(text)) is None:
            raise ValueError("a receipt has the form CHAIN:SEQUENCE:HASH")
        return cls(match[1], int(match[2]), match[3])


@dataclass(frozen=True, slots=True)
class Record:
    """A record in a segment. line: the whole line, including the newline. body: the bytes of its JSON object."""

    chain: str
    sequence: int
    previous: str
    kind: Kind
    body: bytes
    hash: str
    line: bytes

    @property
    def receipt(self) -> Receipt:
        """The receipt of this record."""
        return Receipt(self.chain, self.sequence, self.hash)

    @property
    def intact(self) -> bool:
        """Whether the hash matches the line."""
        return sha256(self.line[:-TAIL_LENGTH]).hexdigest() == self.hash

    def value(self) -> dict[str, Any]:
        """Return the decoded body. Raises MalformedRecord if it is not a JSON object."""
        return decode_body(self.body)


def encode(chain: str, sequence: int, previous: str, kind: Kind, body: bytes) -> tuple[bytes, str]:
    """Return the line of a record, and its hash. body: a JSON object. Raises ValueError if it contains a newline."""
    if b"\n" in body:
        raise ValueError("the body of a record must not contain a newline")
    opening = f'{{"chain":"{chain}","sequence":{sequence},"previous":"{previous}","kind":"{kind}","body":'
    covered = opening.encode() + body
    digest = sha256(covered).hexdigest()
    return covered + f',"hash":"{digest}"}}\n'.encode(), digest


class RecordFields(NamedTuple):
    """The parts of a line, as bytes: for readers of many records, which need few of them as text."""

    chain: bytes
    sequence: bytes
    previous: bytes
    kind: bytes
    body: bytes
    hash: bytes


def split(line: bytes) -> RecordFields:
    """Return the parts of a complete line, without checking its hash. Raises MalformedRecord."""
    if (match := _LINE.fullmatch(line)) is None:
        raise MalformedRecord("the line does not have the form of a record")
    return RecordFields(*match.groups())


def parse(line: bytes) -> Record:
    """Return the record of a complete line, without checking its hash. Raises MalformedRecord."""
    chain, sequence, previous, kind, body, digest = split(line)
    return Record(
        chain.decode(), int(sequence), previous.decode(), cast("Kind", kind.decode()), body, digest.decode(), line
    )


def decode_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body. Raises MalformedRecord."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedRecord("the body is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedRecord("the body is not a JSON object")
    return value
