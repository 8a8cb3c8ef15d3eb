"""The plugin's calls to the gateway, with mutual TLS. Renewed TLS files are used without a restart."""

import asyncio
from typing import Final

import structlog

from gateway.config.file_watcher import WatchedFiles
from gateway.grpc_channel import SHARED_OPTIONS
from gateway.surfaces.kms.settings import KmsGatewaySettings
from keyway import aio
from keyway.errors import REQUEST_ID
from keyway.methods import Metadata
from keyway.v1.key_service_pb2 import DecryptRequest, DecryptResponse, GenerateDataKeyRequest, GenerateDataKeyResponse

_SURFACE: Final = ("keyway-surface", "kms-v2")

_log = structlog.get_logger(__name__)


class GatewayConnection:
    """A connection to the gateway. seconds: the deadline of each call."""

    def __init__(self, settings: KmsGatewaySettings, seconds: float) -> None:
        self._settings = settings
        self._seconds = seconds
        self._files = WatchedFiles(settings.files())
        self._client = self._connect()
        self._closing: set[asyncio.Task[None]] = set()

    async def generate_data_key(self, key: str) -> tuple[GenerateDataKeyResponse, str]:
        """Return a new data key, and the request ID of the call. Raises KeywayError."""
        self._reconnect_after_change()
        call = self._client.keys.GenerateDataKey(GenerateDataKeyRequest(name=key), metadata=(_SURFACE,))
        response = await call
        return response, str(dict(await call.trailing_metadata() or ()).get(REQUEST_ID, ""))

    def decrypts(self, uid: str = "") -> "DecryptCalls":
        """Return the Decrypt calls of one request of kube-apiserver. uid: identifies the request."""
        self._reconnect_after_change()
        return DecryptCalls(self._client, (_SURFACE, *([("x-request-id", uid)] if uid else [])))

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()
        await asyncio.gather(*self._closing)

    def _connect(self) -> aio.Client:
        settings = self._settings
        return aio.connect(
            settings.address,
            ca=settings.ca_file,
            certificate=settings.certificate_file,
            private_key=settings.private_key_file,
            server_name=settings.server_name,
            deadline=self._seconds,
            options=SHARED_OPTIONS,
        )

    def _reconnect_after_change(self) -> None:
        if not self._files.changed():
            return
        try:
            self._settings.check_files()
            renewed = self._connect()
        except (OSError, ValueError) as error:
            self._files.report_again()
            _log.warning("tls_files_rejected", error=str(error), effect="the last valid files stay in use")
            return
        previous, self._client = self._client, renewed
        task = asyncio.create_task(previous.channel.close(self._seconds))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class DecryptCalls:
    """The Decrypt method for an opener of envelopes, with the metadata of one request."""

    def __init__(self, client: aio.Client, metadata: Metadata) -> None:
        self._client = client
        self._metadata = metadata

    async def Decrypt(self, request: DecryptRequest, /) -> DecryptResponse:  # noqa: N802
        """Decrypt a data key. Raises KeywayError."""
        return await self._client.keys.Decrypt(request, metadata=self._metadata)
