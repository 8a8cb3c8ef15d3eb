"""The tiles of a Merkle tree: files with up to 256 consecutive hashes of one level, as in C2SP tlog-tiles.

The tiles at level 0 contain the hashes of leaves. Each hash at level L + 1 is the root of a full tile at level L. A
full tile is the file `tile/<L>/<N>`. The last tile of a level is partial, and is the file `tile/<L>/<N>.p/<width>`. It
can remain after the full tile has been written.
"""

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from gateway.journal.format.regular_files import FileTooLarge, NotRegularFile, read_file
from gateway.merkle_log.hashing import HASH_BYTES, perfect_root

HEIGHT: Final = 8
"""The number of levels of the tree in a tile."""
WIDTH: Final = 1 << HEIGHT
"""The number of hashes in a full tile."""
_CACHED_TILES: Final = 64
_DIGITS: Final = 3


class DamagedTile(Exception):
    """A tile is missing or has another size. The message names the file."""


class Tile(NamedTuple):
    """One tile. number: its position in the level. width: the number of its hashes, from 1 to 256."""

    level: int
    number: int
    width: int

    def path(self, folder: Path) -> Path:
        """Return the file of the tile. folder: of the tree."""
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // _DIGITS) * _DIGITS)
        parts = [digits[begin : begin + _DIGITS] for begin in range(0, len(digits), _DIGITS)]
        name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        full = folder / "tile" / str(self.level) / name
        return full if self.width == WIDTH else full.with_name(f"{full.name}.p") / str(self.width)


def partial_tiles(size: int) -> Iterator[Tile]:
    """Yield the partial tiles of a tree with this number of leaves, from the lowest level to the highest."""
    level = 0
    while count := size >> HEIGHT * level:
        if width := count % WIDTH:
            yield Tile(level, count // WIDTH, width)
        level += 1


class TileReader:
    """The hashes of a stored tree with `size` leaves, and of each earlier tree. Keeps tiles in memory."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self._tile = lru_cache(_CACHED_TILES)(self._read)

    def perfect_hash(self, begin: int, end: int) -> bytes:
        """Return the root of a perfect subtree. begin, end: its leaves. Raises DamagedTile and OSError."""
        level, height = divmod((end - begin).bit_length() - 1, HEIGHT)
        index, first = divmod(begin >> HEIGHT * level, WIDTH)
        return perfect_root(self._tile(level, index)[first : first + (1 << height)])

    def leaves(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the hashes of leaves. Raises DamagedTile and OSError."""
        for index in range(begin // WIDTH, -(-end // WIDTH)):
            start = index * WIDTH
            yield from self._tile(0, index)[max(begin - start, 0) : end - start]

    def _read(self, level: int, index: int) -> Sequence[bytes]:
        width = min((self.size >> HEIGHT * level) - index * WIDTH, WIDTH)
        return read_tile(self.folder, Tile(level, index, width))


def read_tile(folder: Path, tile: Tile) -> Sequence[bytes]:
    """Return the hashes of a tile. Reads the full tile if the partial one is missing. Raises DamagedTile, OSError."""
    try:
        return _hashes(tile.path(folder), tile.width, tile.width)
    except FileNotFoundError:
        full = tile._replace(width=WIDTH)
    try:
        return _hashes(full.path(folder), WIDTH, tile.width)
    except FileNotFoundError:
        raise DamagedTile(f"{os.fspath(tile.path(folder))}: the tile is missing") from None


def _hashes(path: Path, width: int, count: int) -> Sequence[bytes]:
    """Return the first hashes of a file. width: the number of hashes in the file."""
    try:
        content = read_file(path, WIDTH * HASH_BYTES)
    except (FileTooLarge, NotRegularFile) as error:
        raise DamagedTile(f"{path}: {error.strerror}") from None
    if len(content) != width * HASH_BYTES:
        raise DamagedTile(f"{path}: the tile has {len(content)} bytes instead of {width * HASH_BYTES}")
    return [content[begin : begin + HASH_BYTES] for begin in range(0, count * HASH_BYTES, HASH_BYTES)]
