"""Instruments of calls to the gateway."""

from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.descriptions.labels import METHOD, SYSTEM
from gateway.telemetry.instruments import Description, Label

_REASON: Final = Label(
    names.KEYWAY_REASON, "the error reason, such as `CALLER_RATE_LIMITED`: [troubleshooting.md](troubleshooting.md)"
)
_STATUS: Final = Label(names.RPC_RESPONSE_STATUS_CODE, "the gRPC status, such as `OK` or `NOT_FOUND`")
_FAULT: Final = Label(
    names.ERROR_TYPE, "the gRPC status, if it is a fault of the gateway or an upstream; otherwise absent"
)
_PROVIDER: Final = Label(
    names.KEYWAY_PROVIDER,
    "ID of the provider in the request (in a batch, of the first item); absent if the request names no configured "
    "provider, or all providers",
)

CALL_DURATION: Final = Description(
    names.RPC_SERVER_CALL_DURATION,
    "histogram",
    "s",
    "Duration of calls to the gateway.",
    (SYSTEM, METHOD, _STATUS, _FAULT, _PROVIDER),
    "The count is the number of calls: use it for call rates and error rates, by method and by provider. "
    "`error.type` is set only for statuses that the gateway or an upstream causes, so alert on the share of calls with "
    "this label. If calls are slow, compare with `http.client.request.duration`: the difference is the time that the "
    "gateway adds.",
)
CALL_ATTEMPTS: Final = Description(
    "keyway.call.attempts",
    "histogram",
    "{request}",
    "HTTP requests to upstreams per call.",
    (SYSTEM, METHOD),
    "0 means that the call was answered from the cache or rejected. More requests than usual mean retries, or "
    "lists with many pages.",
)
CALLS_FAILED: Final = Description(
    "keyway.calls.failed",
    "counter",
    "{call}",
    "Failed calls, including rejected calls.",
    (METHOD, _REASON, _PROVIDER),
    "Look up the reason in [troubleshooting.md](troubleshooting.md). Alert on a rate that is much higher than usual.",
)
CALLS_IN_FLIGHT: Final = Description(
    "keyway.calls.in_flight",
    "level",
    "{call}",
    "Calls in flight.",
    (),
    "If the value approaches `limits.server_concurrency`, find out whether an upstream is slow, or raise the limit.",
)
CALLS: Final = (CALL_DURATION, CALLS_FAILED, CALLS_IN_FLIGHT, CALL_ATTEMPTS)
