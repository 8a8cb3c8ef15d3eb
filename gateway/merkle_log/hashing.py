"""Hashes of a Merkle tree as in RFC 6962, section 2.1, with SHA-256."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root hash of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf. data: of the leaf; for a journal record, its 32-byte hash."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the parent of two nodes."""
    return sha256(b"\1" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a perfect tree with these nodes at its lowest level. Their number is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(*level[index : index + 2]) for index in range(0, len(level), 2)]
    return level[0]


def left_size(size: int) -> int:
    """Return the number of leaves in the left subtree: the largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1
