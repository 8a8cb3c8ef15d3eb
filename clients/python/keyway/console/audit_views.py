"""The views of audit records: a search, and the story of one call."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from keyway.audit import commands, query
from keyway.audit.query import OptionError
from keyway.audit.reader import Completeness, records
from keyway.console.calls import GatewayCalls, permission
from keyway.console.formats import link
from keyway.console.notices import Notice, attempt
from keyway.console.pages import Pages, parameters
from keyway.console.story import CallStory
from keyway.console.verification import JournalVerification
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord

PATH: Final = "/audit"
_TEXTS: Final = ("since", "until", "caller", "resource", "provider", "status", "reason", "surface", "outcome")
_FLAGS: Final = ("denied", "private")
_DEFAULT: Final = "24h"
_FEW: Final = 100
_MANY: Final = 1000


class AuditViews:
    """The pages below `/audit`."""

    def __init__(self, calls: GatewayCalls, pages: Pages, verification: JournalVerification) -> None:
        self._calls = calls
        self._pages = pages
        self._verification = verification

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes."""
        return [web.get(PATH, self.search), web.get(f"{PATH}/call", self.call), web.post(f"{PATH}/call", self.verify)]

    async def search(self, request: web.Request) -> web.Response:
        """Show the form, and the records that it selects."""
        given = {"since": _DEFAULT, **parameters(request)}
        limit = _MANY if given.get("rows") == "more" else _FEW
        completeness = Completeness()
        error = ""
        found: list[AuditRecord] | Notice = []
        values = _values(given)
        try:
            filters = query.filters(values)
        except (OptionError, ValueError) as problem:
            error = str(problem).removeprefix("--")
        else:
            found = await attempt(self._found(filters, completeness, limit), permission("ListAuditRecords"))
        return self._pages.page(
            "audit.html",
            PATH,
            given=given,
            error=error,
            found=found,
            limit=limit,
            more=completeness.more,
            notes=[*completeness.notes(), *query.unknown_names(values)],
            groups=query.GROUPS,
            outcomes=list(query.OUTCOMES),
        )

    async def _found(self, filters: Sequence[AuditFilter], completeness: Completeness, limit: int) -> list[AuditRecord]:
        return [record async for record in records(self._calls, filters, completeness, limit)]

    async def call(self, request: web.Request) -> web.Response:
        """Show everything that is recorded about one call."""
        identifier = request.query.get("id", "").strip()
        found = await attempt(
            self._calls.get_audit_record(commands.record_request(identifier)), permission("GetAuditRecord")
        )
        story = found if isinstance(found, Notice) else CallStory(found)
        verification = await self._verification.result()
        return self._pages.page("call.html", PATH, identifier=identifier, story=story, verification=verification)

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """Start a verification of the journal, and show the call again."""
        await self._verification.start()
        raise web.HTTPSeeOther(f"{link(request.path, id=request.query.get('id', ''))}#verification")


def _values(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the options of `keyway audit list` for the fields of the form."""
    return {
        **{name: given.get(name, "") for name in _TEXTS},
        **{name: given.get(name) == "on" for name in _FLAGS},
        "action": [given["action"]] if given.get("action") else [],
    }
