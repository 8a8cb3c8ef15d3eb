"""The adapter: each operation of the contract as calls of Certificate Manager.

Thin: requests are made in `requests.py`, answers read in `answers.py`, pages put together in `listing.py`, files in
`files.py`; codes become errors by the table in `errors.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo

from gateway.call_context import CallContext
from gateway.contract import resource_names
from gateway.errors import CERTIFICATE_NOT_FOUND, GatewayError, MalformedResponse
from gateway.providers.base import pem, x509
from gateway.providers.base.capabilities import CertificatePage, ListWindow, StatusRow
from gateway.providers.base.formats import FormatError
from gateway.providers.nhn_certificate_manager import answers, errors, files, listing
from gateway.providers.nhn_certificate_manager.requests import Filter, Requests
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from gateway.upstream.state import UpstreamState
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service


@dataclass(frozen=True, slots=True)
class _Pages:
    """Pages of the list, fetched within one call."""

    client: HttpClient
    requests: Requests
    asked: errors.Asked
    timezone: ZoneInfo
    call: CallContext

    async def page(self, number: int, size: int, state: Filter) -> answers.Page:
        return await self._read(self.requests.page(number, size, state), number, size)

    async def everything(self) -> answers.Page:
        return await self._read(self.requests.everything(), 1, 1)

    async def _read(self, request: HttpRequest, number: int, size: int) -> answers.Page:
        response = await self.client.send(request, self.call)
        return answers.read_page(response, self.asked, self.timezone, number=number, size=size)


class CertificateManager:
    """Certificate Manager without upload: API v1.1 and later."""

    def __init__(self, settings: CertificateManagerSettings) -> None:
        self.id: str = settings.id
        self.type: str = settings.type
        self.api_version: str = settings.api_version
        self._timezone = settings.timezone
        self._requests = Requests(settings)
        self._secrets = (*settings.secrets(), quote(settings.app_key.get_secret_value(), safe=""))
        self._client = HttpClient(settings.id, settings.http())

    async def start(self) -> None:
        """Open the connection pool."""
        await self._client.start()

    async def close(self) -> None:
        """Close the connection pool."""
        await self._client.close()

    async def check(self, call: CallContext) -> None:
        """Ask for a list of one row."""
        await self._pages(call).page(1, 1, service.CERTIFICATE_STATE_FILTER_ALL)

    def status_rows(self) -> Sequence[StatusRow]:
        """The documented codes, whatever the API version, and the shared rows."""
        return errors.status_rows()

    @property
    def upstream(self) -> UpstreamState:
        """As the HTTP client has it."""
        return self._client.state

    async def list_certificates(self, window: ListWindow, call: CallContext) -> CertificatePage:
        """The list (guide: retrieve certificate list), in the BASIC view."""
        return await listing.read_window(self._pages(call), window, self.id)

    async def get_certificate(
        self, request: service.GetCertificateRequest, call: CallContext
    ) -> service.GetCertificateResponse:
        """Out of the list; FULL reads the certificate's file too (guide: download certificate file)."""
        found = await listing.find(self._pages(call), _certificate(request.name), self.id)
        if found is None:
            message = f"{request.name}: no certificate has this name"
            raise GatewayError(CERTIFICATE_NOT_FOUND, message, metadata={"provider": self.id}, resource=request.name)
        if request.view == service.CERTIFICATE_VIEW_FULL:
            await self._fill(found, request.name, call)
        return service.GetCertificateResponse(certificate=found)

    async def check_certificate(
        self, request: service.CheckCertificateRequest, call: CallContext
    ) -> service.CheckCertificateResponse:
        """Out of the list, expired ones included."""
        found = await listing.find(self._pages(call), _certificate(request.name), self.id)
        return service.CheckCertificateResponse(exists=found is not None)

    async def download_certificate(
        self, request: service.DownloadCertificateRequest, call: CallContext
    ) -> service.DownloadCertificateResponse:
        """The file (guide: download certificate file), taken apart: the key leaves only where it was asked for."""
        certificate = _certificate(request.name)
        response, bundle = await self._file(certificate, request.name, call)
        return files.downloaded(request, response, bundle, certificate)

    async def _fill(self, message: certificates.Certificate, resource: str, call: CallContext) -> None:
        response, bundle = await self._file(message.display_name, resource, call)
        try:
            x509.fill_certificate(message, files.ordered(bundle), self._timezone)
        except FormatError as error:
            raise MalformedResponse(f"{resource}: {error}", provider=self.id, http_status=response.status) from error

    async def _file(self, certificate: str, resource: str, call: CallContext) -> tuple[HttpResponse, pem.PemBundle]:
        response = await self._client.send(self._requests.download(certificate), call)
        return response, answers.read_file(response, self._asked(resource))

    def _pages(self, call: CallContext) -> _Pages:
        asked = self._asked(resource_names.PROVIDER.format(provider=self.id))
        return _Pages(self._client, self._requests, asked, self._timezone, call)

    def _asked(self, resource: str) -> errors.Asked:
        return errors.Asked(self.id, resource, secrets=self._secrets)


class CertificateManagerWithUpload(CertificateManager):
    """Certificate Manager as API v1.0 has it."""

    async def upload_certificate(
        self, request: service.UploadCertificateRequest, call: CallContext
    ) -> service.UploadCertificateResponse:
        """Replace the file (v1.0 guide: upload), which must not be larger than 512 KB."""
        files.check_upload(request)
        certificate = _certificate(request.name)
        filename = request.filename or f"{certificate}.pem"
        response = await self._client.send(self._requests.upload(certificate, filename, request.content), call)
        secrets = (*self._secrets, *files.key_material(request.content))
        answers.read_confirmation(response, errors.Asked(self.id, request.name, uploading=True, secrets=secrets))
        return service.UploadCertificateResponse()


def create(settings: CertificateManagerSettings) -> CertificateManager:
    """The provider that these settings describe: only v1.0 has an upload."""
    if settings.api_version == "v1.0":
        return CertificateManagerWithUpload(settings)
    return CertificateManager(settings)


def _certificate(name: str) -> str:
    segments = resource_names.CERTIFICATE.parse(name)
    assert segments is not None, "the server lets valid names through only"
    return segments["certificate"]
