"""Selection of the configured audit source."""

from gateway.audit_query.central.source import CentralSource
from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.settings import AuditSection, QuerySettings
from gateway.audit_query.source import AuditSource


def create_source(audit: AuditSection, query: QuerySettings) -> AuditSource:
    """Return the configured source."""
    if query.central is not None:
        return CentralSource(query.central, query.timeout)
    return LocalSource(audit.directory, audit.index_directory, timeout=query.timeout)
