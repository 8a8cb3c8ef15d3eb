"""The trace of a call: IDs, and the `traceparent` header for each request to an upstream.

The classes in this module record nothing. They represent calls that are not sampled, which is the common case;
`tracing.py` has the subclasses that create spans.
"""

from collections.abc import Sequence
from typing import ClassVar

from gateway.telemetry.context import Metadata, remote, traceparent
from gateway.telemetry.peer import UpstreamPeer


class AttemptTrace:
    """One request to an upstream. traceparent: the value of its trace header."""

    __slots__ = ("traceparent",)

    def __init__(self, parent: str) -> None:
        self.traceparent = parent

    def end(self, status: int | None, failure: str | None = None) -> None:
        """End the request, exactly once. status: of the response, if any. failure: the `error.type`, if any."""


class CallTrace:
    """A call. The IDs are hexadecimal. If the gateway creates no spans, they are the IDs of the caller's span."""

    __slots__ = ("flags", "span_id", "trace_id")

    recorded: ClassVar[bool] = False
    """Whether the call creates spans; if not, `end` ignores its arguments."""

    def __init__(self, trace_id: str, span_id: str, flags: int) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags

    def attempt(self, peer: UpstreamPeer, method: str, template: str | None = None, number: int = 1) -> AttemptTrace:
        """Begin a request to an upstream.

        method: the HTTP method. template: the path with `{…}` in place of each name and key. number: of the attempt,
        from 1.
        """
        del peer, method, template, number  # the request has no span of its own and uses that of the call
        return AttemptTrace(traceparent(self.trace_id, self.span_id, self.flags))

    def end(
        self,
        code: int,
        reason: str = "",
        *,
        request_id: str = "",
        provider: str = "",
        resources: Sequence[str] = (),
        attempts: int = 0,
        upstream_code: str | None = None,
        upstream_message: str | None = None,
    ) -> None:
        """End the call, exactly once, with its gRPC code. upstream_message: sanitized, without secrets."""


def propagated(metadata: Metadata) -> CallTrace | None:
    """Return the span of the caller, for a gateway without traces; None if the caller sent none."""
    caller = remote(metadata)
    return CallTrace(caller.trace_id, caller.span_id, caller.flags) if caller is not None else None
