"""The tamper-evident audit journal: how records are stored, verified, and shipped. Does not depend on the contract.

- `format`: records, hash chain, segments, checkpoints, and keys, as they are on disk
- `write`: the writer of a chain; `write.journal` is what the server uses
- `verify`: offline verification
- `ship`: shipping to an OpenTelemetry Collector, in a process of its own
"""
