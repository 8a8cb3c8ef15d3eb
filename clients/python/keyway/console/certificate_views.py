"""The views of certificates: a list by expiry, and the page of one certificate with its chain and its downloads."""

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from keyway.audit import times
from keyway.audit.reader import EVERY_LOG
from keyway.cli.expiry import providers_today
from keyway.cli.names import provider_of
from keyway.console import expiry
from keyway.console.calls import GatewayCalls, permission
from keyway.console.notices import Notice, attempt
from keyway.console.pages import Pages, parameters
from keyway.v1 import audit_service_pb2 as audit
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_FAILURE, AuditFilter, AuditRecord
from keyway.v1.certificate_pb2 import Certificate

PATH: Final = "/certificates"
_LIST: Final = "keyway.v1.CertificateService/ListCertificates"
_DOWNLOADS: Final = ("DownloadCertificate", "DownloadCertificateWithPrivateKey")
_DAYS: Final = "30d"
_MOST_ROWS: Final = 500
_MOST_RECORDS: Final = 50


@dataclass(frozen=True, slots=True)
class ProviderFailure:
    """A provider whose certificates are missing. notice: the reason; None if the gateway did not return one."""

    name: str
    notice: Notice | None


@dataclass(frozen=True, slots=True)
class Downloader:
    """A caller that downloaded a certificate. private: whether it also received the private key."""

    caller: str
    calls: int
    private: bool


class CertificateViews:
    """The pages below `/certificates`."""

    def __init__(self, calls: GatewayCalls, pages: Pages) -> None:
        self._calls = calls
        self._pages = pages

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes."""
        return [web.get(PATH, self.timeline), web.get(f"{PATH}/show", self.show)]

    async def timeline(self, request: web.Request) -> web.Response:
        """Show all certificates, those that expire first at the top."""
        given = parameters(request)
        (found, failures, notice), downloads = await asyncio.gather(self._all(), self._downloads())
        now = providers_today()
        rows = [expiry.row(certificate, now) for certificate in found]
        chosen = [each for each in rows if _matches(each.certificate, given)]
        groups = expiry.groups(chosen)
        limit = len(chosen) if given.get("rows") == "all" else _MOST_ROWS
        return self._pages.page(
            "certificates.html",
            PATH,
            given=given,
            notice=notice,
            failures=failures,
            total=len(rows),
            chosen=len(chosen),
            groups=groups,
            shown=list(_shown(groups, given.get("within", ""), limit)),
            limit=limit,
            months=expiry.months(chosen, now),
            providers=sorted({provider_of(each.certificate.name) for each in rows if each.certificate.name}),
            downloads=downloads,
        )

    async def show(self, request: web.Request) -> web.Response:
        """Show one certificate."""
        name = request.query.get("name", "")
        found, records = await asyncio.gather(self._calls.certificate(name), self._records(name))
        row = None if isinstance(found, Notice) else expiry.row(found, providers_today())
        return self._pages.page(
            "certificate.html", PATH, name=name, found=found, row=row, records=records, most=_MOST_RECORDS
        )

    async def _all(self) -> tuple[list[Certificate], list[ProviderFailure], Notice | None]:
        """Return all certificates, the providers whose lists failed, and a notice if all lists failed."""
        providers = await self._calls.providers()
        if isinstance(providers, Notice):
            return await self._of_all_providers()
        names = [each.name for each in providers if _LIST in each.methods]
        return _joined(names, await asyncio.gather(*map(self._calls.certificates, names)))

    async def _of_all_providers(self) -> tuple[list[Certificate], list[ProviderFailure], Notice | None]:
        """Return the same for a caller without permission to list providers."""
        found = await self._calls.certificates()
        if isinstance(found, Notice):
            return [], [], found
        return found[0], [ProviderFailure(name, None) for name in found[1]], None

    async def _downloads(self) -> Mapping[str, Sequence[Downloader]] | Notice:
        """Return who downloaded each certificate, by its name."""
        made: dict[str, list[Downloader]] = defaultdict(list)
        for action in _DOWNLOADS:
            request = audit.SummarizeAuditRecordsRequest(
                parent=EVERY_LOG,
                filter=_since(AuditFilter(action=action)),
                group_by=[audit.AUDIT_DIMENSION_RESOURCE, audit.AUDIT_DIMENSION_CALLER],
                max_groups=10_000,
            )
            found = await attempt(self._calls.summarize_audit_records(request), permission("SummarizeAuditRecords"))
            if isinstance(found, Notice):
                return found
            for group in found.groups:
                if calls := group.calls - group.failed_calls:
                    made[group.values[0]].append(Downloader(group.values[1], calls, action == _DOWNLOADS[1]))
        return made

    async def _records(self, name: str) -> list[AuditRecord] | Notice:
        """Return the newest downloads of a certificate."""
        records: list[AuditRecord] = []
        for action in _DOWNLOADS:
            request = audit.ListAuditRecordsRequest(
                parent=EVERY_LOG,
                filter=_since(AuditFilter(action=action, resource=name)),
                page_size=_MOST_RECORDS,
            )
            page = await attempt(self._calls.list_audit_records(request), permission("ListAuditRecords"))
            if isinstance(page, Notice):
                return page
            records += (record for record in page.records if record.outcome != AUDIT_OUTCOME_FAILURE)
        return sorted(records, key=lambda record: record.start_time.ToNanoseconds(), reverse=True)[:_MOST_RECORDS]


def _joined(
    names: Sequence[str], answers: Sequence[tuple[list[Certificate], list[str]] | Notice]
) -> tuple[list[Certificate], list[ProviderFailure], Notice | None]:
    found: list[Certificate] = []
    failures: list[ProviderFailure] = []
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, Notice):
            failures.append(ProviderFailure(name, answer))
        else:
            found += answer[0]
    return found, failures, None


def _since(criteria: AuditFilter) -> AuditFilter:
    criteria.start_time.FromDatetime(times.point(_DAYS, dt.datetime.now(dt.UTC)))
    return criteria


def _matches(certificate: Certificate, given: Mapping[str, str]) -> bool:
    provider, text = given.get("provider", ""), given.get("q", "").casefold()
    if provider and provider_of(certificate.name) != provider:
        return False
    texts = (certificate.name, certificate.display_name, certificate.authority, *certificate.domains)
    return any(text in each.casefold() for each in texts)


def _shown(groups: Sequence[expiry.ExpiryGroup], within: str, limit: int) -> Iterator[expiry.ExpiryGroup]:
    """Yield the groups with rows, and at most `limit` rows."""
    for group in groups:
        if group.rows and limit > 0 and within in ("", group.key):
            yield replace(group, rows=group.rows[:limit])
            limit -= len(group.rows)
