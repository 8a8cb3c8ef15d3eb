// Command merkle-vectors prints trees, proofs, and tiles that golang.org/x/mod/sumdb/tlog makes, for the unit tests of
// gateway/merkle_log. To replace the file that they read, run this in tests/merkle_log:
//
//	go run . > ../unit/merkle_log/data/vectors.json
//
// The data of leaf n is the text "record n".
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Size, Index int64
	Proof       tlog.RecordProof
}

type consistency struct {
	Size, Earlier int64
	Proof         tlog.TreeProof
}

type vectors struct {
	Roots         map[int64]tlog.Hash
	Inclusions    []inclusion
	Consistencies []consistency
	Tiles         map[string]int
	TileHashes    map[string]tlog.Hash
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	const largest = 70_000
	for n := int64(0); n < largest; n++ {
		hashes, err := tlog.StoredHashes(n, []byte(fmt.Sprintf("record %d", n)), read)
		check(err)
		stored = append(stored, hashes...)
	}
	out := vectors{Roots: map[int64]tlog.Hash{}, Tiles: map[string]int{}, TileHashes: map[string]tlog.Hash{}}
	sizes := []int64{1, 2, 3, 5, 7, 8, 255, 256, 257, 1000, 65536, 65793, largest}
	for _, size := range sizes {
		root, err := tlog.TreeHash(size, read)
		check(err)
		out.Roots[size] = root
		for _, index := range []int64{0, 1, size / 3, size / 2, size - 2, size - 1} {
			if index < 0 || index >= size {
				continue
			}
			proof, err := tlog.ProveRecord(size, index, read)
			check(err)
			out.Inclusions = append(out.Inclusions, inclusion{size, index, proof})
		}
		for _, earlier := range append(sizes, size-1, size/2, size/3) {
			if earlier < 1 || earlier > size {
				continue
			}
			proof, err := tlog.ProveTree(size, earlier, read)
			check(err)
			out.Consistencies = append(out.Consistencies, consistency{size, earlier, proof})
		}
	}
	for _, tile := range tlog.NewTiles(8, 0, largest) {
		data, err := tlog.ReadTileData(tile, read)
		check(err)
		name := tile.Path()[len("tile/8/"):]
		out.Tiles[name] = tile.W
		out.TileHashes[name] = tlog.RecordHash(data)
	}
	check(json.NewEncoder(os.Stdout).Encode(out))
}
