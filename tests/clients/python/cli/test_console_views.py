"""Parts of the console's pages that depend on the state of the gateway, rendered from responses."""

import datetime as dt
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.type.date_pb2 import Date

from keyway import KeywayError, Problem, StatusCode, Violation
from keyway.console import expiry
from keyway.console.calls import permission
from keyway.console.journal_views import JournalState
from keyway.console.notices import notice_of
from keyway.console.pages import Pages
from keyway.console.provider_views import ProviderCard
from keyway.v1 import audit_record_pb2, provider_pb2
from keyway.v1 import audit_service_pb2 as audit
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.provider_pb2 import CircuitBreaker, FailureCount, Provider, ProviderActivity

PAGES = Pages("localhost:1 (TLS)", "production")


def rendered(template: str, **values: Any) -> str:
    text = PAGES.page(template, "/journal", **values).text
    assert text is not None
    return " ".join(text.split())


def journal(verification: audit.VerifyJournalResponse | None = None, **fields: Any) -> str:
    status = audit.GetJournalStatusResponse(journal="journal-1", **fields)
    return rendered("journal.html", state=JournalState(status), verification=verification)


@pytest.mark.parametrize(("seconds", "badge"), [(3600, "soon"), (2 * 86_400, "good")])
def test_time_to_full_is_as_urgent_as_it_is_short(seconds: int, badge: str) -> None:
    assert f'<dt>Time to full</dt><dd><span class="badge {badge}">' in journal(time_to_full={"seconds": seconds})


@pytest.mark.parametrize(
    ("used", "badge", "kind"), [(0.5, "good", ""), (0.81, "soon", "setting"), (0.96, "critical", "error")]
)
def test_nearly_full_disk_is_explained(used: float, badge: str, kind: str) -> None:
    text = journal(disk_used=used)
    assert f'<dt>Used</dt><dd><span class="badge {badge}">{used:.0%}</span>' in text
    assert (f'<section class="notice {kind}"><h2>The journal disk is {used:.0%} full' in text) == bool(kind)


@pytest.mark.parametrize(("used", "shown"), [(0.9, "850 MB"), (0.0, None), (1.0, None)])
def test_space_of_other_files_is_shown_if_it_is_known(used: float, shown: str | None) -> None:
    index = audit.AuditIndexStatus(index_bytes=10_000_000)
    text = journal(disk_used=used, free_bytes=100_000_000, size_bytes=40_000_000, index=index)
    assert (f"<dt>Other files</dt><dd>{shown}</dd>" in text) == (shown is not None)
    assert ("<dt>Other files" in text) == (shown is not None)


@pytest.mark.parametrize(
    ("days", "badge"),
    [
        (-2, 'expired">2 days ago<'),
        (0, 'critical">today<'),
        (30, 'soon">30 days left<'),
        (31, 'fine">31 days left<'),
        (None, 'unknown">unknown<'),
    ],
)
def test_page_of_a_certificate_shows_how_urgent_its_expiry_is(days: int | None, badge: str) -> None:
    date = None if days is None else dt.date(2026, 12, 30) + dt.timedelta(days)
    last = None if date is None else Date(year=date.year, month=date.month, day=date.day)
    found = Certificate(name="providers/p/certificates/c", expiration_date=last)
    row = expiry.row(found, dt.date(2026, 12, 30))
    text = rendered("certificate.html", name=found.name, found=found, row=row, records=[], most=1)
    assert f'<span class="badge {badge}' in text


@pytest.mark.parametrize(("most", "noted"), [(2, True), (3, False)])
def test_downloads_that_are_not_shown_are_noted(most: int, noted: bool) -> None:
    records = [audit_record_pb2.AuditRecord(caller="web", request_id=str(number)) for number in range(2)]
    name = "providers/nhn-certs/certificates/www.example.com"
    text = rendered(
        "certificate.html",
        name=name,
        found=Certificate(name=name),
        row=expiry.row(Certificate(name=name), dt.date(2026, 12, 1)),
        records=records,
        most=most,
    )
    assert ("Only the newest 2 are shown." in text) == noted
    assert ("/audit?since=30d&amp;resource=providers/nhn-certs/certificates/www.example.com" in text) == noted


def test_gateway_that_does_not_return_the_used_share_is_not_shown_as_empty() -> None:
    assert "<dt>Used" not in journal()


@pytest.mark.parametrize(("lag", "badge"), [(1, "good"), (600, "soon")])
def test_shipping_shows_the_records_and_the_age_of_the_oldest(lag: int, badge: str) -> None:
    chains = [
        audit.JournalChain(
            folder="worker-0", head="gw-a:9:ff", unshipped_records=1200, shipping_lag=Duration(seconds=lag)
        ),
        audit.JournalChain(folder="worker-1", head="gw-b:1:ff", unshipped_records=34, shipping_lag=Duration()),
    ]
    text = journal(shipping=True, chains=chains)
    assert '1,234 <span class="unit">records not shipped' in text
    assert f'<dt>Age of the oldest unshipped record</dt><dd><span class="badge {badge}">' in text


