"""The poller of one provider: lists all certificates, page by page, once per interval."""

import asyncio
import contextlib
import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Set
from typing import Final, Protocol

import structlog

from gateway.contract.resource_names import PROVIDER
from gateway.errors import INTERNAL_ERROR, TOO_MANY_CERTIFICATES, GatewayError, MalformedResponse, reason_name
from gateway.library_logs import exception_fields
from gateway.poller.certificate_states import CertificateReader, DownloadCalls
from gateway.providers.base.settings import PollerSettings
from gateway.telemetry.certificates import Expiries, expiries
from gateway.watch.history import States
from gateway.watch.publisher import PollRound, WatchedProvider
from gateway.watch.states import CertificateState, Phase
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import error_reason_pb2 as reasons
from keyway.v1.certificate_pb2 import Certificate

Publish = Callable[[str, Expiries], None]
"""Receives the ID of a provider, and the expiry of all its certificates."""

_FIRST_SECONDS: Final = 10.0
"""The maximum delay of the first poll. It is short, because the metrics of a worker disappear when it ends."""
_RETRY_SECONDS: Final = 300.0
_SPACING_SECONDS: Final = 0.5
"""The minimum time between two polls for readers, however many of them wait. It is at least the duration of the last
one."""
_PAGE_SIZE: Final = 1000
_MAXIMUM_PAGES: Final = 1000
_REJECTIONS: Final = (
    reasons.ERROR_REASON_PROVIDER_CREDENTIALS_REJECTED,
    reasons.ERROR_REASON_KEYSTORE_PASSWORD_INCORRECT,
)

_log = structlog.get_logger(__name__)


class PollerCalls(DownloadCalls, Protocol):
    """The calls of a poller. They raise GatewayError."""

    async def list_page(self, request: certificates.ListCertificatesRequest) -> certificates.ListCertificatesResponse:
        """Return one page of a list."""

    async def read(self, request: certificates.GetCertificateRequest) -> certificates.GetCertificateResponse:
        """Return one certificate."""


