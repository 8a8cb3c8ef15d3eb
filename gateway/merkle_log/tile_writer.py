"""Addition of leaves to a tree that is stored as tiles.

No call changes the tiles of the tree with the earlier size, except that a full tile replaces partial tiles. So if the
process is killed, the earlier tree is intact, and the same size can be opened again. Tiles that were written after it
are then overwritten.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from gateway.journal.format.durable_files import make_folder, replace
from gateway.merkle_log.hashing import perfect_root
from gateway.merkle_log.tiles import WIDTH, Tile, partial_tiles, read_tile


class TileWriter:
    """Writes the tiles of one tree. size: the number of its leaves. Raises DamagedTile and OSError.

    After an error, open the tree again with the size before the call that failed.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self.size = size
        self._edge: dict[int, list[bytes]] = {}
        for tile in partial_tiles(size):
            self._edge[tile.level] = list(read_tile(folder, tile))

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add leaves, and write their tiles durably. leaves: the hashes of the leaves. Raises OSError."""
        for leaf in leaves:
            self._add(0, leaf)
            self.size += 1
        for tile in partial_tiles(self.size):
            self._write(tile)

    def remove_partial_tiles(self, size: int) -> None:
        """Remove the partial tiles of an earlier tree that full tiles have replaced. Does not raise OSError.

        size: of the earlier tree. Call this after the present size is stored durably.
        """
        for tile in partial_tiles(size):
            if self.size >> 8 * tile.level >= (tile.number + 1) * WIDTH:
                shutil.rmtree(tile.path(self._folder).parent, ignore_errors=True)

    def _add(self, level: int, node: bytes) -> None:
        """Add a node to the last tile of a level. If the tile is then full, write it, and add its root above."""
        hashes = self._edge.setdefault(level, [])
        hashes.append(node)
        if len(hashes) == WIDTH:
            index = (self.size + 1 >> 8 * (level + 1)) - 1
            self._write(Tile(level, index, WIDTH))
            self._edge[level] = []
            self._add(level + 1, perfect_root(hashes))

    def _write(self, tile: Tile) -> None:
        path = tile.path(self._folder)
        make_folder(path.parent)
        replace(path, b"".join(self._edge[tile.level]))
