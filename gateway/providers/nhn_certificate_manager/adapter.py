"""The Certificate Manager adapter: the calls that each operation of the contract makes."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from gateway.call_context import CallContext
from gateway.contract import resource_names
from gateway.errors import CERTIFICATE_NOT_FOUND, GatewayError
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.base.provider import Provider
from gateway.providers.nhn_certificate_manager import listing, messages
from gateway.providers.nhn_certificate_manager.client import CertificateManagerClient, Filter
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings
from gateway.providers.nhn_certificate_manager.status_table import STATUS_TABLE
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

_ONLY_IN_V1_0: Final = frozenset({"upload_certificate"})


@dataclass(frozen=True, slots=True)
class _Pages:
    """The pages of the list, fetched within one call."""

    client: CertificateManagerClient
    provider: str
    timezone: ZoneInfo
    call: CallContext

    async def page(self, number: int, size: int, state: Filter, name: str | None) -> messages.Page:
        return await self.client.list_page(
            number,
            size,
            state,
            lambda body: messages.page(body, self.provider, self.timezone, number=number, size=size, name=name),
            self.call,
        )


class CertificateManager(Provider):
    """One Certificate Manager. Only API v1.0 has an upload."""

    def __init__(self, settings: CertificateManagerSettings) -> None:
        super().__init__(
            settings,
            STATUS_TABLE,
            api_version=settings.api_version,
            unavailable=frozenset() if settings.api_version == "v1.0" else _ONLY_IN_V1_0,
        )
        self._timezone = settings.timezone
        self._page_size = listing.PageSize()
        self._client = CertificateManagerClient(settings, self.http)

    async def check(self, call: CallContext) -> None:
        """Retrieve a list of one row."""
        await self._list(call).pages.page(1, 1, service.CERTIFICATE_STATE_FILTER_ALL, None)

    async def list_certificates(self, window: ListWindow, call: CallContext) -> CertificatePage:
        """Retrieve the certificate list (guide: "retrieve certificate list"), in the BASIC view."""
        return await self._list(call).read_window(window)

    async def get_certificate(
        self, request: service.GetCertificateRequest, call: CallContext
    ) -> service.GetCertificateResponse:
        """Find the certificate in the list. The FULL view also downloads the certificate's file."""
        found = await self._find(request.name, call)
        if found is None:
            message = f"{request.name}: no certificate has this name"
            raise GatewayError(CERTIFICATE_NOT_FOUND, message, metadata={"provider": self.id}, resource=request.name)
        if request.view == service.CERTIFICATE_VIEW_FULL:
            found = await self._client.download(
                found.display_name,
                request.name,
                lambda response: messages.full_certificate(response, found, self._timezone, request.name),
                call,
            )
        return service.GetCertificateResponse(certificate=found)

    async def check_certificate(
        self, request: service.CheckCertificateRequest, call: CallContext
    ) -> service.CheckCertificateResponse:
        """Find the certificate in the list, expired certificates included."""
        return service.CheckCertificateResponse(exists=await self._find(request.name, call) is not None)

    async def download_certificate(
        self, request: service.DownloadCertificateRequest, call: CallContext
    ) -> service.DownloadCertificateResponse:
        """Download the certificate's file (guide: "download certificate file")."""
        certificate = _certificate(request.name)
        return await self._client.download(
            certificate, request.name, lambda response: messages.downloaded(response, request, certificate), call
        )

    async def upload_certificate(
        self, request: service.UploadCertificateRequest, call: CallContext
    ) -> service.UploadCertificateResponse:
        """Replace the certificate's file (v1.0 guide: "upload"). The file must not be larger than 512 KB."""
        messages.check_upload(request)
        certificate = _certificate(request.name)
        await self._client.upload(certificate, request.filename or f"{certificate}.pem", request, call)
        return service.UploadCertificateResponse()

    async def _find(self, name: str, call: CallContext) -> certificates.Certificate | None:
        return await self._list(call).find(_certificate(name))

    def _list(self, call: CallContext) -> listing.CertificateList:
        pages = _Pages(self._client, self.id, self._timezone, call)
        return listing.CertificateList(pages, self.id, self._page_size)


def _certificate(name: str) -> str:
    segments = resource_names.CERTIFICATE.parse(name)
    assert segments is not None, "the server validates names"
    return segments["certificate"]
