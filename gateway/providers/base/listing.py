"""Windows of certificate lists: the paging interface between the server and the adapters."""

from collections.abc import Sequence
from dataclasses import dataclass

from keyway.v1 import certificate_pb2 as certificate
from keyway.v1 import certificate_service_pb2 as certificates


@dataclass(frozen=True, slots=True)
class ListWindow:
    """Rows `offset` to `offset + limit` of a list, in the order of the upstream. `limit` is 1 to 1,000."""

    offset: int
    limit: int
    state: certificates.CertificateStateFilter.ValueType

    def of(self, rows: Sequence[certificate.Certificate]) -> "CertificatePage":
        """Return this window of a complete list."""
        return CertificatePage(rows[self.offset : self.offset + self.limit], len(rows))


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """The rows of a window, and the number of rows in the whole list."""

    certificates: Sequence[certificate.Certificate]
    total: int
