"""The index of a journal: a SQLite database that answers audit queries.

A separate process reads new records from the chains of the journal and writes the database. The gateway and the command
line read the database. It contains only data from the journal, can be deleted at any time, and is not evidence.

- `schema`: the tables, and how their file is created and opened
- `following`, `call_writer`, `removal`, `rollups`, `indexer`: writing
- `listing`, `lookup`, `summary`, `coverage`: queries
- `local_source`: queries for the gateway; `offline`: queries for a directory without a gateway
- `__main__`: the process of the indexer, which the gateway starts
"""
