"""Streams that report changes of certificates, so that the agent does not wait for the next poll."""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import grpc

from keyway.agent.keeper import Keeper
from keyway.errors import KeywayError
from keyway.v1 import certificate_service_pb2 as contract
from keyway.v1.certificate_service_pb2 import WatchCertificatesResponse

_LARGEST_STREAM: Final = 1000
_RETRY_SECONDS: Final = 30.0
_UNSUPPORTED_RETRY_SECONDS: Final = 600.0
_UNSUPPORTED: Final = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.PERMISSION_DENIED)
_NEW_VERSION: Final = (contract.CERTIFICATE_EVENT_TYPE_CURRENT, contract.CERTIFICATE_EVENT_TYPE_RENEWED)
_log: Final = logging.getLogger("keyway.agent")


class Watcher:
    """watch: `watch_certificates` of the asyncio client. changed: called when `watching` changes."""

    def __init__(
        self, watch: Callable[..., Any], keepers: Sequence[Keeper], poll_seconds: float, changed: Callable[[], None]
    ) -> None:
        self._watch = watch
        self._poll_seconds = poll_seconds
        self._changed = changed
        self._keepers: defaultdict[str, list[Keeper]] = defaultdict(list)
        for keeper in keepers:
            for name in dict.fromkeys((keeper.managed.certificate, *keeper.managed.authorities)):
                self._keepers[name].append(keeper)
        self._streams = list(_streams(sorted(self._keepers)))
        self._open: set[int] = set()
        self._problems: dict[int, str] = {}

    @property
    def watching(self) -> bool:
        """Whether all streams are open."""
        return len(self._open) == len(self._streams)

    async def run(self) -> None:
        """Watch until cancelled."""
        await asyncio.gather(*(self._repeat(number) for number in range(len(self._streams))))

    async def _repeat(self, number: int) -> None:
        while True:
            try:
                await self._follow(number)
            except (KeywayError, OSError) as error:
                pause = self._pause_after(number, error)
            else:
                pause = _RETRY_SECONDS
            self._set_open(number, is_open=False)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311

    def _pause_after(self, number: int, error: KeywayError | OSError) -> float:
        """Return the seconds before the next attempt. An OSError concerns the token file."""
        is_unsupported = isinstance(error, KeywayError) and error.code in _UNSUPPORTED
        if self._problems.get(number) != str(error):  # an outage can last long
            self._problems[number] = str(error)
            level = logging.INFO if is_unsupported else logging.WARNING
            _log.log(level, "cannot watch the certificates, so the agent polls: %s", error)
        return _UNSUPPORTED_RETRY_SECONDS if is_unsupported else _RETRY_SECONDS

    async def _follow(self, number: int) -> None:
        parent, names = self._streams[number]
        async with self._watch(parent, names=names) as events:
            async for event in events:
                if event.type == contract.CERTIFICATE_EVENT_TYPE_SYNCED:
                    self._problems.pop(number, None)
                    self._set_open(number, is_open=True)
                elif event.type in _NEW_VERSION:
                    self._wake(event)

    def _wake(self, event: WatchCertificatesResponse) -> None:
        loop = asyncio.get_running_loop()
        for keeper in self._keepers[event.name]:
            if event.name != keeper.managed.certificate or event.version != keeper.chain_version:
                # All hosts receive the event at the same moment.
                longest = min(keeper.managed.schedule.jitter, self._poll_seconds)
                loop.call_later(random.uniform(0, longest), keeper.wake)  # noqa: S311

    def _set_open(self, number: int, *, is_open: bool) -> None:
        before = self.watching
        (self._open.add if is_open else self._open.discard)(number)
        if self.watching != before:
            _log.info("watching the certificates" if self.watching else "no longer watching the certificates")
            self._changed()


def _streams(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the parent and the names of each stream."""
    by_parent: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        by_parent[name.partition("/certificates/")[0]].append(name)
    for parent, several in by_parent.items():
        for start in range(0, len(several), _LARGEST_STREAM):
            yield parent, several[start : start + _LARGEST_STREAM]
