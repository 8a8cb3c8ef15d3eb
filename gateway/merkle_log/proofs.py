"""Root hashes, inclusion proofs, and consistency proofs of a tree that is stored as tiles (RFC 6962, section 2.1).

Each function takes the number of leaves of the tree, which can be any number up to that of the stored tree. The
functions raise ValueError for another number, and DamagedTile and OSError.
"""

from gateway.merkle_log.hashing import EMPTY_ROOT, left_size, node_hash
from gateway.merkle_log.tiles import TileReader


def root_hash(tiles: TileReader, size: int) -> bytes:
    """Return the root hash of a tree."""
    _check("size", size, 0, tiles.size)
    return _range_hash(tiles, 0, size) if size else EMPTY_ROOT


def inclusion_proof(tiles: TileReader, index: int, size: int) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root of a tree, the lowest first. index: of the leaf."""
    _check("size", size, 1, tiles.size)
    _check("index", index, 0, size - 1)
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + left_size(end - begin)
        if index < middle:
            proof.append(_range_hash(tiles, middle, end))
            end = middle
        else:
            proof.append(_range_hash(tiles, begin, middle))
            begin = middle
    return proof[::-1]


def consistency_proof(tiles: TileReader, earlier: int, size: int) -> list[bytes]:
    """Return the hashes that prove that a tree begins with an earlier tree. earlier: the size of that tree."""
    _check("size", size, 1, tiles.size)
    _check("earlier", earlier, 1, size)
    proof: list[bytes] = []
    begin, end = 0, size
    while end > earlier:
        middle = begin + left_size(end - begin)
        if earlier <= middle:
            proof.append(_range_hash(tiles, middle, end))
            end = middle
        else:
            proof.append(_range_hash(tiles, begin, middle))
            begin = middle
    if begin > 0:  # otherwise the subtree is the earlier tree, whose root the verifier knows
        proof.append(_range_hash(tiles, begin, end))
    return proof[::-1]


def _check(name: str, value: int, minimum: int, maximum: int) -> None:
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} must be from {minimum} to {maximum}, not {value}")


def _range_hash(tiles: TileReader, begin: int, end: int) -> bytes:
    """Return the root of the subtree with these leaves. There must be at least one leaf."""
    size = end - begin
    if size & (size - 1) == 0:
        return tiles.perfect_hash(begin, end)
    middle = begin + left_size(size)
    return node_hash(tiles.perfect_hash(begin, middle), _range_hash(tiles, middle, end))