def test_journal_without_shipping_names_the_setting() -> None:
    assert "<code>audit.ship</code>" in journal()


@pytest.mark.parametrize(
    ("state", "texts"),
    [
        (audit.VERIFICATION_STATE_RUNNING, ("in progress", 'data-refresh="1"', "40 %")),
        (audit.VERIFICATION_STATE_VERIFIED, ("verified", "7 records")),
        (audit.VERIFICATION_STATE_NOT_VERIFIED, ("failed verification", "chain &lt;b&gt; is broken")),
        (audit.VERIFICATION_STATE_INTERRUPTED, ("interrupted", "Verify again")),
    ],
)
def test_verification_shows_its_state(state: audit.VerificationState.ValueType, texts: tuple[str, ...]) -> None:
    found = audit.VerifyJournalResponse(
        state=state, progress_percent=40, checked_records=7, problems=["chain <b> is broken"]
    )
    text = journal(found)
    assert [part for part in texts if part not in text] == []
    assert ("Verify again" in text) == (state != audit.VERIFICATION_STATE_RUNNING)


def test_open_circuit_breaker_names_its_workers() -> None:
    breaker = CircuitBreaker(state=provider_pb2.CIRCUIT_BREAKER_STATE_HALF_OPEN, open_workers=1, workers=4)
    provider = Provider(name="providers/p", state=provider_pb2.PROVIDER_STATE_UNREACHABLE, circuit_breaker=breaker)
    text = rendered("providers.html", notice=None, cards=[ProviderCard.of(provider)])
    assert '<span class="badge soon">half-open</span> <span class="muted">in 1 of 4 workers' in text


def test_most_frequent_failure_is_explained_before_the_first_check() -> None:
    failures = [
        FailureCount(reason="PROVIDER_CREDENTIALS_REJECTED", count=3),
        FailureCount(reason="CANCELLED", count=1),
    ]
    activity = ProviderActivity(requests=4, failed_requests=4, failures=failures)
    provider = Provider(name="providers/p", state=provider_pb2.PROVIDER_STATE_UNKNOWN, activity=activity)
    text = rendered("providers.html", notice=None, cards=[ProviderCard.of(provider)])
    assert "The upstream rejected the gateway&#39;s own credentials" in text
    assert '<li class="critical"><span class="count">4</span> <span class="label">failed' in text


def test_provider_of_an_older_gateway_has_no_circuit_breaker() -> None:
    text = rendered("providers.html", notice=None, cards=[ProviderCard.of(Provider(name="providers/p"))])
    assert "Circuit breaker" not in text
    assert "Requests in the last" not in text


@pytest.mark.parametrize(("cards", "counted"), [([], False), ([ProviderCard.of(Provider(name="providers/p"))], True)])
def test_providers_that_could_not_be_listed_are_not_counted(cards: list[ProviderCard], counted: bool) -> None:
    notice = notice_of(
        KeywayError(StatusCode.UNAVAILABLE, "no", reason="AUDIT_UNAVAILABLE"), permission("ListProviders")
    )
    text = rendered("providers.html", notice=notice, cards=cards)
    assert "The journal cannot accept a record" in text
    assert ("1 provider</p>" in text) == counted
    assert "0 providers" not in text


NEEDS = permission("ListCertificates", "providers/nhn-certs")


@pytest.mark.parametrize(
    ("error", "kind", "title", "fix"),
    [
        (
            KeywayError(StatusCode.PERMISSION_DENIED, "denied", reason="PERMISSION_DENIED"),
            "denied",
            "You do not have the permission ListCertificates.",
            "permit the action `ListCertificates` (group `ReadMetadata`) on `providers/nhn-certs`.",
        ),
        (
            KeywayError(StatusCode.UNIMPLEMENTED, "x", reason="AUDIT_QUERY_NOT_CONFIGURED"),
            "setting",
            "This gateway does not answer audit queries.",
            "`query: {}`",
        ),
        (
            KeywayError(StatusCode.FAILED_PRECONDITION, "x", reason="PROVIDER_CREDENTIALS_REJECTED"),
            "error",
            "The upstream rejected the gateway's own credentials, or their role lacks permission.",
            "Check `app_key`, `login`",
        ),
        (
            KeywayError(StatusCode.INVALID_ARGUMENT, "x", violations=(Violation("name", "must not be empty"),)),
            "error",
            "The request is not valid.",
            "`name`: must not be empty.",
        ),
        (KeywayError.of_problem(Problem.REFUSED), "error", "The console cannot connect to the gateway.", "Nothing"),
        (
            KeywayError(StatusCode.INTERNAL, "a new reason", reason="NEW"),
            "error",
            "The gateway returned INTERNAL.",
            "A new",
        ),
    ],
)
def test_error_is_explained_with_its_fix(error: KeywayError, kind: str, title: str, fix: str) -> None:
    notice = notice_of(error, NEEDS)
    assert (notice.kind, notice.title) == (kind, title)
    assert fix in notice.fix
