"""The Certificate Manager adapter over a scripted upstream, and the responses of the vendor's guides."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from gateway.call_context import CallContext
from gateway.providers.nhn_certificate_manager.adapter import CertificateManager
from gateway.providers.nhn_certificate_manager.settings import CertificateManagerSettings
from tests.support.once import ONCE
from tests.support.scripted_upstream import ReceivedRequest, ScriptedUpstream

APP_KEY = "app/Key+1"
LIST = "/certmanager/v1.2/appkeys/app%2FKey%2B1/certificates"
FIRST_PAGE = f"{LIST}?pageSize=1000&pageNum=1&all=false&status=ALL"
"""The first request of a search."""
FILES = f"{LIST}/www.example.com/files"
NAME = "providers/nhn/certificates/www.example.com"

Json = dict[str, object]

SUCCESS: Json = {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}


def call(*, repeatable: bool = True) -> CallContext:
    return CallContext("request-1", time.monotonic() + 10, repeatable)


@asynccontextmanager
async def provider(upstream: ScriptedUpstream, **settings: object) -> AsyncIterator[CertificateManager]:
    """Return the adapter for a configuration."""
    data = {"id": "nhn", "type": "nhn-certificate-manager", "endpoint": upstream.url, "app_key": APP_KEY, **ONCE}
    adapter = CertificateManager(CertificateManagerSettings.model_validate(data | settings))
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


def row(name: str = "www.example.com", **fields: object) -> Json:
    """Return a row in the format of the v1.2 guide."""
    return {
        "certificateName": name,
        "authority": "NHN",
        "domains": ["www.example.com", "*.example.com"],
        "signatureAlgorithm": "SHA256withRSA",
        "fileCreationDate": "2025-03-02",
        "expirationDate": "2999-03-25",
    } | fields


def page(
    rows: Sequence[object] = (), *, number: int = 1, size: int = 10, total: int | None = None, **fields: object
) -> Json:
    """Return a successful response with a page of the list."""
    total = len(rows) if total is None else total
    body: Json = {
        "totalCount": total,
        "totalPage": -(-total // size),
        "currentPage": number,
        "pageSize": size,
        "data": list(rows),
    }
    return {"header": SUCCESS, "body": body | fields}


def failed(code: object, message: str = "The vendor's words.", body: object = None) -> Json:
    """Return the envelope of a failure."""
    return {"header": {"resultCode": code, "resultMessage": message, "isSuccessful": False}, "body": body}


def query(request: ReceivedRequest) -> dict[str, str]:
    """Return the query of a request."""
    return dict(parse_qsl(urlsplit(request.target).query, strict_parsing=True))
