"""The index of a journal: a SQLite database that answers audit queries.

A process of its own follows the chains of the journal and writes the database; the gateway and the command line read
it. It contains nothing that the journal does not contain, can be deleted at any time, and is never used for proofs.

- `schema`: the tables, and how their file is created and opened
- `following`, `call_writer`, `removal`, `rollups`, `indexer`: writing
- `listing`, `lookup`, `summary`, `coverage`: queries
- `local_source`: queries for the gateway; `offline`: queries for a directory without a gateway
- `process`: the process of the indexer, as the gateway runs it
"""
