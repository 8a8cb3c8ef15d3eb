"""The HTTP requests of Certificate Manager: addresses, queries, credentials, the upload's body.

Source: the request sections of the v1.0 and v1.2 guides. What the answers mean is read in `answers.py`.
"""

from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

from gateway.providers.nhn.envelope import encoded_segment
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings
from gateway.upstream import multipart
from gateway.upstream.client import HttpRequest
from keyway.v1 import certificate_service_pb2 as service

Filter: TypeAlias = service.CertificateStateFilter.ValueType

_STATUSES: Final = {
    service.CERTIFICATE_STATE_FILTER_UNSPECIFIED: "UNEXPIRED",
    service.CERTIFICATE_STATE_FILTER_UNEXPIRED: "UNEXPIRED",
    service.CERTIFICATE_STATE_FILTER_EXPIRED: "EXPIRED",
    service.CERTIFICATE_STATE_FILTER_ALL: "ALL",
}


class Requests:
    """Makes the requests of one configured Certificate Manager."""

    def __init__(self, settings: CertificateManagerSettings) -> None:
        app_key = quote(settings.app_key.get_secret_value(), safe="")
        self._base = f"/certmanager/{settings.api_version}/appkeys/{app_key}/certificates"
        self._headers = settings.headers()

    def page(self, number: int, size: int, state: Filter) -> HttpRequest:
        """One page of the list; `number` counts from 1."""
        return self._list({"pageSize": str(size), "pageNum": str(number), "all": "false", "status": _STATUSES[state]})

    def everything(self) -> HttpRequest:
        """The whole list on one page, expired certificates included."""
        return self._list({"all": "true", "status": "ALL"})

    def download(self, certificate: str) -> HttpRequest:
        """A certificate's file."""
        return HttpRequest("GET", self._files(certificate), self._headers, shown=_shown)

    def upload(self, certificate: str, filename: str, content: bytes) -> HttpRequest:
        """A certificate's new file, as the only part of a form."""
        body, content_type = multipart.encode([multipart.FilePart("file", filename, content)])
        headers = {**self._headers, "Content-Type": content_type}
        return HttpRequest("POST", self._files(certificate), headers, body, shown=_shown)

    def _list(self, query: dict[str, str]) -> HttpRequest:
        target = f"{self._base}?{urlencode(query, safe='', quote_via=quote)}"
        return HttpRequest("GET", target, self._headers, shown=_shown)

    def _files(self, certificate: str) -> str:
        return f"{self._base}/{encoded_segment(certificate)}/files"


def _shown(target: str) -> str:
    """A target without what is in it: `/certmanager/v1.2/appkeys/{app_key}/certificates/{certificate}/files`."""
    parts = target.partition("?")[0].split("/")
    parts[4] = "{app_key}"
    parts[6:7] = ["{certificate}"] if len(parts) > 6 else []
    return "/".join(parts)
