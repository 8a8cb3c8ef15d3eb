"""The pollers of all providers of a gateway. They run in one of its workers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from gateway.poller.certificate_states import CertificateReader
from gateway.poller.provider_poller import PollerCalls, ProviderPoller, Publish
from gateway.providers.base.settings import ProviderSettings
from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Point
from gateway.watch.publisher import VersionPublisher

_UTC: Final = ZoneInfo("UTC")


class CertificatePollers:
    """One poller for each provider. settings: by the ID of the provider.

    calls: makes the calls. publish: receives the certificates of a provider after each complete list; None if nobody
    needs them. publisher: the watched certificates.
    """

    def __init__(
        self,
        settings: Mapping[str, ProviderSettings],
        calls: PollerCalls,
        publish: Publish | None,
        publisher: VersionPublisher,
    ) -> None:
        self._pollers = [
            ProviderPoller(
                provider,
                each.poller,
                calls,
                publish,
                watched=publisher.provider(provider),
                reader=CertificateReader(each.poller, calls, getattr(each, "timezone", _UTC)),
            )
            for provider, each in settings.items()
        ]
        self._began = False

    @contextlib.asynccontextmanager
    async def running(self, start: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Poll until the end of the block. start: returns when this process must begin to poll."""
        task = asyncio.create_task(self._run(start))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self, start: Callable[[], Awaitable[object]]) -> None:
        await start()
        self._began = True
        async with asyncio.TaskGroup() as tasks:
            for poller in self._pollers:
                tasks.create_task(poller.run())

    def ages(self) -> Iterator[Point]:
        """Yield the seconds since the last success of each poller; nothing before the start."""
        return self._points(lambda poller: poller.age)

    def intervals(self) -> Iterator[Point]:
        """Yield the configured interval of each poller; nothing before the start."""
        return self._points(lambda poller: poller.interval)

    def failures(self) -> Iterator[Point]:
        """Yield the number of failed polls by provider and reason."""
        for poller in self._pollers:
            for reason, count in poller.failures.copy().items():
                yield Point({names.KEYWAY_PROVIDER: poller.provider, names.KEYWAY_REASON: reason}, count)

    def _points(self, value: Callable[[ProviderPoller], float]) -> Iterator[Point]:
        if self._began:
            for poller in self._pollers:
                yield Point({names.KEYWAY_PROVIDER: poller.provider}, value(poller))
