"""What a watcher of certificates knows, and when it opens the stream again, for the sync and the asyncio client."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import grpc

from keyway.errors import KeywayError
from keyway.v1 import certificate_service_pb2 as contract
from keyway.v1.certificate_service_pb2 import WatchCertificatesRequest, WatchCertificatesResponse

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_CURRENT: Final = contract.CERTIFICATE_EVENT_TYPE_CURRENT
_RENEWED: Final = contract.CERTIFICATE_EVENT_TYPE_RENEWED
_REMOVED: Final = contract.CERTIFICATE_EVENT_TYPE_REMOVED
_SYNCED: Final = contract.CERTIFICATE_EVENT_TYPE_SYNCED
_UNREADABLE: Final = contract.CERTIFICATE_EVENT_TYPE_UNREADABLE


@dataclass(frozen=True, slots=True)
class _Known:
    """The last event of a certificate. type: where RENEWED counts as CURRENT.

    version: of the content that the reader has. An unreadable certificate keeps it.
    """

    type: int
    version: str
    reason: str

    @classmethod
    def of(cls, event: WatchCertificatesResponse, old: Self | None) -> Self:
        """Return what an event says. old: the previous event of the certificate."""
        if event.type == _UNREADABLE:
            return cls(event.type, old.version if old is not None else "", event.reason)
        return cls(_CURRENT if event.type == _RENEWED else event.type, event.version, event.reason)

    def repeats(self, old: Self) -> bool:
        """Return whether this says nothing new. CURRENT repeats the version of EXPIRING and EXPIRED, too."""
        return self == old or (self.type == _CURRENT and old.type != _UNREADABLE and self.version == old.version)


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
        self._is_synced = False
        self.resume_token = resume_token
        self.started = False
        """Whether a stream has delivered an event."""

    def request(self) -> WatchCertificatesRequest:
        """Return the request of a new stream."""
        self._mentioned.clear()
        self._is_synced = False
        return WatchCertificatesRequest(parent=self._parent, names=self._names, resume_token=self.resume_token)

    def received(self, event: WatchCertificatesResponse) -> Iterator[WatchCertificatesResponse]:
        """Take an event of the stream; yield the events that are new to the reader."""
        self.started = True
        self._failures = 0
        self._is_synced = self._is_synced or event.type == _SYNCED
        # A token from before SYNCED can hide that a certificate no longer exists.
        self.resume_token = event.resume_token if self._is_synced else ""
        if event.type == _SYNCED:
            if event.complete:
                yield from self._vanished()
            yield event
        else:
            yield from self._news(event)

    def _news(self, event: WatchCertificatesResponse) -> Iterator[WatchCertificatesResponse]:
        """Yield an event unless it says nothing new."""
        self._mentioned.add(event.name)
        old = self._known.get(event.name)
        found = _Known.of(event, old)
        if old is not None and found.repeats(old) and not event.coalesced_count:
            return
        self._known[event.name] = found
        if event.type == _CURRENT and old is not None and old.version not in ("", found.version):
            renewed = WatchCertificatesResponse()
            renewed.CopyFrom(event)
            renewed.type = _RENEWED
            event = renewed
        yield event

    def _vanished(self) -> Iterator[WatchCertificatesResponse]:
        """Yield REMOVED for the known certificates that a complete stream did not report."""
        for name, known in list(self._known.items()):
            if name not in self._mentioned and known.type != _REMOVED:
                self._known[name] = _Known(_REMOVED, "", "")
                yield WatchCertificatesResponse(type=_REMOVED, name=name, resume_token=self.resume_token)

    def pause_after(self, error: KeywayError | None) -> float:
        """Return the seconds to wait before the next stream. error: of the last one; None if the gateway ended it.

        Raises the error if a new stream would fail too.
        """
        if error is not None and not self._is_temporary(error):
            raise error
        self._failures += 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 20)) * random.uniform(0.5, 1.0)  # noqa: S311
        demanded = (error.retry_delay or 0) if error is not None else 0
        return demanded * random.uniform(1.0, 1.2) if demanded > pause else pause  # noqa: S311

    def _is_temporary(self, error: KeywayError) -> bool:
        if not self.started:
            return False
        if error.retry_delay is not None:
            return True
        if error.code is grpc.StatusCode.UNAUTHENTICATED:
            # The credential expired during the stream. The next stream sends the current one.
            return self._failures == 0
        # An error without a reason comes from the connection, or from a proxy.
        broken = error.code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED)
        return error.code is grpc.StatusCode.UNAVAILABLE or (broken and not error.reason and self._failures == 0)


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names. Raises TypeError for a single text, which would count as a list of characters."""
    if isinstance(names, str):
        raise TypeError("names must be a list of resource names, not one text")
    return tuple(names)
