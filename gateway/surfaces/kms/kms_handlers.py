"""The gRPC handlers of KMS v2: Status, Encrypt, and Decrypt."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import structlog

from gateway.server.rpc_context import ServicerContext
from gateway.surfaces.kms import kms_messages as kms
from gateway.surfaces.kms.errors import KmsError, kms_error
from gateway.surfaces.kms.gateway_connection import GatewayConnection
from gateway.surfaces.kms.key_probe import KeyProbe
from gateway.surfaces.kms.measurements import KmsMetrics
from gateway.surfaces.kms.sealing import Sealing

_VERSION: Final = "v2"
_HEALTHY: Final = "ok"
_LOGGED_CHARACTERS: Final = 128
_UID: Final = re.compile(r"[\x20-\x7e]{1,128}")

_log = structlog.get_logger(__name__)


class KmsHandlers:
    """Serves the methods."""

    def __init__(self, probe: KeyProbe, connection: GatewayConnection, sealing: Sealing, metrics: KmsMetrics) -> None:
        self._probe = probe
        self._connection = connection
        self._sealing = sealing
        self._metrics = metrics

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the handler of the service."""
        methods = {
            "Status": (kms.StatusRequest, kms.StatusResponse, self._status),
            "Encrypt": (kms.EncryptRequest, kms.EncryptResponse, self._encrypt),
            "Decrypt": (kms.DecryptRequest, kms.DecryptResponse, self._decrypt),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._served(name, operation),
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
            for name, (request, response, operation) in methods.items()
        }
        return grpc.method_handlers_generic_handler(kms.SERVICE, handlers)

    def _served(self, name: str, operation: Callable[[Any], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def serve(request: Any, transport: ServicerContext) -> Any:
            start, code = time.monotonic(), grpc.StatusCode.CANCELLED
            try:
                response = await operation(request)
                code = grpc.StatusCode.OK
                return response
            except Exception as raised:  # noqa: BLE001 - gRPC would log the traceback and reveal the type of the error
                error = kms_error(raised) or _internal(raised)
                code = error.code
                uid = getattr(request, "uid", "")[:_LOGGED_CHARACTERS]
                _log.warning("kms_request_failed", method=name, uid=uid, code=code.name, error=error.message)
                await transport.abort(code, error.message)
            finally:
                self._metrics.record(name, code.name, time.monotonic() - start)

        return serve

    async def _status(self, _request: Any) -> Any:
        """Probe the key. A failure is an error: kube-apiserver would continue to write after an unhealthy status."""
        found = await self._probe.probe()
        return kms.StatusResponse(version=_VERSION, healthz=_HEALTHY, key_id=found.key_id)

    async def _encrypt(self, request: Any) -> Any:
        _check_uid(request.uid)
        found = await self._probe.data_key()
        limit = self._sealing.largest_plaintext(found.data_key)
        if len(request.plaintext) > limit:
            text = f"plaintext: must have at most {limit} bytes, so that the ciphertext has at most 1024 bytes"
            raise KmsError(grpc.StatusCode.INVALID_ARGUMENT, text)
        ciphertext = self._sealing.seal(request.plaintext, found.data_key)
        _log.info("encrypted", uid=request.uid, key_id=found.key_id, data_key_request_id=found.request_id)
        return kms.EncryptResponse(ciphertext=ciphertext, key_id=found.key_id)

    async def _decrypt(self, request: Any) -> Any:
        """Open a ciphertext. The gateway decrypts its data key each time, so policy and audit apply to each request."""
        _check_uid(request.uid)
        plaintext = await self._sealing.open(request.ciphertext, self._connection.decrypts(request.uid))
        _log.info("decrypted", uid=request.uid, key_id=request.key_id[:_LOGGED_CHARACTERS])
        return kms.DecryptResponse(plaintext=plaintext)


def _check_uid(uid: str) -> None:
    """Raise KmsError for an ID that the metadata of a call cannot contain."""
    if _UID.fullmatch(uid) is None:
        raise KmsError(grpc.StatusCode.INVALID_ARGUMENT, "uid: must be 1 to 128 printable ASCII characters")


def _internal(error: Exception) -> KmsError:
    _log.error("internal_error", exc_info=error)
    return KmsError(grpc.StatusCode.INTERNAL, "internal error; the log of the plugin has the details")
