"""What a watcher of certificates knows, and when it opens the stream again, for the sync and the asyncio client."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import grpc

from keyway.errors import KeywayError
from keyway.v1 import certificate_service_pb2 as contract
from keyway.v1.certificate_service_pb2 import WatchCertificatesRequest, WatchCertificatesResponse

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_CURRENT: Final = contract.CERTIFICATE_EVENT_TYPE_CURRENT
_REMOVED: Final = contract.CERTIFICATE_EVENT_TYPE_REMOVED
_SYNCED: Final = contract.CERTIFICATE_EVENT_TYPE_SYNCED
_WITHOUT_VERSION: Final = (_REMOVED, contract.CERTIFICATE_EVENT_TYPE_UNREADABLE)
# After CURRENT, RENEWED with the same version says nothing new.
_SAME: Final = {contract.CERTIFICATE_EVENT_TYPE_RENEWED: _CURRENT}


@dataclass(frozen=True, slots=True)
class _Known:
    """The last event of a certificate. type: where RENEWED counts as CURRENT. detail: the version or the reason."""

    type: int
    detail: str


class WatchProgress:
    """The request of the next stream, and the events that are new to the reader.

    A stream that is opened again can repeat what the reader knows. The reader receives only what is new.
    """

    def __init__(self, parent: str, names: Sequence[str], resume_token: str) -> None:
        self._parent = parent
        self._names = tuple(names)
        self._known: dict[str, _Known] = {}
        self._mentioned: set[str] = set()
        self._failures = 0
        self.resume_token = resume_token
        self.started = False
        """Whether a stream has delivered an event."""

    def request(self) -> WatchCertificatesRequest:
        """Return the request of a new stream."""
        self._mentioned.clear()
        return WatchCertificatesRequest(parent=self._parent, names=self._names, resume_token=self.resume_token)

    def received(self, event: WatchCertificatesResponse) -> Iterator[WatchCertificatesResponse]:
        """Take an event of the stream; yield the events that are new to the reader."""
        self.started = True
        self._failures = 0
        self.resume_token = event.resume_token or self.resume_token
        if event.type == _SYNCED:
            if event.complete:
                yield from self._vanished()
            yield event
        elif self._is_new(event):
            yield event

    def _is_new(self, event: WatchCertificatesResponse) -> bool:
        known = self._known.get(event.name)
        found = _Known(_SAME.get(event.type, event.type), event.version or event.reason)
        self._mentioned.add(event.name)
        if (
            event.type == _CURRENT
            and known is not None
            and known.type not in _WITHOUT_VERSION
            and known.detail == found.detail
        ):
            return False  # the certificate can also be about to expire, which another event states
        self._known[event.name] = found
        return found != known

    def _vanished(self) -> Iterator[WatchCertificatesResponse]:
        """Yield REMOVED for the known certificates that a complete stream did not report."""
        for name, known in list(self._known.items()):
            if name not in self._mentioned and known.type != _REMOVED:
                self._known[name] = _Known(_REMOVED, "")
                yield WatchCertificatesResponse(type=_REMOVED, name=name, resume_token=self.resume_token)

    def pause_after(self, error: KeywayError | None) -> float:
        """Return the seconds to wait before the next stream. error: of the last one; None if the gateway ended it.

        Raises the error if a new stream would fail too.
        """
        if error is not None and not self._is_temporary(error):
            raise error
        self._failures += 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 20)) * random.uniform(0.5, 1.0)  # noqa: S311
        return pause if error is None else max(pause, error.retry_delay or 0)

    def _is_temporary(self, error: KeywayError) -> bool:
        if not self.started:
            return False
        if error.code is grpc.StatusCode.UNAUTHENTICATED:
            # The credential expired during the stream. The next stream sends the current one.
            return self._failures == 0
        if error.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return error.retry_delay is not None
        # An error without a reason comes from the connection, or from a proxy.
        broken = error.code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED)
        return error.code is grpc.StatusCode.UNAVAILABLE or (broken and not error.reason)


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names. Raises TypeError for a single text, which would count as a list of characters."""
    if isinstance(names, str):
        raise TypeError("names must be a list of resource names, not one text")
    return tuple(names)
