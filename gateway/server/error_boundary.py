"""The boundary behind which every failure of a call is a GatewayError.

Providers raise GatewayError for every expected failure. Any other exception is a bug in the gateway: its details go to
the log, and the caller receives INTERNAL.
"""

from collections.abc import Awaitable
from typing import Final, TypeVar

import structlog
from google.rpc import code_pb2

from gateway import errors
from gateway.call_context import CallContext
from gateway.errors import GatewayError, UpstreamError, reason_name
from gateway.library_logs import exception_fields
from keyway.v1 import error_reason_pb2 as reasons

_OPERATOR_CODES: Final = frozenset(
    {
        code_pb2.UNAVAILABLE,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.RESOURCE_EXHAUSTED,
        code_pb2.INTERNAL,
        code_pb2.UNKNOWN,
    }
)
_OPERATOR_REASONS: Final = frozenset(
    {
        reasons.ERROR_REASON_PROVIDER_CREDENTIALS_REJECTED,
        reasons.ERROR_REASON_PROVIDER_TLS_FAILED,
        reasons.ERROR_REASON_PROVIDER_API_NOT_FOUND,
    }
)

ResultT = TypeVar("ResultT")

_log = structlog.get_logger(__name__)


async def within_boundary(work: Awaitable[ResultT], call: CallContext) -> ResultT:
    """Return the result of `work`. Every failure except cancellation leaves as a GatewayError."""
    try:
        return await work
    except UpstreamError as error:
        _log_if_operators_can_act(error, call)
        _drop_frames(error)
        raise
    except GatewayError as error:
        _drop_frames(error)
        raise
    except Exception as error:
        raise internal_error(error, call) from error


def internal_error(error: Exception, call: CallContext) -> GatewayError:
    """Log where a bug occurred, and return the error for the caller, which reveals nothing about the bug.

    The text of the exception is not logged, because it can quote a request or a response.
    """
    _log.error("internal_error", request_id=call.request_id, **exception_fields(error))
    _drop_frames(error)
    return GatewayError(errors.INTERNAL_ERROR, "internal error")


def _drop_frames(error: BaseException | None) -> None:
    """Remove the tracebacks. Frames hold the request, and reference cycles in exceptions would keep it in memory."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _log_if_operators_can_act(error: UpstreamError, call: CallContext) -> None:
    """Log failures that callers cannot fix: the provider is down, slow, faulty, or rejects the gateway."""
    outcome = error.kind
    if outcome.code in _OPERATOR_CODES or outcome.reason in _OPERATOR_REASONS:
        _log.warning(
            "provider_failed",
            provider=error.provider,
            reason=reason_name(outcome.reason),
            upstream_code=error.upstream_code,
            http_status=error.http_status,
            request_id=call.request_id,
        )
