"""Feeds: the present version of each subscribed resource, and the pushes that follow its changes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Protocol

import structlog

from gateway.errors import GatewayError
from gateway.library_logs import exception_fields
from gateway.surfaces.sds.loading import SecretLoader
from gateway.surfaces.sds.names import SecretResource

_RETRY_SECONDS: Final = 5.0
_PUSH_SECONDS: Final = 10.0
"""A delivery that takes longer, for example because a limit delays it, reads the upstream itself."""

_log = structlog.get_logger(__name__)


class SecretVersions(Protocol):
    """The source of versions."""

    def follow(self, resource: SecretResource) -> AsyncGenerator[str, None]:
        """Yield the present version of a resource, and then each change. Empty: the resource does not exist."""


class FeedSubscriber(Protocol):
    """What a feed informs about changes."""

    def changed(self, version: str) -> "asyncio.Task[None] | None":
        """Handle a version. Return the task that delivers it; None if there is nothing to deliver."""


class SecretFeed:
    """The versions of one resource, for all its subscribers. version: None before the source reports one."""

    def __init__(self, resource: SecretResource, versions: SecretVersions, loader: SecretLoader) -> None:
        self.version: str | None = None
        self.subscribers: set[FeedSubscriber] = set()
        self._resource = resource
        self._versions = versions
        self._loader = loader
        self._known = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    async def known(self) -> str:
        """Return the present version when the source has reported one."""
        await self._known.wait()
        assert self.version is not None
        return self.version

    def close(self) -> None:
        """Stop following the source."""
        self._task.cancel()

    async def _follow(self) -> None:
        while True:
            try:
                async with aclosing(self._versions.follow(self._resource)) as versions:
                    async for version in versions:
                        await self._push(version)
            except GatewayError as error:
                _log.warning("secret_not_followed", secret=self._resource.name, error=error.message)
            except Exception as error:  # noqa: BLE001 - a bug, which must not end the feed
                _log.error("secret_not_followed", secret=self._resource.name, **exception_fields(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _push(self, version: str) -> None:
        """Deliver a version to all subscribers. Returns when the deliveries have ended, or take too long."""
        self.version = version
        self._known.set()
        with self._loader.push(self._resource):
            tasks = [task for each in list(self.subscribers) if (task := each.changed(version)) is not None]
            if tasks:
                await asyncio.wait(tasks, timeout=_PUSH_SECONDS)


class SecretFeeds:
    """The feeds of all resources with subscribers."""

    def __init__(self, versions: SecretVersions, loader: SecretLoader) -> None:
        self._versions = versions
        self._loader = loader
        self._feeds: dict[SecretResource, SecretFeed] = {}

    def join(self, resource: SecretResource, subscriber: FeedSubscriber) -> SecretFeed:
        """Inform a subscriber about the changes of a resource, until `leave`."""
        feed = self._feeds.get(resource)
        if feed is None:
            feed = self._feeds[resource] = SecretFeed(resource, self._versions, self._loader)
        feed.subscribers.add(subscriber)
        return feed

    def leave(self, resource: SecretResource, subscriber: FeedSubscriber) -> None:
        """End what `join` began."""
        feed = self._feeds[resource]
        feed.subscribers.discard(subscriber)
        if not feed.subscribers:
            feed.close()
            del self._feeds[resource]
