"""WatchCertificates: opens streams, and turns the changes of a subscription into events."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from gateway.call_context import CallContext
from gateway.contract.resource_names import provider_id
from gateway.errors import GatewayError, InvalidRequest, Violation
from gateway.providers.catalog import WATCH, Catalog
from gateway.server.stream_handler import EventStream, OpenStream, StreamEvent
from gateway.upstream.outcomes import TIMEOUT
from gateway.watch.history import States
from gateway.watch.replica import VersionReplica
from gateway.watch.states import REMOVED, CertificateState, Phase, ResumeToken
from gateway.watch.subscription import Change, VersionSubscription
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1.certificate_service_pb2 import CertificateEventType, WatchCertificatesRequest, WatchCertificatesResponse

_PREFIX: Final = "CERTIFICATE_EVENT_TYPE_"
_PHASE_EVENTS: Final[Mapping[Phase, CertificateEventType.ValueType]] = {
    Phase.REMOVED: service.CERTIFICATE_EVENT_TYPE_REMOVED,
    Phase.UNREADABLE: service.CERTIFICATE_EVENT_TYPE_UNREADABLE,
    Phase.EXPIRING: service.CERTIFICATE_EVENT_TYPE_EXPIRING,
    Phase.EXPIRED: service.CERTIFICATE_EVENT_TYPE_EXPIRED,
}


class CertificateWatcher:
    """Opens streams. versions: the watched certificates."""

    def __init__(self, catalog: Catalog, versions: VersionReplica) -> None:
        self._catalog = catalog
        self._versions = versions

    async def open(self, request: Any, call: CallContext) -> EventStream:
        """Return the stream of a request, when its states are not older than the request."""
        _check(request)
        provider = self._catalog.provider(provider_id(request.parent))
        if not self._catalog.serves(provider, WATCH):
            raise self._catalog.unsupported(provider, WATCH)
        parent = "" if request.names else request.parent
        subscription = self._versions.subscribe(request.names, parent=parent)
        try:
            known = subscription.known(request.resume_token) if request.resume_token else None
            if known is None:
                await _fresh(subscription, call)
            return CertificateEvents(subscription, known)
        except BaseException:
            subscription.close()
            raise


def _check(request: WatchCertificatesRequest) -> None:
    prefix = f"{request.parent}/certificates/"
    violations = [
        Violation(f"names[{index}]", f"must be a certificate of {request.parent}")
        for index, name in enumerate(request.names)
        if not name.startswith(prefix)
    ]
    if violations:
        raise InvalidRequest(violations)


async def _fresh(subscription: VersionSubscription, call: CallContext) -> None:
    try:
        async with asyncio.timeout(call.remaining()):
            await subscription.fresh()
    except TimeoutError:
        raise GatewayError(TIMEOUT, "the provider was not polled before the deadline") from None


class CertificateEvents:
    """The events of one stream.

    known: the states that the reader knows; None if they are unknown. Then the stream begins with all states.
    """

    def __init__(self, subscription: VersionSubscription, known: States | None) -> None:
        self._subscription = subscription
        self.skips_denied = bool(subscription.parent)
        self._is_complete = known is None
        self._known = dict(known or {})
        self._versions = {name: state.version for name, state in self._known.items() if state.version}
        self._token = ResumeToken()
        for name, state in self._known.items():
            self._token.replace(name, None, state)
        if known is not None:
            subscription.report_since(known)

    def close(self) -> None:
        """End the iteration."""
        self._subscription.close()

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        while (change := self._subscription.pop()) is not None:
            if (event := self._event(change)) is not None:
                yield event
        yield self._synced()
        async for change in self._subscription:
            if (event := self._event(change)) is not None:
                yield event

    def _synced(self) -> StreamEvent:
        response = WatchCertificatesResponse(
            type=service.CERTIFICATE_EVENT_TYPE_SYNCED, resume_token=str(self._token), complete=self._is_complete
        )
        return StreamEvent(response, None, "SYNCED", time.monotonic())

    def _event(self, change: Change) -> StreamEvent | None:
        """Return the event about a change; None if the reader knows the state."""
        name, state = change.name, change.state
        old = self._known.get(name)
        if (state == old and not change.coalesced) or (old is None and state == REMOVED and self.skips_denied):
            return None
        kind = self._kind(name, old, state)
        self._replace(name, old, state)
        response = WatchCertificatesResponse(
            type=kind,
            name=name,
            version=state.version,
            coalesced_count=change.coalesced,
            reason=state.reason,
        )
        delivery = WatchCertificatesResponse()
        delivery.CopyFrom(response)
        response.resume_token = str(self._token)
        if state.certificate:
            response.certificate.MergeFromString(state.certificate)
        label = CertificateEventType.Name(kind).removeprefix(_PREFIX)
        return StreamEvent(response, delivery, label, change.since, change.coalesced)

    def _kind(self, name: str, old: CertificateState | None, state: CertificateState) -> CertificateEventType.ValueType:
        if state.phase in (Phase.REMOVED, Phase.UNREADABLE):
            return _PHASE_EVENTS[state.phase]
        version = self._versions.get(name)
        if version is None:
            return service.CERTIFICATE_EVENT_TYPE_CURRENT
        if version != state.version:
            return service.CERTIFICATE_EVENT_TYPE_RENEWED
        if old is not None and old.phase is not state.phase:
            return _PHASE_EVENTS.get(state.phase, service.CERTIFICATE_EVENT_TYPE_CURRENT)
        return service.CERTIFICATE_EVENT_TYPE_CURRENT

    def _replace(self, name: str, old: CertificateState | None, state: CertificateState) -> None:
        self._token.replace(name, old, state)
        self._known[name] = state
        if state.version:
            self._versions[name] = state.version
        elif state.phase is Phase.REMOVED:
            self._versions.pop(name, None)


def streams(catalog: Catalog, versions: VersionReplica) -> Mapping[str, OpenStream]:
    """Return what opens the streams of the service, by the operations of the methods."""
    return {WATCH: CertificateWatcher(catalog, versions).open}
