"""The calls that the parts of the gateway make in its own process, each as a caller of its own."""

from gateway.contract.methods import POLL_CERTIFICATE, POLL_CERTIFICATE_FILE, POLL_CERTIFICATES
from gateway.identity.caller import POLLER
from gateway.server.in_process import InProcessCalls
from keyway.v1 import certificate_service_pb2 as certificates


class InProcessPollerCalls:
    """The calls of the poller of certificates. seconds: until the deadline of each call."""

    def __init__(self, calls: InProcessCalls, seconds: float) -> None:
        self._calls = calls
        self._seconds = seconds

    async def list_page(self, request: certificates.ListCertificatesRequest) -> certificates.ListCertificatesResponse:
        """Return one page of a list."""
        response: certificates.ListCertificatesResponse = await self._calls.call(
            POLL_CERTIFICATES, request, POLLER, self._seconds, background=True
        )
        return response

    async def read(self, request: certificates.GetCertificateRequest) -> certificates.GetCertificateResponse:
        """Return one certificate."""
        response: certificates.GetCertificateResponse = await self._calls.call(
            POLL_CERTIFICATE, request, POLLER, self._seconds, background=True
        )
        return response

    async def download(
        self, request: certificates.DownloadCertificateRequest
    ) -> certificates.DownloadCertificateResponse:
        """Return a certificate with its chain, without its private key."""
        response: certificates.DownloadCertificateResponse = await self._calls.call(
            POLL_CERTIFICATE_FILE, request, POLLER, self._seconds, background=True
        )
        return response
