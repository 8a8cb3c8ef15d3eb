"""The poller of one provider: pages, failures, and the time of the next poll."""

import asyncio
import datetime as dt
import time
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from google.rpc import code_pb2
from google.type.date_pb2 import Date
from structlog.testing import capture_logs

from gateway.errors import ErrorKind, UpstreamError
from gateway.poller.certificate_states import CertificateReader
from gateway.poller.provider_poller import ProviderPoller
from gateway.providers.base.settings import PollerSettings
from gateway.telemetry.certificates import Expiries
from gateway.upstream import outcomes
from gateway.watch.messages import Interest, Update
from gateway.watch.publisher import WatchedProvider
from keyway.v1 import error_reason_pb2 as reasons
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import (
    CERTIFICATE_STATE_FILTER_ALL,
    DownloadCertificateRequest,
    DownloadCertificateResponse,
    GetCertificateRequest,
    GetCertificateResponse,
    ListCertificatesRequest,
    ListCertificatesResponse,
)
from tests.support.waiting import eventually

DATE = Date(year=2030, month=1, day=2)


class Pages:
    """A list of pages with one certificate each, or an error."""

    def __init__(self, number: int = 1, error: ErrorKind | None = None) -> None:
        self.number = number
        self.error = error
        self.read_error: ErrorKind | None = None
        self.requests: list[ListCertificatesRequest] = []
        self.read_requests: list[GetCertificateRequest] = []
        self.date: Date | None = DATE
        self.published: list[tuple[str, Expiries]] = []
        self.polled = asyncio.Event()

    async def list_page(self, request: ListCertificatesRequest) -> ListCertificatesResponse:
        sent = ListCertificatesRequest()
        sent.CopyFrom(request)
        self.requests.append(sent)
        if self.error is not None:
            raise UpstreamError(self.error, "failed", provider="p")
        index = int(request.page_token or 0)
        certificate = Certificate(name=f"providers/p/certificates/{index}", expiration_date=self.date)
        token = str(index + 1) if index + 1 < self.number else ""
        return ListCertificatesResponse(certificates=[certificate], next_page_token=token)

    async def read(self, request: GetCertificateRequest) -> GetCertificateResponse:
        self.read_requests.append(request)
        if self.read_error is not None:
            raise UpstreamError(self.read_error, "failed", provider="p")
        return GetCertificateResponse(certificate=Certificate(name=request.name, expiration_date=DATE))

    async def download(self, _request: DownloadCertificateRequest) -> DownloadCertificateResponse:
        raise AssertionError("nothing is watched")

    def publish(self, provider: str, expiries: Expiries) -> None:
        self.published.append((provider, expiries))
        self.polled.set()


def poller_of(pages: Pages, *, draw: float = 1.0, **settings: object) -> ProviderPoller:
    given = PollerSettings.model_validate(settings)
    watched, reader = WatchedProvider(lambda _: None), CertificateReader(given, pages, ZoneInfo("UTC"))
    drawn = lambda low, high: low + draw * (high - low)  # noqa: E731
    return ProviderPoller("p", given, pages, pages.publish, watched=watched, reader=reader, draw=drawn)


async def test_poll_reads_all_pages_and_all_states() -> None:
    pages = Pages(3)
    assert await poller_of(pages).poll() == 3600
    assert [(one.parent, one.page_size, one.state, one.page_token) for one in pages.requests] == [
        ("providers/p", 1000, CERTIFICATE_STATE_FILTER_ALL, token) for token in ("", "1", "2")
    ]
    names = [f"providers/p/certificates/{index}" for index in range(3)]
    assert pages.published == [("p", dict.fromkeys(names, dt.date(2030, 1, 2)))]


async def test_list_without_an_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.poller.provider_poller._MAXIMUM_PAGES", 3)
    complete, endless = Pages(3), Pages(4)
    poller = poller_of(complete)
    await poller.poll()
    assert not poller.failures
    poller = poller_of(endless)
    assert await poller.poll() == 300
    assert poller.failures == {"MALFORMED_PROVIDER_RESPONSE": 1}
    assert endless.published == complete.published


