"""Iteration over the changes of certificates, with the asyncio client."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any, Self

from keyway.errors import KeywayError
from keyway.v1.certificate_service_pb2 import WatchCertificatesResponse
from keyway.watch_progress import WatchProgress, checked_names


class AsyncCertificateWatch:
    """An asynchronous iterator over events, for `async for`. See `keyway.watch.CertificateWatch`.

    Cancel the task that iterates, or call `close` from another task, to end the stream.
    """

    def __init__(
        self, open_stream: Callable[..., Any], parent: str, names: Iterable[str] = (), resume_token: str = ""
    ) -> None:
        self._open = open_stream
        self._progress = WatchProgress(parent, checked_names(names), resume_token)
        self._closed = asyncio.Event()
        self._call: Any = None
        self._events = self._iterate()

    @property
    def resume_token(self) -> str:
        """The token that continues after the last event, also in another process."""
        return self._progress.resume_token

    def close(self) -> None:
        """End the stream and the iteration."""
        self._closed.set()
        if self._call is not None:
            self._call.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchCertificatesResponse:
        return await anext(self._events)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self._events.aclose()

    async def _iterate(self) -> AsyncGenerator[WatchCertificatesResponse, None]:
        while not self._closed.is_set():
            failure: KeywayError | None = None
            try:
                async with aclosing(self._stream()) as stream:
                    async for event in stream:
                        for new in self._progress.received(event):
                            yield new
            except KeywayError as error:
                failure = error
            except asyncio.CancelledError:
                if not self._closed.is_set():
                    raise
            if self._closed.is_set():
                return
            await self._wait(self._progress.pause_after(failure))

    async def _stream(self) -> AsyncGenerator[WatchCertificatesResponse, None]:
        self._call = self._open(self._progress.request())
        try:
            async for event in self._call:
                yield event
        finally:
            self._call.cancel()

    async def _wait(self, seconds: float) -> None:
        """Wait, or until `close`."""
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return
