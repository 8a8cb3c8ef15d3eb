"""One RPC on its way through the pipeline, and the shapes of what it passes: stages, handlers, operations.

What goes wrong on the way is a GatewayError when it leaves `contained`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeVar

import grpc
import structlog
from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway import errors
from gateway.audit.events import CallEvents, Peer
from gateway.authz.engine import Decision
from gateway.call_context import CallContext
from gateway.contract.methods import Method
from gateway.errors import GatewayError, UpstreamError
from gateway.identity.caller import Caller
from gateway.journal.format.records import Receipt
from gateway.server import status
from gateway.server.interceptors.authorization import resources
from gateway.telemetry.context import Metadata
from keyway.v1 import error_reason_pb2 as reasons

_CALLERS_ID: Final = "x-request-id"
_CALLERS_SERVICE: Final = "x-service-name"
_USER_AGENT: Final = "user-agent"
_TOLD: Final = frozenset({_CALLERS_ID, _CALLERS_SERVICE, _USER_AGENT})
_MAXIMUM_TEXT_CHARACTERS: Final = 128
_REMEMBERED_PEERS: Final = 4096

Context = grpc.aio.ServicerContext[bytes, bytes]

_OPERATORS_CODES: Final = frozenset(
    {
        code_pb2.UNAVAILABLE,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.RESOURCE_EXHAUSTED,
        code_pb2.INTERNAL,
        code_pb2.UNKNOWN,
    }
)
_OPERATORS_REASONS: Final = frozenset(
    {
        reasons.ERROR_REASON_PROVIDER_CREDENTIALS_REJECTED,
        reasons.ERROR_REASON_PROVIDER_TLS_FAILED,
        reasons.ERROR_REASON_PROVIDER_API_NOT_FOUND,
    }
)

# A caller's clock starts when it sends, and ours when the call arrives: it gives up before its deadline is ours.
_CLOCKS_DIFFER_SECONDS: Final = 0.1

ResultT = TypeVar("ResultT")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Rpc:
    """One RPC. Each stage adds what it finds out; what was not reached is None.

    began: seconds since the epoch. request: decoding puts it in the place of `raw`. decisions: what policy said.
    events: once its intent is on record. receipt: of the last record that was made of it.
    """

    method: Method
    call: CallContext
    context: Context = field(repr=False)
    raw: bytes = field(repr=False)
    began: float
    request: Message | None = field(default=None, repr=False)
    caller: Caller | None = None
    decisions: Sequence[Decision] = ()
    events: CallEvents | None = field(default=None, repr=False)
    receipt: Receipt | None = None
    _metadata: Metadata | None = field(default=None, repr=False)
    _told: dict[str, str] | None = field(default=None, repr=False)

    @property
    def metadata(self) -> Metadata:
        """What the caller sent beside the message. gRPC copies it each time that it is asked."""
        if self._metadata is None:
            self._metadata = self.context.invocation_metadata() or ()
        return self._metadata

    @property
    def told(self) -> Mapping[str, str]:
        """What the metadata say of the call and its sender, where that can be put on record.

        Of several values by one name the first counts.
        """
        if self._told is None:
            self._told = {}
            for key, value in self.metadata:
                if key in _TOLD and key not in self._told:
                    self._told[key] = value if isinstance(value, str) and _usable(value) else ""
        return self._told

    @property
    def callers_id(self) -> str:
        """The caller's own id of the call; empty where it sent none that can be used."""
        return self.told.get(_CALLERS_ID, "")

    @property
    def peer(self) -> Peer:
        """Where the call came from, and what its sender says of itself."""
        told = self.told
        return Peer(peer_address(self.context.peer()), told.get(_USER_AGENT, ""), told.get(_CALLERS_SERVICE, ""))

    def log_fields(self) -> Mapping[str, str]:
        """What the lines of the log tell of the call."""
        fields = {"method": self.method.full_name}
        if callers_id := self.callers_id:
            fields["x_request_id"] = callers_id
        if self.call.trace is not None:
            fields |= {"trace_id": self.call.trace.trace_id, "span_id": self.call.trace.span_id}
        return fields

    @property
    def given_up_code(self) -> code_pb2.Code:
        """The status of a call that gRPC cancels now: because its deadline passed, or its caller gave up."""
        late = self.call.remaining() < _CLOCKS_DIFFER_SECONDS
        return code_pb2.DEADLINE_EXCEEDED if late else code_pb2.CANCELLED

    @property
    def resources(self) -> Sequence[tuple[str, str]]:
        """What the call is about, as far as that is known: types and names of resources."""
        return resources(self.method, self.request) if self.request is not None else ()


def _usable(text: str) -> bool:
    return len(text) <= _MAXIMUM_TEXT_CHARACTERS and text.isascii() and text.isprintable()


@lru_cache(maxsize=_REMEMBERED_PEERS)
def peer_address(peer: str) -> str:
    """`ipv4:10.0.0.1:4242` → `10.0.0.1:4242`; `ipv6:%5B::1%5D:4242` → `[::1]:4242`."""
    return peer.partition(":")[2].replace("%5B", "[").replace("%5D", "]")


Handler = Callable[[Rpc], Awaitable[Message]]
Stage = Callable[[Handler], Handler]
Operation = Callable[[Message, CallContext], Awaitable[Message]]


async def contained(work: Awaitable[ResultT], call: CallContext) -> ResultT:
    """What `work` returns, or a GatewayError: any other failure is our own bug, told to the log alone."""
    try:
        return await work
    except UpstreamError as error:
        _tell_operators(error, call)
        _drop_frames(error)
        raise
    except GatewayError as error:
        _drop_frames(error)
        raise
    except Exception as error:
        raise internal_error(error, call) from error


def internal_error(error: Exception, call: CallContext) -> GatewayError:
    """What callers get of our own bug; the bug itself goes to the log."""
    _log.exception("internal error", request_id=call.request_id)
    _drop_frames(error)
    return GatewayError(errors.INTERNAL_ERROR, "internal error")


def _drop_frames(error: BaseException | None) -> None:
    """Frames hold the request, and exceptions of libraries are parts of cycles: both would stay in memory together."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _tell_operators(error: UpstreamError, call: CallContext) -> None:
    """A line for what callers can't mend: a provider that is down, slow, broken, or refuses the gateway itself."""
    outcome = error.outcome
    if outcome.code in _OPERATORS_CODES or outcome.reason in _OPERATORS_REASONS:
        _log.warning(
            "provider failed",
            provider=error.provider,
            reason=status.reason_name(outcome.reason),
            upstream_code=error.upstream_code,
            http_status=error.http_status,
            request_id=call.request_id,
        )
