"""The context of one RPC: the state that the interceptors of the server share.

`RpcContext` extends `CallContext`, so that one object accompanies a call through all layers. Providers see it as a
`CallContext`: they cannot read the metadata, which contains the caller's token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway.audit.call_facts import STATED_SURFACES, CallSource, Moment
from gateway.audit.events import CallEvents
from gateway.authz.decision import Decision
from gateway.call_context import CallContext
from gateway.contract.methods import Method
from gateway.identity.caller import Caller
from gateway.journal.format.records import Receipt
from gateway.server.authorizer import resources
from gateway.telemetry.context import Metadata

ServicerContext: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_REQUEST_ID: Final = "x-request-id"
_SERVICE_NAME: Final = "x-service-name"
_USER_AGENT: Final = "user-agent"
_SURFACE: Final = "keyway-surface"
_REST: Final = "rest"
_RECORDED_METADATA: Final = frozenset({_REQUEST_ID, _SERVICE_NAME, _USER_AGENT, _SURFACE})
_MAXIMUM_VALUE_CHARACTERS: Final = 128
_CACHED_ADDRESSES: Final = 1024

# The caller's deadline starts when it sends the call, and ours when the call arrives. A caller can therefore give up
# this many seconds before our deadline passes.
_DEADLINE_TOLERANCE_SECONDS: Final = 0.1


@dataclass(slots=True, kw_only=True)
class RpcContext(CallContext):
    """State of one RPC in the server. Each field has one owner, the only component that writes it.

    Method handler (at the start of the call):
        method: the method of the contract.
        transport: gRPC's own context of the call.
        received_at: the start of the call.
        surface: the surface that makes the call in the gateway's process; empty for calls over the network.
    Decoding interceptor:
        request: the decoded message; None before decoding, and when the call has ended.
    Authentication interceptor:
        caller: None before authentication.
    Authorization interceptor:
        decisions: the policy decisions.
    Audit recorder (for the interceptors audit_rejections and audit_intent):
        events: serializes the records of the call; None before the intent is recorded.
        receipt: of the call's latest record.
    Stream handler:
        stream: the stream that the call has opened; of an event on a stream, the bytes to send.
    """

    method: Method
    transport: ServicerContext = field(repr=False)
    received_at: Moment
    surface: str = ""
    request: Message | None = field(default=None, repr=False)
    caller: Caller | None = None
    decisions: Sequence[Decision] = ()
    events: CallEvents | None = field(default=None, repr=False)
    receipt: Receipt | None = None
    stream: Any = field(default=None, repr=False)
    _metadata: Metadata | None = field(default=None, repr=False)
    _caller_metadata: dict[str, str] | None = field(default=None, repr=False)

    @property
    def metadata(self) -> Metadata:
        """All metadata of the call. Cached, because gRPC copies the metadata on each access."""
        if self._metadata is None:
            self._metadata = self.transport.invocation_metadata() or ()
        return self._metadata

    def share_metadata(self, call: "RpcContext") -> None:
        """Use the metadata of the call that has opened the stream."""
        self._metadata, self._caller_metadata = call.metadata, call._caller_metadata

    @property
    def caller_metadata(self) -> Mapping[str, str]:
        """The metadata that goes into logs and audit records. Invalid values are empty; the first of several counts."""
        if self._caller_metadata is None:
            self._caller_metadata = {}
            for key, value in self.metadata:
                if key in _RECORDED_METADATA and key not in self._caller_metadata:
                    self._caller_metadata[key] = value if isinstance(value, str) and _is_recordable(value) else ""
        return self._caller_metadata

    @property
    def is_rest(self) -> bool:
        """Whether the caller states that it converts REST to gRPC. Then successful responses lose their trailers."""
        return self.caller_metadata.get(_SURFACE) == _REST

    @property
    def caller_request_id(self) -> str:
        """The caller's own id of the call, from `x-request-id`; empty if it is absent or invalid."""
        return self.caller_metadata.get(_REQUEST_ID, "")

    @property
    def source(self) -> CallSource:
        """The peer's address, and the names that the caller claims for itself."""
        claimed = self.caller_metadata
        surface = claimed.get(_SURFACE, "")
        return CallSource(
            peer_address(self.transport.peer()),
            claimed.get(_USER_AGENT, ""),
            claimed.get(_SERVICE_NAME, ""),
            surface if surface in STATED_SURFACES else self.surface,
        )

    def log_fields(self) -> Mapping[str, str]:
        """Return the fields that every log line of this call has."""
        fields = {"method": self.method.full_name}
        if caller_request_id := self.caller_request_id:
            fields["x_request_id"] = caller_request_id
        if self.trace is not None:
            fields |= {"trace_id": self.trace.trace_id, "span_id": self.trace.span_id}
        return fields

    @property
    def cancellation_code(self) -> code_pb2.Code:
        """The status code if gRPC cancels the call now: DEADLINE_EXCEEDED near the deadline, otherwise CANCELLED."""
        is_past_deadline = self.remaining() < _DEADLINE_TOLERANCE_SECONDS
        return code_pb2.DEADLINE_EXCEEDED if is_past_deadline else code_pb2.CANCELLED

    @property
    def resources(self) -> Sequence[tuple[str, str]]:
        """The type and name of each resource in the request; empty before decoding."""
        return resources(self.method, self.request) if self.request is not None else ()


def _is_recordable(text: str) -> bool:
    return len(text) <= _MAXIMUM_VALUE_CHARACTERS and text.isascii() and text.isprintable()


@lru_cache(maxsize=_CACHED_ADDRESSES)
def peer_address(peer: str) -> str:
    """Convert gRPC's notation: `ipv4:10.0.0.1:4242` → `10.0.0.1:4242`, `ipv6:%5B::1%5D:4242` → `[::1]:4242`."""
    return peer.partition(":")[2].replace("%5B", "[").replace("%5D", "]")
