"""Windows of certificate lists: the paging interface between the server and the adapters."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload

from keyway.v1 import certificate_pb2 as certificate
from keyway.v1 import certificate_service_pb2 as certificates

MAXIMUM_PAGE_BYTES: Final = 2 * 1024 * 1024
"""A page of a list ends after the row that reaches this size. Clients receive messages of 4 MiB by default."""


@dataclass(frozen=True, slots=True)
class ListWindow:
    """Rows `offset` to `offset + limit` of a list, in the order of the upstream. `limit` is 1 to 1,000."""

    offset: int
    limit: int
    state: certificates.CertificateStateFilter.ValueType

    def of(self, rows: Sequence[certificate.Certificate]) -> "CertificatePage":
        """Return this window of a complete list."""
        return CertificatePage(rows[self.offset : self.offset + self.limit], len(rows))


class LazyRows(Sequence[certificate.Certificate]):
    """Rows that become messages when they are used.

    A list over several providers reads pages of the later providers too, but mostly uses only their number of rows.
    """

    def __init__(self, rows: Iterable[certificate.Certificate | Callable[[], certificate.Certificate]] = ()) -> None:
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> certificate.Certificate: ...
    @overload
    def __getitem__(self, index: slice) -> "LazyRows": ...
    def __getitem__(self, index: int | slice) -> "certificate.Certificate | LazyRows":
        if isinstance(index, slice):
            return LazyRows(self._rows[index])
        row = self._rows[index]
        if not isinstance(row, certificate.Certificate):
            row = self._rows[index] = row()
        return row

    def __iter__(self) -> Iterator[certificate.Certificate]:
        return map(self.__getitem__, range(len(self._rows)))

    def extend(self, rows: Sequence[certificate.Certificate]) -> None:
        """Append other rows. Those that are no messages yet stay so."""
        self._rows.extend(rows._rows if isinstance(rows, LazyRows) else rows)


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """The rows of a window, and the number of rows in the whole list.

    A window can end before its limit if its rows reach MAXIMUM_PAGE_BYTES.
    """

    certificates: Sequence[certificate.Certificate]
    total: int


def fitting(rows: Sequence[certificate.Certificate], size: int = 0) -> tuple[Sequence[certificate.Certificate], int]:
    """Return the first rows up to the one that reaches MAXIMUM_PAGE_BYTES, and the size of the page with them.

    size: bytes of the rows that are on the page already.
    """
    for count, row in enumerate(rows):
        if size >= MAXIMUM_PAGE_BYTES:
            return rows[:count], size
        size += row.ByteSize()
    return rows, size
