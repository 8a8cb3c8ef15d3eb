"""Names of attributes and metrics: those of OpenTelemetry's semantic conventions, and the gateway's own.

Written out, since the published package keeps the RPC conventions in a module whose names may change with any version;
a test compares them with it.
"""

from typing import Final

from google.rpc import code_pb2

from gateway.errors import UpstreamError
from keyway.v1 import error_reason_pb2

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
SCOPE: Final = "keyway.gateway"

RPC_SYSTEM_NAME: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_RESPONSE_STATUS_CODE: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
URL_TEMPLATE: Final = "url.template"
RPC_SERVER_CALL_DURATION: Final = "rpc.server.call.duration"
HTTP_CLIENT_REQUEST_DURATION: Final = "http.client.request.duration"

GRPC: Final = "grpc"

KEYWAY_ATTEMPT: Final = "keyway.attempt"
KEYWAY_ATTEMPTS: Final = "keyway.attempts"
KEYWAY_CERTIFICATE: Final = "keyway.certificate"
KEYWAY_PROVIDER: Final = "keyway.provider"
KEYWAY_REASON: Final = "keyway.reason"
KEYWAY_REQUEST_ID: Final = "keyway.request_id"
KEYWAY_RESOURCES: Final = "keyway.resources"
KEYWAY_UPSTREAM_CODE: Final = "keyway.upstream.code"
KEYWAY_UPSTREAM_MESSAGE: Final = "keyway.upstream.message"

CANCELLED: Final = "CANCELLED"
"""The `error.type` of an attempt that was given up before it ended."""

CODE_NAMES: Final = {number: name for name, number in code_pb2.Code.items()}
"""The names of gRPC's status codes."""

SERVER_FAULTS: Final = frozenset(
    {
        code_pb2.UNKNOWN,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.UNIMPLEMENTED,
        code_pb2.INTERNAL,
        code_pb2.UNAVAILABLE,
        code_pb2.DATA_LOSS,
    }
)
"""The codes that make a server span an error; the others are the caller's own."""


def code_name(code: int) -> str:
    """`OK`, `NOT_FOUND` …; the number of a code that is none."""
    return CODE_NAMES.get(code) or str(code)


def reason_of(error: UpstreamError) -> str:
    """The reason of a failed exchange, such as `PROVIDER_TIMEOUT`: the `error.type` where no answer came."""
    return error_reason_pb2.ErrorReason.Name(error.kind.reason).removeprefix("ERROR_REASON_")
