"""The attributes of shipped records, of the log record and, for the journal, of the resource."""

from typing import Final

CHAIN: Final = "keyway.audit.chain"
SEQUENCE: Final = "keyway.audit.sequence"
PREVIOUS: Final = "keyway.audit.previous"
KIND: Final = "keyway.audit.kind"
HASH: Final = "keyway.audit.hash"
JOURNAL: Final = "keyway.audit.journal"