@pytest.mark.parametrize(
    ("kind", "interval", "seconds"),
    [
        (outcomes.TIMEOUT, 3600, 300),
        (outcomes.TIMEOUT, 60, 60),
        (outcomes.CREDENTIALS_REJECTED, 3600, 3600),
    ],
)
async def test_failure_is_counted_and_tried_again(kind: ErrorKind, interval: float, seconds: float) -> None:
    pages = Pages(error=kind)
    poller = poller_of(pages, interval=interval)
    assert await poller.poll() == seconds
    assert list(poller.failures.values()) == [1]
    assert not pages.published
    before = poller.age
    pages.error = None
    await poller.poll()
    assert poller.age < before


@pytest.mark.parametrize("draw", [0.0, 1.0])
async def test_polls_are_spread_by_the_jitter(draw: float, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    done = asyncio.Event()

    async def pause(_poller: ProviderPoller, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            done.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(ProviderPoller, "_pause", pause)
    task = asyncio.create_task(poller_of(Pages(), draw=draw, interval=100, jitter=0.2).run())
    await done.wait()
    task.cancel()
    assert pauses == ([0, 80] if draw == 0 else [10, 120])


async def test_certificate_that_needs_a_password_is_read_with_it() -> None:
    pages = Pages(2)
    pages.date = None
    poller = poller_of(pages, keystore_passwords={"1": "the-keystore-password"})
    await poller.poll()
    assert pages.published == [
        ("p", {"providers/p/certificates/0": None, "providers/p/certificates/1": dt.date(2030, 1, 2)})
    ]
    (request,) = pages.read_requests
    assert (request.name, request.keystore_password) == ("providers/p/certificates/1", "the-keystore-password")
    assert "the-keystore-password" not in repr(poller.settings)


async def test_rejected_keystore_password_hides_no_other_certificate_and_is_not_tried_again_soon() -> None:
    pages = Pages(2)
    pages.date = None
    pages.read_error = ErrorKind(code_pb2.PERMISSION_DENIED, reasons.ERROR_REASON_KEYSTORE_PASSWORD_INCORRECT)
    poller = poller_of(pages, keystore_passwords={"1": "the-wrong-password"})
    assert await poller.poll() == 3600
    assert pages.published == [("p", dict.fromkeys(["providers/p/certificates/0", "providers/p/certificates/1"]))]
    assert poller.failures == {"KEYSTORE_PASSWORD_INCORRECT": 1}


async def test_bug_ends_only_the_poll() -> None:
    pages = Pages()
    pages.publish = Mock(side_effect=ValueError("secret text"))  # type: ignore[method-assign]
    poller = poller_of(pages)
    with capture_logs() as lines:
        assert await poller.poll() == 300
    assert poller.failures == {"INTERNAL_ERROR": 1}
    assert "secret text" not in str(lines)


class WatchedPages(Pages):
    """The same list with a reader. Downloads fail, and are counted. seconds: the duration of a request for the list."""

    def __init__(self, number: int, seconds: float = 0.0) -> None:
        super().__init__(number)
        self.downloaded: list[str] = []
        self.updates: list[Update] = []
        self.watched = WatchedProvider(self.updates.append)
        self.polls: list[float] = []
        self._seconds = seconds

    async def list_page(self, request: ListCertificatesRequest) -> ListCertificatesResponse:
        self.polls.append(time.monotonic())
        await asyncio.sleep(self._seconds)
        return await super().list_page(request)

    async def download(self, request: DownloadCertificateRequest) -> DownloadCertificateResponse:
        self.downloaded.append(request.name.rpartition("/")[2])
        raise UpstreamError(outcomes.TIMEOUT, "failed", provider="p")

    def watch(self, *names: str, serial: int = 1, urgent: bool = True) -> None:
        """Watch certificates by their IDs; all without one. urgent: a reader waits for them."""
        full = frozenset(f"providers/p/certificates/{name}" for name in names)
        interest = Interest(
            1,
            "p",
            serial,
            full,
            everything=not names,
            urgent=full if urgent else frozenset(),
            urgent_everything=not names,
        )
        self.watched.receive(interest)

    def poller(self, **settings: object) -> ProviderPoller:
        """Return a poller of the list."""
        given = PollerSettings.model_validate(settings)
        reader = CertificateReader(given, self, ZoneInfo("UTC"))
        return ProviderPoller("p", given, self, None, watched=self.watched, reader=reader, draw=lambda low, _: low)


async def test_watch_of_too_many_certificates_is_rejected_before_any_download() -> None:
    pages = WatchedPages(4)
    pages.watch()
    with capture_logs() as lines:
        await pages.poller(maximum_watched=3).poll()
    assert [(line["event"], line["watched"]) for line in lines] == [("too_many_certificates_watched", 4)]
    (ended, answered) = pages.updates
    assert ended.ends_everything
    assert ended.failure is not None
    assert "4" not in ended.failure.message
    assert "at most 3 (poller.maximum_watched)" in ended.failure.message
    assert not answered.changes
    assert pages.downloaded == []
    await pages.poller(maximum_watched=4).poll()
    assert sorted(pages.downloaded) == ["0", "1", "2", "3"]


async def test_downloads_of_named_certificates_are_limited_and_the_rest_is_unreadable() -> None:
    pages = WatchedPages(4)
    poller = pages.poller(maximum_watched=2)
    pages.watch("2", "3")
    await poller.poll()
    pages.watch("0", "1", "2", "3", serial=2)
    with capture_logs() as lines:
        await poller.poll()
    assert pages.downloaded == ["2", "3"] * 2  # those that were watched first
    reasons_found = {name[-1]: state.reason for name, state in pages.updates[-1].changes.items()}
    assert reasons_found == dict.fromkeys("01", "TOO_MANY_CERTIFICATES")
    assert [(line["event"], line["watched"], line["maximum"]) for line in lines] == [
        ("too_many_certificates_watched", 4, 2)
    ]


async def test_polls_for_readers_use_at_most_half_of_the_time() -> None:
    pages = WatchedPages(1, seconds=1.0)
    pages.watch("0")
    task = asyncio.create_task(pages.poller(watch_interval=600).run())

    async def are_polled() -> bool:
        pages.watch("0", serial=time.monotonic_ns())  # a reader always waits
        return len(pages.polls) == 4

    await eventually(are_polled, 60)
    task.cancel()
    _, second, third, fourth = pages.polls
    assert third - second >= 1.9
    assert fourth - third >= 1.9


async def test_poll_for_a_reader_downloads_only_its_certificates() -> None:
    pages = WatchedPages(4)
    poller = pages.poller(maximum_watched=3)
    pages.watch("0", "1")
    await poller.poll()
    pages.downloaded.clear()
    pages.updates.clear()
    pages.watched.receive(Interest(2, "p", 1, frozenset({name_of("2")}), urgent=frozenset({name_of("2")})))
    await poller.poll(urgent=True)
    assert pages.downloaded == ["2"]
    assert [(update.worker, sorted(update.changes)) for update in pages.updates] == [(1, []), (2, [name_of("2")])]
    pages.watched.receive(Interest(3, "p", 1, frozenset({name_of("3")}), urgent=frozenset({name_of("3")})))
    await poller.poll(urgent=True)
    assert pages.downloaded == ["2"]  # maximum_watched is reached
    assert pages.updates[-1].changes[name_of("3")].reason == "TOO_MANY_CERTIFICATES"


async def test_readers_that_always_wait_do_not_delay_the_regular_poll() -> None:
    pages = WatchedPages(2)
    pages.watch("0", "1", urgent=False)
    task = asyncio.create_task(pages.poller(watch_interval=2).run())

    async def is_polled_again() -> bool:
        pages.watched.receive(
            Interest(2, "p", time.monotonic_ns(), frozenset({name_of("0")}), urgent=frozenset({name_of("0")}))
        )
        return pages.downloaded.count("1") == 3

    await eventually(is_polled_again)
    task.cancel()
    assert pages.downloaded.count("0") > 3


def name_of(certificate: str) -> str:
    return f"providers/p/certificates/{certificate}"
