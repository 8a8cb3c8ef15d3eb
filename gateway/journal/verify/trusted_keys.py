"""Trusted keys: which signatures count in a chain.

Trusted are the given keys, and every key that the chain names in a record which a checkpoint of a trusted key covers: a
checkpoint signs the whole chain before it. So any key of a chain can be given, if a trusted key signed the last
checkpoint.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.journal.format.checkpoints import Checkpoint
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.payloads import named_key
from gateway.journal.format.records import MalformedRecord
from gateway.journal.verify.report import RecordLocation


class TrustedKeys:
    """The keys of one chain during verification.

    untrusted: the key and location of the first checkpoint that no later checkpoint of a trusted key covers, or None.
    established: whether a trusted key signed any checkpoint. changes: where the named key changes: the sequence number
    of the record that names another key than the segment before, and the ids of both keys.
    """

    def __init__(self, keys: Iterable[JournalPublicKey]) -> None:
        self._keys = {key.id: key for key in keys}
        self._trusted = set(self._keys)
        self.untrusted: tuple[str, RecordLocation] | None = None
        self.established = False
        self.changes: list[dict[str, Any]] = []
        self._named = ""

    @property
    def trusted(self) -> list[JournalPublicKey]:
        """The keys that are trusted so far."""
        return [key for key in self._keys.values() if key.id in self._trusted]

    def add_named(self, body: Mapping[str, Any], sequence: int) -> None:
        """Add the key that the first record of a segment names. Raises MalformedRecord."""
        key = named_key(body)
        self._keys.setdefault(key.id, key)
        if self._named not in ("", key.id):
            self.changes.append({"sequence": sequence, "from": self._named, "to": key.id})
        self._named = key.id

    def check(self, checkpoint: Checkpoint, location: RecordLocation) -> None:
        """Verify a checkpoint of the chain. MalformedRecord if the signature is wrong or the key is unknown."""
        self.check_signature(checkpoint)
        if checkpoint.key_id in self._trusted:
            self._trusted |= self._keys.keys()
            self.untrusted = None
            self.established = True
        elif self.untrusted is None:
            self.untrusted = (checkpoint.key_id, location)

    def check_signature(self, checkpoint: Checkpoint) -> None:
        """Verify the signature with the key that the checkpoint names. Raises MalformedRecord."""
        if (key := self._keys.get(checkpoint.key_id)) is None:
            raise MalformedRecord(f"the checkpoint is signed with unknown key {checkpoint.key_id}")
        if not checkpoint.signed_by(key):
            raise MalformedRecord(f"the signature does not verify with key {checkpoint.key_id}")

    def knows(self, key_id: str) -> bool:
        """Return whether a key was given or named."""
        return key_id in self._keys
