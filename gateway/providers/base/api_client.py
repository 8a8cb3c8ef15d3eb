"""The API client of every adapter: one call of an upstream API, with its failures as gateway errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from gateway.call_context import CallContext
from gateway.errors import MALFORMED_PROVIDER_RESPONSE, MalformedResponse, UpstreamError
from gateway.providers.base.envelope import Envelope
from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.recorded_text import is_safe_code, is_safe_number, recorded_message, recorded_text
from gateway.providers.base.status_table import StatusRow, StatusTable
from gateway.redaction import Redaction
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from gateway.upstream.messages import AttemptHeaders

ResultT = TypeVar("ResultT")

_CONTENT_TYPE: Final = "Content-Type"
_JSON: Final = "application/json"
_NO_ENVELOPE: Final = Envelope(successful=False, code=None)


@dataclass(slots=True)  # not frozen, because creating a frozen object for every call takes longer
class ApiRequest:
    """One call of an upstream API.

    target: the path with its query, percent-encoded. url_template: the target as telemetry records it, without names
    and keys. resource: the resource name that errors refer to.
    headers: additional headers. scope: see `StatusRow.scope`. secrets: values in the request that must not be recorded.
    expected_code: an error code that the adapter handles, so that it does not count as a failure of the upstream.
    """

    method: str
    target: str = field(repr=False)
    url_template: str
    resource: str
    body: bytes | None = field(default=None, repr=False)
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    scope: str = ""
    secrets: Sequence[str] = field(default=(), repr=False)
    expected_code: str | None = None


class ApiClient:
    """A client for one API of one provider.

    read_envelope: returns what a response states about the call; raises FormatError if the response is not one of the
    API. headers: sent with every request. attempt_headers: see `HttpRequest`; for signed requests.
    secrets: configured values that must not be recorded.
    """

    def __init__(
        self,
        provider: str,
        http: HttpClient,
        status_table: StatusTable,
        read_envelope: Callable[[HttpResponse], Envelope],
        *,
        headers: Mapping[str, str] | None = None,
        attempt_headers: AttemptHeaders | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._provider = provider
        self._http = http
        self._status_table = status_table
        self._read_envelope = read_envelope
        self._headers = dict(headers or {})
        self._json_headers = {**self._headers, _CONTENT_TYPE: _JSON}
        self._attempt_headers = attempt_headers
        self._secrets = tuple(secrets)

    async def call(self, request: ApiRequest, read: Callable[[JsonObject], ResultT], call: CallContext) -> ResultT:
        """Send a request and return the result of `read` for the payload of the response.

        Raises UpstreamError for a failure, and MalformedResponse if `read` raises FormatError. An unreadable response
        with a failure status is a failure.
        """
        response = await self._http.send(self._http_request(request), call)
        try:
            envelope = self._read_envelope(response)
            if envelope.successful:
                return read(_data(envelope))
        except FormatError as error:
            raise self._unreadable(request, response, error, call) from error
        raise self._failure(request, response, envelope, call)

    async def fetch(self, request: ApiRequest, read: Callable[[HttpResponse], ResultT], call: CallContext) -> ResultT:
        """Send a request whose successful response is a file, and return the result of `read` for it.

        Raises UpstreamError for a failure, and MalformedResponse if `read` raises FormatError.
        """
        response = await self._http.send(self._http_request(request), call)
        envelope = self._envelope_or_none(response)
        if envelope is None and not _is_success(response):
            raise self._failure(request, response, _NO_ENVELOPE, call)
        if envelope is not None and not envelope.successful:
            raise self._failure(request, response, envelope, call)
        try:
            return read(response)
        except FormatError as error:
            raise self._unreadable(request, response, error, call) from error

    def _http_request(self, request: ApiRequest) -> HttpRequest:
        return HttpRequest(
            request.method,
            request.target,
            self._headers_of(request),
            request.body,
            url_template=request.url_template,
            attempt_headers=self._attempt_headers,
        )

    def _headers_of(self, request: ApiRequest) -> Mapping[str, str]:
        """Return all headers of a request. The common combinations are built once, because most calls need one."""
        kind = request.content_type
        if not request.headers and kind in (None, _JSON):
            return self._headers if kind is None else self._json_headers
        headers = {**self._headers, **request.headers}
        return headers if kind is None else {**headers, _CONTENT_TYPE: kind}

    def _envelope_or_none(self, response: HttpResponse) -> Envelope | None:
        try:
            return self._read_envelope(response)
        except FormatError:
            return None

    def _unreadable(
        self, request: ApiRequest, response: HttpResponse, error: FormatError, call: CallContext
    ) -> UpstreamError:
        """Return the error for a response that cannot be read: malformed, or a failure by its HTTP status."""
        if not _is_success(response):
            return self._failure(request, response, _NO_ENVELOPE, call)
        self._http.report_failure(response, MALFORMED_PROVIDER_RESPONSE)
        return MalformedResponse(
            f"{request.resource}: the response of provider {self._provider} is malformed: {error}",
            provider=self._provider,
            http_status=response.status,
        )

    def _failure(
        self, request: ApiRequest, response: HttpResponse, envelope: Envelope, call: CallContext
    ) -> UpstreamError:
        row = self._status_table.resolve(envelope.code, response.status, request.scope)
        if request.expected_code is None or envelope.code != request.expected_code:
            self._http.report_failure(response, row.kind)
        resource = row.resource_at_fault(request.resource)
        secrets = (*self._secrets, *request.secrets)
        code = envelope.code or ""
        safe_code = code if code == row.upstream_code or is_safe_code(code, secrets) else ""
        return UpstreamError(
            row.kind,
            f"{resource or request.resource}: {self._reason(row, safe_code, response.status)}",
            provider=self._provider,
            upstream_code=safe_code or None,
            upstream_message=self._recorded(envelope, secrets, call.redaction, code="" if safe_code else code),
            http_status=response.status,
            metadata={key: value for key, value in envelope.metadata.items() if is_safe_number(value, secrets)},
            resource=resource if resource is not None and resource.count("/") > 1 else None,
            retry_after=response.retry_after if row.shared or row.kind.retryable else None,
        )

    def _recorded(self, envelope: Envelope, secrets: Sequence[str], redaction: Redaction, *, code: str) -> str | None:
        """Return the upstream's text for audit records and spans. code: the upstream's code if it is not safe."""
        number = envelope.number
        if number and not is_safe_code(number, secrets):
            number = recorded_text(number, secrets, redaction)
        parts = (
            f"code {recorded_text(code, secrets, redaction)}" if code else "",
            recorded_message(envelope.message, self._status_table.known_messages, secrets, redaction),
            f"(code {number})" if number else "",
        )
        return " ".join(filter(None, parts)) or None

    def _reason(self, row: StatusRow, code: str, status: int) -> str:
        if not row.shared:
            return row.meaning
        failure = f"code {code} (HTTP {status})" if code else f"HTTP {status}"
        return f"provider {self._provider} failed with {failure}: {row.meaning}"


def _is_success(response: HttpResponse) -> bool:
    return 200 <= response.status <= 299


def _data(envelope: Envelope) -> JsonObject:
    if envelope.data is None:
        raise FormatError("the body is not a JSON object")
    return envelope.data
