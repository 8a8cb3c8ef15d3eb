"""The Certificate Manager client: URLs, queries, credentials, and the upload body.

Source: the request sections of the v1.0 and v1.2 guides.
"""

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote

from gateway.call_context import CallContext
from gateway.contract import resource_names
from gateway.providers.base.api_client import ApiClient, ApiRequest
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.urls import path_segment
from gateway.providers.nhn_certificate_manager import messages
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings
from gateway.providers.nhn_certificate_manager.status_table import STATUS_TABLE, UPLOAD
from gateway.upstream import multipart
from gateway.upstream.client import HttpClient, HttpResponse
from keyway.v1 import certificate_service_pb2 as service

Filter: TypeAlias = service.CertificateStateFilter.ValueType

ResultT = TypeVar("ResultT")

_STATUSES: Final = {
    service.CERTIFICATE_STATE_FILTER_UNSPECIFIED: "UNEXPIRED",
    service.CERTIFICATE_STATE_FILTER_UNEXPIRED: "UNEXPIRED",
    service.CERTIFICATE_STATE_FILTER_EXPIRED: "EXPIRED",
    service.CERTIFICATE_STATE_FILTER_ALL: "ALL",
}


class CertificateManagerClient:
    """The calls of Certificate Manager in one API version."""

    def __init__(self, settings: CertificateManagerSettings, http: HttpClient) -> None:
        self._provider = resource_names.PROVIDER.format(provider=settings.id)
        app_key = quote(settings.app_key.get_secret_value(), safe="")
        self._list_target = f"/certmanager/{settings.api_version}/appkeys/{app_key}/certificates"
        self._list_template = f"/certmanager/{settings.api_version}/appkeys/{{app_key}}/certificates"
        self._file_template = f"{self._list_template}/{{certificate}}/files"
        self._api = ApiClient(
            settings.id,
            http,
            STATUS_TABLE,
            messages.read_envelope,
            headers=settings.headers(),
            secrets=settings.secrets(),
        )

    async def list_page(
        self, number: int, size: int, state: Filter, read: Callable[[JsonObject], ResultT], call: CallContext
    ) -> ResultT:
        """Retrieve one page of the certificate list. `number` counts from 1."""
        query = f"pageSize={size}&pageNum={number}&all=false&status={_STATUSES[state]}"
        request = ApiRequest("GET", f"{self._list_target}?{query}", self._list_template, self._provider)
        return await self._api.call(request, read, call)

    async def download(
        self, certificate: str, resource: str, read: Callable[[HttpResponse], ResultT], call: CallContext
    ) -> ResultT:
        """Download the file of a certificate. resource: the name of the certificate in the contract."""
        request = ApiRequest("GET", self._file_target(certificate), self._file_template, resource)
        return await self._api.fetch(request, read, call)

    async def upload(
        self, certificate: str, filename: str, request: service.UploadCertificateRequest, call: CallContext
    ) -> None:
        """Replace the file of a certificate. The file is the only part of a form."""
        body, content_type = multipart.encode([multipart.FilePart("file", filename, request.content)])
        await self._api.call(
            ApiRequest(
                "POST",
                self._file_target(certificate),
                self._file_template,
                request.name,
                body,
                content_type,
                scope=UPLOAD,
                secrets=messages.key_material(request.content),
            ),
            lambda _: None,
            call,
        )

    def _file_target(self, certificate: str) -> str:
        return f"{self._list_target}/{path_segment(certificate)}/files"
