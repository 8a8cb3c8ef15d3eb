"""A call's place in its trace, as the rest of the gateway sees it: ids, and the header for each request to an upstream.

The classes here record nothing. They stand for the calls that are not sampled, which are most; `tracing.py` has those
that make spans.
"""

from collections.abc import Sequence
from typing import ClassVar

from gateway.telemetry.context import Metadata, remote, traceparent
from gateway.telemetry.peer import UpstreamPeer


class AttemptTrace:
    """One request to an upstream, which is told `traceparent`."""

    __slots__ = ("traceparent",)

    def __init__(self, parent: str) -> None:
        self.traceparent = parent

    def end(self, status: int | None, failure: str | None = None) -> None:
        """End it, once. status: of the answer, where one came; failure: in a word why no complete one came."""


class CallTrace:
    """A call. Ids are hexadecimal digits; where the gateway makes no spans, they are those of the caller's span."""

    __slots__ = ("flags", "span_id", "trace_id")

    recorded: ClassVar[bool] = False
    """Whether it makes spans here; otherwise nobody reads what `end` is told."""

    def __init__(self, trace_id: str, span_id: str, flags: int) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags

    def attempt(self, peer: UpstreamPeer, method: str, template: str | None = None, number: int = 1) -> AttemptTrace:
        """Begin a request to an upstream.

        method: HTTP's. template: its path with `{…}` in place of each name and key. number: counts the call's requests.
        """
        del peer, method, template, number  # without a span of its own, the call's stands for it
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
        """End the call, once, with its gRPC code. upstream_message: cleaned of all that is secret."""


def passed_on(metadata: Metadata) -> CallTrace | None:
    """The caller's own span, for a gateway that makes none; None where it sent none."""
    caller = remote(metadata)
    return CallTrace(caller.trace_id, caller.span_id, caller.flags) if caller is not None else None
