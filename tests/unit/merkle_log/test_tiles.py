"""Trees as tiles, compared with golang.org/x/mod/sumdb/tlog. `tests/merkle_log` makes the file of its results."""

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.merkle_log.hashing import EMPTY_ROOT, leaf_hash
from gateway.merkle_log.proofs import consistency_proof, inclusion_proof, root_hash
from gateway.merkle_log.tile_writer import TileWriter
from gateway.merkle_log.tiles import DamagedTile, Tile, TileReader

LARGEST = 70_000
LEAVES = [leaf_hash(b"record %d" % number) for number in range(LARGEST)]
EXPECTED = json.loads((Path(__file__).parent / "data/vectors.json").read_bytes())


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> TileReader:
    """A tree with the largest size."""
    folder = tmp_path_factory.mktemp("tree")
    TileWriter(folder, 0).append(LEAVES)
    return TileReader(folder, LARGEST)


def files(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def encoded(hashes: list[bytes]) -> list[str] | None:
    """Return hashes in the form of the file of results."""
    return [base64.b64encode(each).decode() for each in hashes] or None


def test_root_hashes_are_those_of_the_go_library(tiles: TileReader) -> None:
    for size, expected in EXPECTED["Roots"].items():
        assert encoded([root_hash(tiles, int(size))]) == [expected], size


def test_inclusion_proofs_are_those_of_the_go_library(tiles: TileReader) -> None:
    for each in EXPECTED["Inclusions"]:
        assert encoded(inclusion_proof(tiles, each["Index"], each["Size"])) == (each["Proof"] or None), each


def test_consistency_proofs_are_those_of_the_go_library(tiles: TileReader) -> None:
    for each in EXPECTED["Consistencies"]:
        assert encoded(consistency_proof(tiles, each["Earlier"], each["Size"])) == (each["Proof"] or None), each


def test_tiles_have_the_paths_and_contents_of_the_go_library(tiles: TileReader) -> None:
    assert tile_hashes(files(tiles.folder)) == EXPECTED["TileHashes"]


def tile_hashes(contents: dict[str, bytes]) -> dict[str, Any]:
    """Return the hashes of tiles in the form of the file of results."""
    return {path.removeprefix("tile/"): base64.b64encode(leaf_hash(each)).decode() for path, each in contents.items()}


def test_tree_that_grows_in_steps_has_the_same_tiles(tiles: TileReader, tmp_path: Path) -> None:
    sizes = [0, 1, 2, 255, 256, 257, 300, 1024, 1025, 65_535, 65_536, 65_537, LARGEST]
    for size, following in pairwise(sizes):
        writer = TileWriter(tmp_path, size)
        writer.append(LEAVES[size:following])
        writer.remove_partial_tiles(size)
        assert writer.size == following
    assert files(tmp_path) == files(tiles.folder)


@pytest.mark.parametrize("size", [1, 200, 256, 511, 65_535])
def test_earlier_tree_is_intact_after_an_addition_that_was_not_completed(size: int, tmp_path: Path) -> None:
    """The tiles of other leaves remain on the disk. The tree is opened again with the size before them."""
    TileWriter(tmp_path, 0).append(LEAVES[:size])
    root = root_hash(TileReader(tmp_path, size), size)
    TileWriter(tmp_path, size).append(leaf_hash(b"lost %d" % number) for number in range(700))
    assert root_hash(TileReader(tmp_path, size), size) == root
    writer = TileWriter(tmp_path, size)
    writer.append(LEAVES[size : size + 800])
    assert list(TileReader(tmp_path, writer.size).leaves(0, writer.size)) == LEAVES[: size + 800]


def test_tree_without_leaves_has_the_empty_root(tmp_path: Path) -> None:
    assert root_hash(TileReader(tmp_path, 0), 0) == EMPTY_ROOT


def test_tile_index_has_path_elements_of_three_digits() -> None:
    """The example of C2SP tlog-tiles."""
    assert str(Tile(0, 1_234_067, 256).path(Path())) == "tile/0/x001/x234/067"
    assert str(Tile(2, 0, 17).path(Path())) == "tile/2/000.p/17"


def test_missing_truncated_and_linked_tiles_are_named(tmp_path: Path) -> None:
    TileWriter(tmp_path, 0).append(LEAVES[:300])
    partial = tmp_path / "tile/0/001.p/44"
    content = partial.read_bytes()
    partial.write_bytes(content[:-1])
    with pytest.raises(DamagedTile, match=r"001.p/44: the tile has 1407 bytes instead of 1408"):
        root_hash(TileReader(tmp_path, 300), 300)
    partial.unlink()
    with pytest.raises(DamagedTile, match=r"001.p/44: the tile is missing"):
        TileWriter(tmp_path, 300)
    other = tmp_path / "other"
    other.write_bytes(content)
    partial.symlink_to(other)
    with pytest.raises(DamagedTile, match=r"001.p/44: not a regular file"):
        TileWriter(tmp_path, 300)


def test_proofs_for_other_trees_are_rejected(tiles: TileReader) -> None:
    with pytest.raises(ValueError, match="index must be from 0 to 9, not 10"):
        inclusion_proof(tiles, 10, 10)
    with pytest.raises(ValueError, match="earlier must be from 1 to 10, not 11"):
        consistency_proof(tiles, 11, 10)
    with pytest.raises(ValueError, match="size must be from 0 to 70000, not 70001"):
        root_hash(tiles, LARGEST + 1)