class ProviderPoller:
    """Polls one provider. failures: the number of failed polls by reason.

    publish: None if nobody needs the expiry of the certificates. Then the poller polls only watched certificates.
    watched: the watched certificates. draw: returns a random number between two bounds.
    """

    def __init__(
        self,
        provider: str,
        settings: PollerSettings,
        calls: PollerCalls,
        publish: Publish | None,
        *,
        watched: WatchedProvider,
        reader: CertificateReader,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.provider: Final = provider
        self.settings: Final = settings
        self.failures: Counter[str] = Counter()
        self._calls = calls
        self._publish = publish
        self._watched = watched
        self._reader = reader
        self._draw = draw
        self._rejection: GatewayError | None = None
        self._succeeded = time.monotonic()
        self._downloaded: set[str] = set()

    @property
    def age(self) -> float:
        """Seconds since the last successful poll, or since polling began."""
        return time.monotonic() - self._succeeded

    async def run(self) -> None:
        """Poll until this task is canceled."""
        self._succeeded = time.monotonic()
        await self._pause(self._draw(0, min(_FIRST_SECONDS, self.interval)))
        while True:
            seconds = await self.poll() if self._is_needed else self.interval
            await self._pause(self._spread(seconds))

    def _spread(self, seconds: float) -> float:
        jitter = self.settings.jitter
        return seconds * self._draw(1 - jitter, 1 + jitter)

    @property
    def interval(self) -> float:
        """Seconds between two polls now."""
        settings = self.settings
        return min(settings.interval, settings.watch_interval) if self._watched.is_watched else settings.interval

    @property
    def _is_needed(self) -> bool:
        return self._publish is not None or self._watched.is_watched

    async def _pause(self, seconds: float) -> None:
        """Return after `seconds`. Meanwhile, read what readers wait for, at most half of the time."""
        end = time.monotonic() + seconds
        spacing = _SPACING_SECONDS
        while await self._is_wanted(spacing, end):
            began = time.monotonic()
            end = min(end, began + self._spread(await self._poll_for_readers()))
            spacing = max(_SPACING_SECONDS, time.monotonic() - began)

    async def _is_wanted(self, spacing: float, end: float) -> bool:
        """Return whether a reader waits, after `spacing` seconds at the earliest; False at `end`, also if one waits."""
        await asyncio.sleep(min(spacing, max(0.0, end - time.monotonic())))
        left = end - time.monotonic()
        if left > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    return await self._watched.wanted.wait()
        return False

    async def _poll_for_readers(self) -> float:
        """Read what readers wait for. Return the seconds until the next poll.

        After a rejected password, readers receive the error of the last poll, because an upstream can lock an account.
        """
        if self._rejection is None:
            return await self.poll(urgent=True)
        self._watched.fail(self._watched.begin(urgent=True), self._rejection)
        return self.interval

    async def poll(self, *, urgent: bool = False) -> float:
        """Poll once. Return the seconds until the next poll, without jitter. urgent: only what readers wait for.

        Most failures are transient, so the next poll follows soon. After a rejected password, it follows after the
        interval, because an upstream can lock an account or a key store after several rejections.
        """
        self._rejection = None
        try:
            await self._poll(self._watched.begin(urgent=urgent))
        except GatewayError as error:
            reason = reason_name(error.kind.reason)
            self.failures[reason] += 1
            _log.warning("certificate_poll_failed", provider=self.provider, reason=reason, error=error.message)
            if error.kind.reason not in _REJECTIONS:
                return self._retry_seconds
            self._rejection = error.with_traceback(None)
            return self.interval
        except Exception as error:  # noqa: BLE001 - a bug, which must not end this poller and those of other providers
            reason = reason_name(INTERNAL_ERROR.reason)
            self.failures[reason] += 1
            _log.error("certificate_poll_failed", provider=self.provider, reason=reason, **exception_fields(error))
            return self._retry_seconds
        if not urgent:
            self._succeeded = time.monotonic()
        return self.interval

    @property
    def _retry_seconds(self) -> float:
        return min(self.interval, _RETRY_SECONDS)

    async def _poll(self, poll: PollRound) -> None:
        """Publish the certificates. Then raise the error if some could not be listed or read."""
        try:
            found, watched, failure = await self._list(poll)
            if failure is None:
                self._watched.finish(poll, await self._states(poll, watched, found.keys()))
        except Exception as error:
            self._watched.fail(
                poll, error if isinstance(error, GatewayError) else GatewayError(INTERNAL_ERROR, "internal error")
            )
            raise
        if failure is not None:
            self._watched.fail(poll, failure)
        if self._publish is not None and not poll.urgent:
            failure = await self._read_missing(found) or failure
            self._publish(self.provider, found)
        if failure is not None:
            raise failure

    async def _states(self, poll: PollRound, listed: Mapping[str, Certificate], existing: Set[str]) -> States:
        """Return the states of the certificates that the poll has to read, with at most `maximum_watched` downloads.

        listed: these certificates. existing: the names of all certificates of the provider.
        """
        maximum = self.settings.maximum_watched
        if poll.everything and len(listed) > maximum:
            self._log_too_many(len(listed))
            self._watched.end_everything(poll, self._too_many())
            listed = {name: each for name, each in listed.items() if poll.includes(name)}
        # The downloads since the last regular poll count together.
        downloaded = (self._downloaded & existing) - listed.keys() if poll.urgent else set[str]()
        order = sorted(listed, key=lambda name: name not in self._downloaded)
        chosen = order[: max(0, maximum - len(downloaded))]
        states = await self._reader.read({name: listed[name] for name in chosen})
        self._downloaded = downloaded.union(chosen)
        if len(chosen) < len(listed):
            self._log_too_many(len(downloaded) + len(listed))
            unread = CertificateState(Phase.UNREADABLE, reason=reason_name(TOO_MANY_CERTIFICATES.reason))
            states |= dict.fromkeys(listed.keys() - states.keys(), unread)
        return states

    def _log_too_many(self, watched: int) -> None:
        maximum = self.settings.maximum_watched
        _log.warning("too_many_certificates_watched", provider=self.provider, watched=watched, maximum=maximum)

    def _too_many(self) -> GatewayError:
        """Return the error for readers. It does not state the number, because they may not see all certificates."""
        message = (
            f"providers/{self.provider} has more certificates than the gateway watches, at most "
            f"{self.settings.maximum_watched} (poller.maximum_watched); request `names` instead of all certificates"
        )
        return GatewayError(TOO_MANY_CERTIFICATES, message)

    async def _read_missing(self, found: dict[str, dt.date | None]) -> GatewayError | None:
        """Add the expiry of each certificate whose expiry the list does not state. Return the last error."""
        failure = None
        for name in [name for name, last in found.items() if last is None]:
            try:
                found |= await self._read(name)
            except GatewayError as error:
                failure = error
        return failure

    async def _read(self, name: str) -> Expiries:
        """Return the expiry of a certificate that needs a password; none if no password is configured."""
        password = self.settings.keystore_passwords.get(name.rpartition("/")[2])
        if password is None:
            return {}
        request = certificates.GetCertificateRequest(name=name, keystore_password=password.get_secret_value())
        return expiries([(await self._calls.read(request)).certificate])

    async def _list(
        self, poll: PollRound
    ) -> tuple[dict[str, dt.date | None], dict[str, Certificate], GatewayError | None]:
        """Return the certificates, and None. If the list has too many pages, return the first ones and an error."""
        found: dict[str, dt.date | None] = {}
        watched: dict[str, Certificate] = {}
        request = certificates.ListCertificatesRequest(
            parent=PROVIDER.format(provider=self.provider),
            page_size=_PAGE_SIZE,
            state=certificates.CERTIFICATE_STATE_FILTER_ALL,
        )
        for _ in range(_MAXIMUM_PAGES):
            page = await self._calls.list_page(request)
            found |= expiries(page.certificates)
            watched |= {each.name: each for each in page.certificates if each.name and poll.includes(each.name)}
            if not page.next_page_token:
                return found, watched, None
            request.page_token = page.next_page_token
        message = f"{request.parent}: the list has more than {_MAXIMUM_PAGES} pages"
        return found, watched, MalformedResponse(message, provider=self.provider)
