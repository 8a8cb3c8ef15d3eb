"""A reader of WatchCertificates, and a renewable certificate at the emulator of Certificate Manager."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keyway.v1 import certificate_service_pb2 as service
from keyway.v1.certificate_service_pb2 import CertificateEventType, WatchCertificatesResponse
from tests.support.certificate_manager import PROVIDER

POLLER: Final[dict[str, Any]] = {"enabled": True, "interval": 3600, "watch_interval": 1, "jitter": 0}
"""The settings of a poller that polls every second while certificates are watched."""

SECONDS: Final = 60.0
"""The time limit of a step, for slow machines."""


class Watcher:
    """Reads the events of one stream. stub: of CertificateService."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.events: list[WatchCertificatesResponse] = []

    async def next(self) -> WatchCertificatesResponse:
        """Return the next event."""
        async with asyncio.timeout(SECONDS):
            event: WatchCertificatesResponse = await anext(aiter(self.stream))
        self.events.append(event)
        return event

    async def synced(self) -> Sequence[WatchCertificatesResponse]:
        """Return the events before SYNCED."""
        found = []
        while (event := await self.next()).type != service.CERTIFICATE_EVENT_TYPE_SYNCED:
            found.append(event)
        return found

    async def until(self, kind: str) -> WatchCertificatesResponse:
        """Return the next event of a type."""
        while kind_of(event := await self.next()) != kind:
            pass
        return event


def kind_of(event: WatchCertificatesResponse) -> str:
    """Return the type of an event, such as `RENEWED`."""
    return CertificateEventType.Name(event.type).removeprefix("CERTIFICATE_EVENT_TYPE_")


def version_of(chain: Sequence[bytes]) -> str:
    """Return the version that the contract describes. chain: PEM, leaf first."""
    encoded = b"".join(x509.load_pem_x509_certificate(each).public_bytes(Encoding.DER) for each in chain)
    return hashlib.sha256(encoded).hexdigest()


@asynccontextmanager
async def watching(
    stub: Any, *names: str, token: str = "", parent: str = PROVIDER, **options: Any
) -> AsyncIterator[Watcher]:
    """Open a stream until the end of the block."""
    request = service.WatchCertificatesRequest(parent=parent, names=names, resume_token=token)
    stream = stub.WatchCertificates(request, **options)
    try:
        yield Watcher(stream)
    finally:
        stream.cancel()
