"""The poller of one provider: lists all certificates, page by page, once per interval."""

import asyncio
import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from gateway.contract.resource_names import PROVIDER
from gateway.errors import INTERNAL_ERROR, GatewayError, MalformedResponse, reason_name
from gateway.library_logs import exception_fields
from gateway.providers.base.settings import PollerSettings
from gateway.telemetry.certificates import Expiries, expiries
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import error_reason_pb2 as reasons

Publish = Callable[[str, Expiries], None]
"""Receives the ID of a provider, and the expiry of all its certificates."""

_FIRST_SECONDS: Final = 10.0
"""The maximum delay of the first poll. It is short, because the metrics of a worker disappear when it ends."""
_RETRY_SECONDS: Final = 300.0
_PAGE_SIZE: Final = 1000
_MAXIMUM_PAGES: Final = 1000
_REJECTIONS: Final = (
    reasons.ERROR_REASON_PROVIDER_CREDENTIALS_REJECTED,
    reasons.ERROR_REASON_KEYSTORE_PASSWORD_INCORRECT,
)

_log = structlog.get_logger(__name__)


class PollerCalls(Protocol):
    """The calls of a poller. They raise GatewayError."""

    async def list_page(self, request: certificates.ListCertificatesRequest) -> certificates.ListCertificatesResponse:
        """Return one page of a list."""

    async def read(self, request: certificates.GetCertificateRequest) -> certificates.GetCertificateResponse:
        """Return one certificate."""


class ProviderPoller:
    """Polls one provider. failures: the number of failed polls by reason.

    draw: returns a random number between two bounds.
    """

    def __init__(
        self,
        provider: str,
        settings: PollerSettings,
        calls: PollerCalls,
        publish: Publish,
        *,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.provider: Final = provider
        self.settings: Final = settings
        self.failures: Counter[str] = Counter()
        self._calls = calls
        self._publish = publish
        self._draw = draw
        self._succeeded = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the last successful poll, or since polling began."""
        return time.monotonic() - self._succeeded

    async def run(self) -> None:
        """Poll until this task is canceled."""
        self._succeeded = time.monotonic()
        await asyncio.sleep(self._draw(0, min(_FIRST_SECONDS, self.settings.interval)))
        while True:
            seconds = await self.poll()
            jitter = self.settings.jitter
            await asyncio.sleep(seconds * self._draw(1 - jitter, 1 + jitter))

    async def poll(self) -> float:
        """Poll once. Return the seconds until the next poll, without jitter.

        Most failures are transient, so the next poll follows soon. After a rejected password, it follows after the
        interval, because an upstream can lock an account or a key store after several rejections.
        """
        try:
            await self._poll()
        except GatewayError as error:
            reason = reason_name(error.kind.reason)
            self.failures[reason] += 1
            _log.warning("certificate_poll_failed", provider=self.provider, reason=reason, error=error.message)
            return self.settings.interval if error.kind.reason in _REJECTIONS else self._retry_seconds
        except Exception as error:  # noqa: BLE001 - a bug, which must not end this poller and those of other providers
            reason = reason_name(INTERNAL_ERROR.reason)
            self.failures[reason] += 1
            _log.error("certificate_poll_failed", provider=self.provider, reason=reason, **exception_fields(error))
            return self._retry_seconds
        self._succeeded = time.monotonic()
        return self.settings.interval

    @property
    def _retry_seconds(self) -> float:
        return min(self.settings.interval, _RETRY_SECONDS)

    async def _poll(self) -> None:
        """Publish the certificates. Then raise the error if some could not be listed or read."""
        found, failure = await self._list()
        for name in [name for name, last in found.items() if last is None]:
            try:
                found |= await self._read(name)
            except GatewayError as error:
                failure = error
        self._publish(self.provider, found)
        if failure is not None:
            raise failure

    async def _read(self, name: str) -> Expiries:
        """Return the expiry of a certificate that needs a password; none if no password is configured."""
        password = self.settings.keystore_passwords.get(name.rpartition("/")[2])
        if password is None:
            return {}
        request = certificates.GetCertificateRequest(name=name, keystore_password=password.get_secret_value())
        return expiries([(await self._calls.read(request)).certificate])

    async def _list(self) -> tuple[dict[str, dt.date | None], GatewayError | None]:
        """Return all certificates, and None; or those of the first pages, and the error that there are too many."""
        found: dict[str, dt.date | None] = {}
        request = certificates.ListCertificatesRequest(
            parent=PROVIDER.format(provider=self.provider),
            page_size=_PAGE_SIZE,
            state=certificates.CERTIFICATE_STATE_FILTER_ALL,
        )
        for _ in range(_MAXIMUM_PAGES):
            page = await self._calls.list_page(request)
            found |= expiries(page.certificates)
            if not page.next_page_token:
                return found, None
            request.page_token = page.next_page_token
        message = f"{request.parent}: the list has more than {_MAXIMUM_PAGES} pages"
        return found, MalformedResponse(message, provider=self.provider)
