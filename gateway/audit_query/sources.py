"""Selection of the configured audit source. Only its modules are imported: aiohttp or SQLite."""

from gateway.audit_query.settings import AuditSection, QuerySettings
from gateway.audit_query.source import AuditSource


def create_source(audit: AuditSection, query: QuerySettings) -> AuditSource:
    """Return the configured source."""
    if query.central is not None:
        from gateway.audit_query.central.source import CentralSource  # noqa: PLC0415

        return CentralSource(query.central, query.timeout)
    from gateway.audit_query.index.local_source import LocalSource  # noqa: PLC0415

    return LocalSource(audit.directory, audit.index_directory, timeout=query.timeout)
