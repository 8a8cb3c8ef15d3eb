"""WatchCertificates: opens streams, and turns the changes of a subscription into events."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from gateway.call_context import CallContext
from gateway.contract.methods import DELIVER_CERTIFICATE
from gateway.contract.resource_names import provider_id
from gateway.errors import GatewayError, InvalidRequest, Violation
from gateway.providers.catalog import WATCH, Catalog
from gateway.server.authorizer import Authorizer
from gateway.server.caller_names import CallerNames
from gateway.server.rpc_context import RpcContext
from gateway.server.stream_handler import EventStream, OpenStream, StreamEvent
from gateway.upstream.outcomes import TIMEOUT
from gateway.watch.history import States
from gateway.watch.replica import VersionReplica
from gateway.watch.states import REMOVED, CertificateState, Phase, ResumeToken
from gateway.watch.subscription import Change, VersionSubscription
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1.certificate_service_pb2 import CertificateEventType, WatchCertificatesRequest, WatchCertificatesResponse

_PREFIX: Final = "CERTIFICATE_EVENT_TYPE_"
_NAMES_PER_TURN: Final = 20
_PHASE_EVENTS: Final[Mapping[Phase, CertificateEventType.ValueType]] = {
    Phase.REMOVED: service.CERTIFICATE_EVENT_TYPE_REMOVED,
    Phase.UNREADABLE: service.CERTIFICATE_EVENT_TYPE_UNREADABLE,
    Phase.EXPIRING: service.CERTIFICATE_EVENT_TYPE_EXPIRING,
    Phase.EXPIRED: service.CERTIFICATE_EVENT_TYPE_EXPIRED,
}


class CertificateWatcher:
    """Opens streams. versions: the watched certificates. authorizer: None if every caller may do everything."""

    def __init__(self, catalog: Catalog, versions: VersionReplica, authorizer: Authorizer | None) -> None:
        self._catalog = catalog
        self._versions = versions
        self._authorizer = authorizer
        self._names = CallerNames()

    async def open(self, request: Any, call: CallContext) -> EventStream:
        """Return the stream of a request, when its states are not older than the request."""
        _check(request)
        provider = self._catalog.provider(provider_id(request.parent))
        if not self._catalog.serves(provider, WATCH):
            raise self._catalog.unsupported(provider, WATCH)
        parent = "" if request.names else request.parent
        filter_ = _Filter(None if request.names else self._authorizer, call)
        with contextlib.ExitStack() as ending:
            ending.callback(self._names.add(filter_.caller, frozenset(request.names)))
            subscription = self._versions.subscribe(request.names, parent=parent)
            ending.callback(subscription.close)
            known = await self._known(subscription, request.resume_token, filter_)
            if known is None:
                await _fresh(subscription, call)
            return CertificateEvents(subscription, known, filter_, ending=ending.pop_all())

    @staticmethod
    async def _known(subscription: VersionSubscription, token: str, permitted: "_Filter") -> States | None:
        """Return the states that a reader with this token knows; None without a token that is known."""
        if not token:
            return None
        for index, name in enumerate(list(subscription.current())):
            if index % _NAMES_PER_TURN == _NAMES_PER_TURN - 1:
                await asyncio.sleep(0)
            permitted(name)  # the policy engine remembers the decision
        return subscription.known(token, permitted)


class _Filter:
    """Whether a stream of all certificates of a provider includes a certificate. authorizer: None includes every one.

    A stream of named certificates includes each of them, and ends when policy denies one.
    """

    def __init__(self, authorizer: Authorizer | None, call: CallContext) -> None:
        assert isinstance(call, RpcContext)
        assert call.caller is not None
        self._authorizer = authorizer
        self.caller = call.caller

    def __call__(self, name: str) -> bool:
        delivery = WatchCertificatesResponse(name=name)
        return self._authorizer is None or self._authorizer.permits(self.caller, DELIVER_CERTIFICATE, delivery)

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the result can differ. Return a function that ends this."""
        return self._authorizer.on_reload(listener) if self._authorizer is not None else lambda: None


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
    ending: closed at the end. permitted: None if the stream includes every certificate. Certificates that it leaves out
    are not part of the resume token, because the reader does not know them. They are reported when policy permits them.
    """

    def __init__(
        self,
        subscription: VersionSubscription,
        known: States | None,
        permitted: _Filter | None = None,
        *,
        ending: contextlib.ExitStack | None = None,
    ) -> None:
        self._subscription = subscription
        self._ending = ending or contextlib.ExitStack()
        self._permitted = permitted
        self._left_out: set[str] = set()
        self._end_following = permitted.on_change(self._policy_changed) if permitted is not None else None
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
        if self._end_following is not None:
            self._end_following()
        self._ending.close()
        self._subscription.close()

    def _policy_changed(self) -> None:
        for name in self._left_out:
            self._subscription.notify(name)

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        while (change := self._subscription.pop()) is not None:
            if (event := await self._event(change)) is not None:
                yield event
        yield self._synced()
        async for change in self._subscription:
            if (event := await self._event(change)) is not None:
                yield event

    def _synced(self) -> StreamEvent:
        response = WatchCertificatesResponse(
            type=service.CERTIFICATE_EVENT_TYPE_SYNCED, resume_token=str(self._token), complete=self._is_complete
        )
        return StreamEvent(response, None, "SYNCED", time.monotonic())

    async def _event(self, change: Change) -> StreamEvent | None:
        """Return the event about a change; None if the reader knows the state, or does not receive it."""
        name, state = change.name, change.state
        old = self._known.get(name)
        is_unknown = old is None and state == REMOVED and bool(self._subscription.parent)
        if self._permitted is not None and not self._permitted(name):
            self._leave_out(name, is_unknown=is_unknown)
            await asyncio.sleep(0)  # there can be thousands of them, each with a decision
            return None
        self._left_out.discard(name)
        if (state == old and not change.coalesced) or is_unknown:
            return None
        return self._reported(change, old)

    def _leave_out(self, name: str, *, is_unknown: bool) -> None:
        if is_unknown:
            self._left_out.discard(name)
        else:
            self._left_out.add(name)

    def _reported(self, change: Change, old: CertificateState | None) -> StreamEvent:
        name, state = change.name, change.state
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


def streams(catalog: Catalog, versions: VersionReplica, authorizer: Authorizer | None) -> Mapping[str, OpenStream]:
    """Return what opens the streams of the service, by the operations of the methods."""
    return {WATCH: CertificateWatcher(catalog, versions, authorizer).open}
