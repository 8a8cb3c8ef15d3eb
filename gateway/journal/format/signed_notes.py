"""Signed notes in the form of log checkpoints: C2SP signed-note and tlog-checkpoint, with Ed25519.

The first line of a note's text is its origin, which is also the name of the key. Two lines are reserved for the size
and the root hash of a Merkle tree. Until there is a tree, they say that the tree is empty, so that every note is a
valid checkpoint. The other lines are extension lines, which say what the note is about.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from gateway.journal.format.keys import JournalPublicKey, SigningKey

_ED25519: Final = b"\x01"
_KEY_HASH_BYTES: Final = 4
MAXIMUM_BYTES: Final = 1 << 20
_SIGNATURE: Final = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/=]+)")
_CONTROL: Final = re.compile("[\\x00-\\x09\\x0b-\\x1f]")
EMPTY_TREE: Final = ("0", base64.b64encode(sha256(b"").digest()).decode())
"""Size and root hash of an empty Merkle tree."""


class MalformedNote(ValueError):
    """The text is not a signed note."""


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note with its signatures: key name, key hash, and signature of each."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Read a note without verifying it. Raises MalformedNote."""
        text, separator, lines = note.rpartition("\n\n")
        if not separator or not lines.endswith("\n") or len(note) > MAXIMUM_BYTES or _CONTROL.search(note):
            raise MalformedNote("not a signed note")
        return cls(text + "\n", tuple(_signature(line) for line in lines[:-1].split("\n")))

    @property
    def origin(self) -> str:
        """The first line."""
        return self.text.partition("\n")[0]

    @property
    def extensions(self) -> list[str]:
        """The lines after origin, tree size, and root hash. Raises MalformedNote if one of these is missing."""
        lines = self.text[:-1].split("\n")
        if len(lines) < 1 + len(EMPTY_TREE) or not all(lines) or not lines[1].isdecimal():
            raise MalformedNote("the note is not a checkpoint")
        return lines[1 + len(EMPTY_TREE) :]

    def signed_by(self, key: JournalPublicKey) -> bool:
        """Return whether the note has a valid signature of this key under the name of its origin."""
        named = [each for name, hashed, each in self.signatures if (name, hashed) == (self.origin, _hash(name, key))]
        return bool(named) and all(key.verifies(signature, self.text.encode()) for signature in named)


def sign_checkpoint(origin: str, extensions: list[str], key: SigningKey) -> str:
    """Return a signed checkpoint of an empty tree with these extension lines."""
    text = "".join(f"{line}\n" for line in (origin, *EMPTY_TREE, *extensions))
    signature = _hash(origin, key.public) + key.sign(text.encode())
    return f"{text}\n\u2014 {origin} {base64.b64encode(signature).decode()}\n"


def verifier_key(name: str, key: JournalPublicKey) -> str:
    """Return the public key in the form that verifiers of signed notes take."""
    return f"{name}+{_hash(name, key).hex()}+{base64.b64encode(_ED25519 + key.raw).decode()}"


def _hash(name: str, key: JournalPublicKey) -> bytes:
    """Return the key ID that signed notes use. It depends on the name, so it differs from the key ID of the journal."""
    return sha256(b"%b\n%b%b" % (name.encode(), _ED25519, key.raw)).digest()[:_KEY_HASH_BYTES]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    if (match := _SIGNATURE.fullmatch(line)) is None:
        raise MalformedNote("the note has a malformed signature line")
    try:
        value = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise MalformedNote("the note has a malformed signature line") from None
    return match[1], value[:_KEY_HASH_BYTES], value[_KEY_HASH_BYTES:]
