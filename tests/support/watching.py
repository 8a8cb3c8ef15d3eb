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
from tests.support.certificate_manager import PROVIDER, register
from tests.support.certificates import IssuedLeaf, Pki
from tests.support.stack import CERTIFICATE_MANAGER, Stack

POLLER: Final[dict[str, Any]] = {"enabled": True, "interval": 3600, "watch_interval": 1, "jitter": 0}
"""The settings of a poller that polls every second while certificates are watched."""

NAME: Final = "watched.example.com"
"""The certificate that tests renew."""

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


class Renewals:
    """Certificates at the emulator, with a new content at each renewal."""

    def __init__(self, stack: Stack, pki: Pki) -> None:
        self._control = stack.controls[CERTIFICATE_MANAGER]
        self._pki = pki
        self._issued = 0

    async def renew(self, name: str = NAME, *, days: int = 90) -> str:
        """Replace the file of a certificate. Return the new version."""
        self._issued += 1
        leaf: IssuedLeaf = self._pki.issue(
            f"leaf{self._issued}", f"/CN={name}", options=("-days", str(days)), rsa=False
        )
        await register(self._control, name, leaf.file)
        return version_of(leaf.chain)
