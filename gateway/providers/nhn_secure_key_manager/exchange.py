"""One question to Secure Key Manager and its answer: the request's headers and body, the envelope, and its failures.

Responsible for telling success from failure, and for the error that a failure becomes. What a successful body holds
is read by the function that the caller hands in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import quote

import orjson

from gateway.call_context import CallContext
from gateway.errors import MalformedResponse, UpstreamError
from gateway.providers.base.formats import FormatError, JsonObject
from gateway.providers.base.sanitizing import clean
from gateway.providers.nhn.envelope import ApiVersion, Envelope, read_envelope
from gateway.providers.nhn_secure_key_manager.errors import (
    ABOUT_THE_RESOURCE,
    KEY_NOT_FOUND,
    is_known_word_for_word,
    row_of,
    unknown_refusal,
)
from gateway.providers.nhn_secure_key_manager.requests import key_name, shown
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from gateway.upstream.outcomes import for_http_status

ResultT = TypeVar("ResultT")

_NOTHING: Final = JsonObject({}, "body.")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, without its version. fields: of the JSON body, all of them text and held to be secret.

    about: the name of the resource, for errors. empty_post: POST without a body.
    """

    target: str = field(repr=False)
    about: str
    fields: Mapping[str, str] | None = field(default=None, repr=False)
    empty_post: bool = False


class Exchange:
    """Asks one version of the API. Headers are built once."""

    def __init__(self, settings: SecureKeyManagerSettings, client: HttpClient, version: ApiVersion) -> None:
        self._provider = settings.id
        self._client = client
        self._headers = {"Accept": "application/json", **settings.headers(version)}
        self._post_headers = {**self._headers, "Content-Type": "application/json"}
        app_key = settings.app_key.get_secret_value()
        self._secrets = (*settings.secrets(), quote(app_key, safe=""))

    async def ask(self, question: Question, read: Callable[[JsonObject], ResultT], call: CallContext) -> ResultT:
        """What `read` makes of the answer's body; UpstreamError for a failure.

        `read` raises FormatError where the body is not what it should be. The envelope says whether it is a
        success; the HTTP status counts where there is no envelope, or where a success of 4xx or 5xx can't be read.
        """
        response = await self._client.send(self._request(question), call)
        try:
            envelope = read_envelope(response)
            if envelope.successful:
                return read(envelope.body or _NOTHING)
        except FormatError as error:
            raise self._unreadable(response, question, error) from error
        raise self._refused(response, question, envelope)

    def _request(self, question: Question) -> HttpRequest:
        if question.empty_post:  # the HTTP library would call no body an octet stream
            return HttpRequest("POST", question.target, self._post_headers, shown=shown)
        if question.fields is None:
            return HttpRequest("GET", question.target, self._headers, shown=shown)
        body = orjson.dumps(question.fields)
        return HttpRequest("POST", question.target, self._post_headers, body, shown=shown)

    def _unreadable(self, response: HttpResponse, question: Question, error: FormatError) -> UpstreamError:
        if 200 <= response.status <= 299:
            return MalformedResponse(
                f"{question.about}: provider {self._provider} gave an answer that can't be understood: {error}",
                provider=self._provider,
                http_status=response.status,
            )
        return UpstreamError(
            for_http_status(response.status),
            f"{question.about}: provider {self._provider} failed with HTTP {response.status}",
            provider=self._provider,
            http_status=response.status,
            retry_after=response.retry_after,
        )

    def _refused(self, response: HttpResponse, question: Question, envelope: Envelope) -> UpstreamError:
        row = row_of(envelope.message)
        outcome = row.outcome if row else unknown_refusal(response.status)
        about = key_name(question.about) if outcome is KEY_NOT_FOUND else question.about
        meaning = row.meaning if row else "it failed in a way that is not known"
        number = None if envelope.code is None else str(envelope.code)
        return UpstreamError(
            outcome,
            f"{about}: provider {self._provider} refused: {meaning}",
            provider=self._provider,
            upstream_code=row.upstream_code if row else number,
            upstream_message=self._cleaned(envelope.message, number, question),
            http_status=response.status,
            resource=about if outcome in ABOUT_THE_RESOURCE else None,
            retry_after=response.retry_after,
        )

    def _cleaned(self, message: str, number: str | None, question: Question) -> str:
        """`message` without what it may echo; a short plaintext masked in known words would give itself away."""
        sent = question.fields.values() if question.fields and not is_known_word_for_word(message) else ()
        text = clean(message, (*self._secrets, *sent))
        return text if number is None else f"{text} (resultCode {number})"
