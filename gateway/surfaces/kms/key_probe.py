"""The probe of the key, which also provides the data key for encryption.

A probe generates a data key, seals a random plaintext with it, and opens the envelope, which makes the upstream decrypt
the data key. Encrypt uses the data key of the latest successful probe, so its key ID is the one that Status returned.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import grpc
import structlog

from gateway.surfaces.kms.errors import KmsError, OversizedKeyError
from gateway.surfaces.kms.gateway_connection import GatewayConnection
from gateway.surfaces.kms.key_versions import HighestVersion, key_id
from gateway.surfaces.kms.sealing import LARGEST_CIPHERTEXT, Sealing
from gateway.surfaces.kms.settings import KmsPluginSettings
from keyway.v1.key_service_pb2 import GenerateDataKeyResponse

_SAMPLE_BYTES: Final = 32
"""The size of the plaintexts that kube-apiserver encrypts."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class VerifiedDataKey:
    """A data key that the upstream has encrypted and decrypted.

    made: when its request began, in seconds of the monotonic clock. request_id: of the call that generated it.
    """

    data_key: GenerateDataKeyResponse = field(repr=False)
    key_id: str
    made: float
    request_id: str
    uses: int = 0


class KeyProbe:
    """Probes the key, and provides its data key within the limits of the settings.

    report: called after each probe with whether it succeeded.
    current: the data key of the latest probe; None if the latest probe failed. version: of the latest successful probe.
    """

    def __init__(
        self,
        settings: KmsPluginSettings,
        connection: GatewayConnection,
        sealing: Sealing,
        highest: HighestVersion,
        report: Callable[[bool], None],
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._sealing = sealing
        self._highest = highest
        self._report = report
        self._running: asyncio.Task[VerifiedDataKey] | None = None
        self.current: VerifiedDataKey | None = None
        self.version: int | None = None
        self.succeeded_at: float | None = None

    async def probe(self) -> VerifiedDataKey:
        """Return a new data key. Concurrent callers share one probe. Raises KmsError, KeywayError, and TimeoutError."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(_retrieve)
        return await asyncio.shield(self._running)

    async def data_key(self) -> VerifiedDataKey:
        """Return a data key for one more ciphertext. Raises the exceptions of `probe`, if a probe is necessary."""
        found = self.current
        if found is None or not self._is_usable(found):
            found = await self.probe()
        found.uses += 1
        return found

    def _is_usable(self, found: VerifiedDataKey) -> bool:
        age = time.monotonic() - found.made
        return found.uses < self._settings.data_key_uses and age < self._settings.data_key_seconds

    async def _run(self) -> VerifiedDataKey:
        try:
            async with asyncio.timeout(self._settings.timeout):
                self.current = await self._verified()
        except BaseException:
            self.current = None
            self._report(False)
            raise
        self.succeeded_at = time.time()
        self._report(True)
        return self.current

    async def _verified(self) -> VerifiedDataKey:
        made = time.monotonic()
        data_key, request_id = await self._connection.generate_data_key(self._settings.key)
        self._check_size(data_key)
        sample = os.urandom(_SAMPLE_BYTES)
        opened = await self._sealing.open(self._sealing.seal(sample, data_key), self._connection.decrypts())
        if opened != sample:
            raise KmsError(grpc.StatusCode.INTERNAL, "the key does not decrypt what it encrypted")
        if not data_key.HasField("key_version"):
            text = "the upstream returned no key version, so a rotation of the key could not be detected"
            raise KmsError(grpc.StatusCode.FAILED_PRECONDITION, text)
        self._highest.accept(data_key.key_version)
        self._note(data_key.key_version)
        identifier = key_id(self._settings.cluster, self._settings.key, data_key.key_version)
        return VerifiedDataKey(data_key, identifier, made, request_id)

    def _check_size(self, data_key: GenerateDataKeyResponse) -> None:
        missing = _SAMPLE_BYTES - self._sealing.largest_plaintext(data_key)
        if missing > 0:
            text = (
                f"key: ciphertexts would have {LARGEST_CIPHERTEXT + missing} bytes, and Kubernetes accepts "
                f"{LARGEST_CIPHERTEXT}; use a key with a shorter name"
            )
            raise OversizedKeyError(grpc.StatusCode.FAILED_PRECONDITION, text)

    def _note(self, version: int) -> None:
        if version != self.version:
            _log.info("key_version_changed", key=self._settings.key, version=version, previous=self.version)
            self.version = version


def _retrieve(task: asyncio.Task[VerifiedDataKey]) -> None:
    """Retrieve the exception, so that it is not logged if all callers have ended."""
    if not task.cancelled():
        task.exception()
