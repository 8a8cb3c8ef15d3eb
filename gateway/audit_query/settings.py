"""Settings of `audit.query`, and the complete `audit` section. The journal package does not depend on queries."""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from gateway.audit_query.central.settings import CentralSettings
from gateway.config.base import Located, Settings
from gateway.journal.settings import AuditSettings

_INDEX: Final = "index"
"""The default folder of the index, in the journal directory."""


class QuerySettings(Settings):
    """Audit queries."""

    source: Literal["local", "central"] = Field(
        default="local",
        description=(
            "Where the answers come from. local: from an index of this gateway's journal, which a separate process of "
            "the gateway updates. central: from the central store, which contains the records of all gateways."
        ),
    )
    timeout: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Time limit of one query, in seconds. The deadline of the caller also applies.",
    )
    index_directory: Located | None = Field(
        default=None,
        description=(
            "Directory of the index, on a local disk. You can delete it at any time; the gateway then builds the index "
            "again. Default: the folder index in audit.directory."
        ),
    )

    central: CentralSettings | None = Field(
        default=None, description="The central store. Required if source is central, and not accepted otherwise."
    )

    def model_post_init(self, _context: object) -> None:
        """Require `central` if it is the source, and reject it otherwise."""
        if self.source == "central" and self.central is None:
            raise ValueError("source: central requires the section central, which names the store")
        if self.source != "central" and self.central is not None:
            raise ValueError("the section central requires source: central")
        if self.source == "central" and self.index_directory is not None:
            raise ValueError("index_directory requires source: local")


class AuditSection(AuditSettings):
    """The audit journal."""

    query: QuerySettings | None = Field(
        default=None, description="Audit queries. Default: AuditService rejects all queries."
    )

    @property
    def index_directory(self) -> Path:
        """The directory of the index."""
        configured = self.query.index_directory if self.query is not None else None
        return configured if configured is not None else self.directory / _INDEX
