"""Names of attributes and metrics: OpenTelemetry semantic conventions, and the gateway's own names.

The names are literals because the published package has the RPC conventions in an unstable module. A test compares them
with that package.
"""

from typing import Final

from google.rpc import code_pb2

from gateway.errors import UpstreamError, reason_name

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
CPU_MODE: Final = "cpu.mode"
PROCESS_RUNTIME_VERSION: Final = "process.runtime.version"
SERVICE_VERSION: Final = "service.version"
RPC_SERVER_CALL_DURATION: Final = "rpc.server.call.duration"
HTTP_CLIENT_REQUEST_DURATION: Final = "http.client.request.duration"
PROCESS_CPU_TIME: Final = "process.cpu.time"
PROCESS_MEMORY_USAGE: Final = "process.memory.usage"
PROCESS_UNIX_FILE_DESCRIPTOR_COUNT: Final = "process.unix.file_descriptor.count"

GRPC: Final = "grpc"

KEYWAY_ATTEMPT: Final = "keyway.attempt"
KEYWAY_ATTEMPTS: Final = "keyway.attempts"
KEYWAY_CERTIFICATE: Final = "keyway.certificate"
KEYWAY_EVENT: Final = "keyway.event"
KEYWAY_EXPIRES_WITHIN: Final = "keyway.expires_within"
KEYWAY_PROVIDER: Final = "keyway.provider"
KEYWAY_REASON: Final = "keyway.reason"
KEYWAY_RELOAD_SOURCE: Final = "keyway.reload.source"
KEYWAY_REQUEST_ID: Final = "keyway.request_id"
KEYWAY_RESOURCES: Final = "keyway.resources"
KEYWAY_SDS_RESULT: Final = "keyway.sds.result"
KEYWAY_SDS_STATE: Final = "keyway.sds.state"
KEYWAY_UPSTREAM_CODE: Final = "keyway.upstream.code"
KEYWAY_UPSTREAM_MESSAGE: Final = "keyway.upstream.message"

CANCELLED: Final = "CANCELLED"
"""The `error.type` of an attempt that was canceled."""

CODE_NAMES: Final = {number: name for name, number in code_pb2.Code.items()}
"""gRPC status codes by number."""

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
"""Codes that mark a server span as an error. The other codes are errors of the caller."""


def code_name(code: int) -> str:
    """Return a name such as `NOT_FOUND`; the number of an unknown code."""
    return CODE_NAMES.get(code) or str(code)


def reason_of(error: UpstreamError) -> str:
    """Return the reason of a failed exchange, such as `PROVIDER_TIMEOUT`, for `error.type`."""
    return reason_name(error.kind.reason)
