"""Whose signatures count in a chain: the keys that are given, and those that these vouch for.

A key is vouched for by a trusted one whose checkpoint stands after the record that names it: what a checkpoint signs is
the whole chain up to it. So it does not matter which of a chain's keys is given, as long as a trusted one has the last
word.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.journal.format.checkpoints import Checkpoint
from gateway.journal.format.keys import VerifyingKey
from gateway.journal.format.records import MalformedRecord
from gateway.journal.verify.report import Place


class Trust:
    """unvouched: the key of the first checkpoint that no trusted key has vouched for yet, with where it is."""

    def __init__(self, keys: Iterable[VerifyingKey]) -> None:
        self._keys = {key.id: key for key in keys}
        self._trusted = set(self._keys)
        self.unvouched: tuple[str, Place] | None = None
        self.established = False

    def name(self, body: Mapping[str, Any]) -> None:
        """Take note of the key that the head of a segment names. MalformedRecord."""
        try:
            key = VerifyingKey.from_text(body["key"]["public_key"])
        except (KeyError, TypeError, ValueError):
            raise MalformedRecord("it names no key") from None
        if key.id != body["key"].get("id"):
            raise MalformedRecord("the key that it names has another id")
        self._keys.setdefault(key.id, key)

    def check(self, checkpoint: Checkpoint, place: Place) -> None:
        """Verify a signature of the chain. MalformedRecord where it is wrong, or of a key that nobody named."""
        self.check_signature(checkpoint)
        if checkpoint.key_id in self._trusted:
            self._trusted |= self._keys.keys()
            self.unvouched = None
            self.established = True
        elif self.unvouched is None:
            self.unvouched = (checkpoint.key_id, place)

    def check_signature(self, checkpoint: Checkpoint) -> None:
        """That the key it names made it. MalformedRecord."""
        if (key := self._keys.get(checkpoint.key_id)) is None:
            raise MalformedRecord(f"it is signed with key {checkpoint.key_id}, which is not known")
        if not checkpoint.signed_by(key):
            raise MalformedRecord(f"its signature is not that of key {checkpoint.key_id}")

    def knows(self, key_id: str) -> bool:
        """Whether a key was given or named."""
        return key_id in self._keys
