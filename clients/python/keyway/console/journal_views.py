"""The view of the journal: size, space, chains, shipping, index, and verification."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from google.protobuf.duration_pb2 import Duration

from keyway.console.calls import GatewayCalls
from keyway.console.notices import Notice
from keyway.console.pages import Pages
from keyway.console.verification import JournalVerification, Result
from keyway.v1 import audit_service_pb2 as audit

PATH: Final = "/journal"
# The limits are those of the alerts in deploy/prometheus.
_LOW: Final = 0.8
_ALMOST_FULL: Final = 0.95
_DAY: Final = 86_400
_LAG_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class JournalState:
    """The state of a journal for display."""

    status: audit.GetJournalStatusResponse

    @property
    def space(self) -> str:
        """How urgent the used share of the disk is."""
        return (
            "critical" if self.status.disk_used > _ALMOST_FULL else "soon" if self.status.disk_used > _LOW else "good"
        )

    @property
    def other_bytes(self) -> int | None:
        """The space that files other than the journal and its index use; None if it cannot be computed."""
        used = self.status.disk_used
        if not 0 < used < 1:
            return None
        size = self.status.free_bytes / (1 - used) * used
        return max(0, round(size) - self.status.size_bytes - self.status.index.index_bytes)

    @property
    def time_to_full(self) -> str:
        """How urgent the time to full is."""
        return "soon" if self.status.time_to_full.seconds < _DAY else "good"

    @property
    def unshipped(self) -> int:
        """The number of records that are not shipped."""
        return sum(chain.unshipped_records for chain in self.status.chains)

    @property
    def lag(self) -> Duration:
        """The age of the oldest record that is not shipped."""
        return max((each.shipping_lag for each in self.status.chains), key=Duration.ToNanoseconds, default=Duration())

    @property
    def shipping(self) -> str:
        """How urgent the shipping lag is."""
        if not self.status.shipping:
            return "unknown"
        return "soon" if self.lag.seconds > _LAG_SECONDS else "good"


class JournalViews:
    """The page `/journal`."""

    def __init__(self, calls: GatewayCalls, pages: Pages, verification: JournalVerification) -> None:
        self._calls = calls
        self._pages = pages
        self._verification = verification

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes."""
        return [web.get(PATH, self.show), web.post(f"{PATH}/verify", self.verify)]

    async def show(self, _: web.Request) -> web.Response:
        """Show the state of the journal, and the verification that the console started."""
        return await self._page(await self._verification.result())

    async def verify(self, _: web.Request) -> web.StreamResponse:
        """Start a verification."""
        if (notice := await self._verification.start()) is not None:
            return await self._page(notice)
        raise web.HTTPSeeOther(f"{PATH}#verification")

    async def _page(self, verification: Result) -> web.Response:
        found = await self._calls.journal_status()
        state = found if isinstance(found, Notice) else JournalState(found)
        return self._pages.page("journal.html", PATH, state=state, verification=verification)
