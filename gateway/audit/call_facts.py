"""The facts about a call that an audit record states."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.authz.decision import Decision
from gateway.contract.methods import Method
from gateway.identity.caller import Caller

SDS: Final = "sds"
VAULT: Final = "vault"
"""The surfaces that the gateway serves itself, so that it knows which calls they make."""
STATED_SURFACES: Final = frozenset({"kms-v2", "rest"})
"""The surfaces that are gRPC clients of the gateway. They state their name in metadata, as every caller can."""


class Moment(NamedTuple):
    """A time on two clocks. epoch: seconds since 1970, for records. monotonic: seconds, for durations.

    The system can set the first clock forward and back while a call is in progress.
    """

    epoch: float
    monotonic: float

    @classmethod
    def now(cls) -> "Moment":
        """Return the present time."""
        return cls(time.time(), time.monotonic())


class CallSource(NamedTuple):
    """The address that a call came from, and the names that the caller claims without proof.

    surface: the third-party interface through which the call came; empty for gRPC. Only those in STATED_SURFACES are
    claims of the caller.
    """

    address: str
    user_agent: str = ""
    service: str = ""
    surface: str = ""


@dataclass(slots=True)
class CallDetails:
    """The facts about a call when its intent is recorded."""

    method: Method
    request_id: str
    caller_request_id: str
    caller: Caller
    source: CallSource
    resources: Sequence[tuple[str, str]]
    decisions: Sequence[Decision] = ()
    request: Mapping[str, object] = field(default_factory=dict, repr=False)
    trace_id: str = ""
    span_id: str = ""


@dataclass(slots=True)
class CallResult:
    """The result of a call.

    code: the name of the gRPC status. moment: when the call ended. response: a description without secrets.
    """

    status_id: int
    code: str
    moment: Moment
    reason: str = ""
    upstream_code: str = ""
    upstream_message: str = ""
    http_status: int | None = None
    key_version: int | None = None
    attempts: Sequence[Mapping[str, object]] = ()
    items: Sequence[Mapping[str, object]] = ()
    response: Mapping[str, object] = field(default_factory=dict, repr=False)
