"""Iteration over the changes of certificates, with the sync client."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from keyway.errors import KeywayError
from keyway.v1.certificate_service_pb2 import WatchCertificatesResponse
from keyway.watch_progress import WatchProgress, checked_names


class CertificateWatch:
    """An iterator over events. It opens the stream again when it ends, continues where it ended, and skips repetitions.

    An error before the first event is raised. After that, only errors are raised that a new stream would return too,
    such as PERMISSION_DENIED. Only one thread can iterate; any thread can call `close`.
    """

    def __init__(
        self, open_stream: Callable[..., Any], parent: str, names: Iterable[str] = (), resume_token: str = ""
    ) -> None:
        self._open = open_stream
        self._progress = WatchProgress(parent, checked_names(names), resume_token)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._call: Any = None
        self._events = self._iterate()

    @property
    def resume_token(self) -> str:
        """The token that continues after the last event, also in another process."""
        return self._progress.resume_token

    def close(self) -> None:
        """End the stream and the iteration."""
        with self._lock:
            self._closed.set()
            if self._call is not None:
                self._call.cancel()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WatchCertificatesResponse:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _iterate(self) -> Iterator[WatchCertificatesResponse]:
        while not self._closed.is_set():
            failure: KeywayError | None = None
            try:
                for event in self._stream():
                    yield from self._progress.received(event)
            except KeywayError as error:
                failure = error
            if self._closed.is_set():
                return
            self._closed.wait(self._progress.pause_after(failure))

    def _stream(self) -> Iterator[WatchCertificatesResponse]:
        with self._lock:
            if self._closed.is_set():
                return
            self._call = self._open(self._progress.request())
        yield from self._call
