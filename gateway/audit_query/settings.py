"""Settings of `audit.query`, and the `audit` section with it: the journal itself knows no queries."""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from gateway.audit_query.central.settings import CentralSettings
from gateway.config.base import Located, Settings
from gateway.journal.settings import AuditSettings

_INDEX: Final = "index"
"""The folder of the index in the journal directory, unless another one is configured."""


class QuerySettings(Settings):
    """Audit queries."""

    source: Literal["local", "central"] = Field(
        default="local",
        description=(
            "local: queries are answered from an index of this gateway's journal, which a process of the gateway keeps "
            "up to date. central: queries are answered from the central store, which has the records of all gateways."
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
            "Directory of the index, on a local disk. It can be deleted at any time, and is then built again. Default: "
            "index in audit.directory."
        ),
    )

    central: CentralSettings | None = Field(
        default=None, description="The central store. Required by source: central, and by no other source."
    )

    def model_post_init(self, _context: object) -> None:
        """Require the central store exactly if it is the source."""
        if self.source == "central" and self.central is None:
            raise ValueError("source: central requires the section central, which names the store")
        if self.source != "central" and self.central is not None:
            raise ValueError("the section central requires source: central")
        if self.source == "central" and self.index_directory is not None:
            raise ValueError("index_directory requires source: local")


class AuditSection(AuditSettings):
    """The audit journal."""

    query: QuerySettings | None = Field(
        default=None, description="Queries about audit records. Default: AuditService answers none."
    )

    @property
    def index_directory(self) -> Path:
        """The directory of the index."""
        configured = self.query.index_directory if self.query is not None else None
        return configured if configured is not None else self.directory / _INDEX
