"""The indexer as a child process of the gateway: it keeps the index of the journal up to date."""

from typing import Final

import orjson

from gateway.audit_query.settings import AuditSection
from gateway.child_process import ChildProcess

_STOP_SECONDS: Final = 5.0


class IndexProcess(ChildProcess):
    """The indexer of a journal. When it stops, it does not index the last records. It does so after the next start."""

    def __init__(self, audit: AuditSection, *, log_level: str = "info", log_format: str = "json") -> None:
        settings = {
            "directory": str(audit.directory.absolute()),
            "index": str(audit.index_directory.absolute()),
            "log_level": log_level,
            "log_format": log_format,
        }
        super().__init__(
            "gateway.audit_query.index", orjson.dumps(settings) + b"\n", name="audit_index", stop_seconds=_STOP_SECONDS
        )
