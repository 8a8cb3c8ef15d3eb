"""The Secure Key Manager client: URLs, request bodies, and headers of one API version.

Source: the list of calls in the v1.0 guide.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote

import orjson

from gateway.call_context import CallContext
from gateway.contract import resource_names
from gateway.providers.base.api_client import ApiClient, ApiRequest
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.urls import path_segment
from gateway.providers.nhn.settings import ApiVersion
from gateway.providers.nhn_secure_key_manager.messages import read_envelope
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings
from gateway.providers.nhn_secure_key_manager.status_table import STATUS_TABLE
from gateway.upstream.client import HttpClient

ResultT = TypeVar("ResultT")

_JSON: Final = "application/json"


class SecureKeyManagerClient:
    """The calls of Secure Key Manager in one API version.

    name: the resource name in the request. call_path: `symmetric-keys/…` or `asymmetric-keys/…`, with the last path
    segment of the call. fields: the fields of the JSON body, all of which are secret strings.
    """

    def __init__(self, settings: SecureKeyManagerSettings, http: HttpClient, version: ApiVersion) -> None:
        self._provider = resource_names.PROVIDER.format(provider=settings.id)
        self._base = f"/keymanager/{version}/appkey/{quote(settings.app_key.get_secret_value(), safe='')}"
        self._template = f"/keymanager/{version}/appkey/{{app_key}}"
        headers = {"Accept": _JSON, **settings.headers(version)}
        self._api = ApiClient(
            settings.id, http, STATUS_TABLE, read_envelope, headers=headers, secrets=settings.secrets()
        )

    async def confirm(self, read: Callable[[JsonObject], ResultT], call: CallContext) -> ResultT:
        """Call `confirm`, which describes the client as the upstream sees it."""
        request = ApiRequest("GET", f"{self._base}/confirm", f"{self._template}/confirm", self._provider)
        return await self._api.call(request, read, call)

    async def secret(self, name: str, read: Callable[[JsonObject], ResultT], call: CallContext) -> ResultT:
        """Call `secrets`."""
        target = f"{self._base}/secrets/{_segment(name)}"
        return await self._api.call(ApiRequest("GET", target, f"{self._template}/secrets/{{id}}", name), read, call)

    async def get(self, call_path: str, name: str, read: Callable[[JsonObject], ResultT], call: CallContext) -> ResultT:
        """Read a key, or the key version that `name` names."""
        version = named_version(name)
        query = "" if version is None else f"?keyVersion={version}"
        target, template = self._key_urls(call_path, name)
        request = ApiRequest("GET", f"{target}{query}", template, name)
        return await self._api.call(request, read, call)

    def post(
        self,
        call_path: str,
        name: str,
        fields: Mapping[str, str],
        read: Callable[[JsonObject], ResultT],
        call: CallContext,
    ) -> Awaitable[ResultT]:
        """Use a key. Without fields, the request has no body."""
        target, template = self._key_urls(call_path, name)
        request = ApiRequest(
            "POST",
            target,
            template,
            name,
            orjson.dumps(fields) if fields else None,
            _JSON,  # also without a body, for which the HTTP library would otherwise send another type
            secrets=tuple(fields.values()),
        )
        return self._api.call(request, read, call)

    def _key_urls(self, call_path: str, name: str) -> tuple[str, str]:
        kind, _, operation = call_path.partition("/")
        return f"{self._base}/{kind}/{_segment(name)}/{operation}", f"{self._template}/{kind}/{{id}}/{operation}"


def named_version(name: str) -> int | None:
    """Return the version in the name of a key version, which is always a number; None for the name of a key."""
    segments = resource_names.KEY_VERSION.parse(name)
    return int(segments["version"]) if segments else None


def _segment(name: str) -> str:
    return path_segment(name.split("/", 4)[3])
