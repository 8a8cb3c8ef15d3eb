"""Merkle log of a journal: RFC 6962 trees over the hashes of records, stored as tiles (C2SP tlog-tiles).

- `hashing`: the hashes of leaves and nodes
- `tiles`: the files of a tree
- `proofs`: root hashes, inclusion proofs, and consistency proofs, made from tiles
- `tile_writer`: adds leaves to a tree

No other package uses it yet.
"""
