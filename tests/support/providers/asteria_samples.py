"""Samples of the vendor's responses, and an ASTERIA provider over a scripted server."""

import io
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from gateway.call_context import CallContext
from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.asteria.settings import AsteriaSettings
from tests.support.once import ONCE
from tests.support.scripted_upstream import ReceivedRequest, ScriptedUpstream

SESSION_ID = "76B7EDBB1F14443FA538E62E05C5EEA4"
LOGIN = "/mcapi/auth/login"
LOGOUT = "/mcapi/auth/logout"
BASE = "/mcapi/certificate"
SERVER = "providers/asteria/certificates/server"
CLIENT = "providers/asteria/certificates/client"
SERVER_STORE = "providers/asteria/trustStores/server"
NOW = datetime(2013, 4, 1, tzinfo=UTC)
PASSWORD = "pass word&=é"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"

NAME = {"C": "JP", "ST": "StateName", "L": "LocalityName", "O": "OrganizationName", "OU": "UnitName", "CN": "subject"}
ISSUER = {"C": "JP", "ST": "CaState", "L": "CaCity", "O": "CaOrg", "OU": "CaUnit", "CN": "CA"}
CERTIFICATE: Mapping[str, object] = {
    "subject": NAME,
    "issuer": ISSUER,
    "notBefore": "2013-01-13 09:56:53",
    "notAfter": "2013-04-13 09:56:53",
    "version": "1",
    "signatureAlgorithm": "SHA1withRSA",
    "usage": {
        "digitalSignature": True,
        "nonRepudiation": False,
        "keyEncipherment": False,
        "dataEncipherment": False,
        "keyAgreement": True,
        "keyCertSign": False,
        "cRLSign": False,
        "encipherOnly": True,
        "decipherOnly": False,
    },
    "fingerprintSha1": "c0:a3:ce:70:bb:a8:8a:94:d4:37:d7:75:3f:4b:7b:8d:d1:f7:d5:59",
    "fingerprintMd5": "c8:30:64:3c:df:48:83:3c:15:fb:a0:04:6a:9c:61:61",
    "serialNumber": "1378947413351",
    "chainInfo": [
        "CN=CA,OU=CaUnit,O=CaOrg,L=CaCity,ST=CaState,C=JP",
        "CN=CA,OU=CaUnit,O=CaOrg,L=CaCity,ST=CaState,C=JP",
    ],
}
CERTUM = {
    "alias": "b6307f15-1c1d-48ff-a49c-e0c0b5709a5c0",
    "subject": "CN=Certum CA,O=Unizeto Sp. z o.o.,C=PL",
    "issuer": "CN=Certum CA,O=Unizeto Sp. z o.o.,C=PL",
    "notBefore": "2002-06-11 19:46:39",
    "notAfter": "2027-06-11 19:46:39",
}
OTHER = {
    "alias": "7095ce58-629a-429a-b39f-fd702e342e6c",
    "subject": "CN=subject,OU=UnitName,O=OrganizationName,L=LocalityName,ST=StateName,C=JP",
    "issuer": "CN=ca,OU=caUnit,O=caOrg,L=caCity,ST=csState,C=JP",
    "notBefore": "2013-10-02 20:47:04",
    "notAfter": "2014-10-02 20:47:04",
}


def success(data: Mapping[str, object] | None = None) -> dict[str, object]:
    return {"result": {"status": "success", "data": data or {}}}


def exist(answer: bool) -> dict[str, object]:
    return success({"exist": answer})


def failure(code: object, message: str = "") -> dict[str, object]:
    return {"result": {"status": "error", "code": code, "message": message}}


def certificate(**changes: object) -> dict[str, object]:
    return success({"certificate": {**CERTIFICATE, **changes}})


def authorities(*items: Mapping[str, object]) -> dict[str, object]:
    return success({"certificate": list(items)})


def zipped(**files: bytes) -> bytes:
    """Return a ZIP archive. `__` in a file name stands for the dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def a_call(seconds: float = 10.0) -> CallContext:
    return CallContext("request", time.monotonic() + seconds, idempotent=True)


def provider_on(url: str, now: datetime = NOW, **settings: object) -> AsteriaProvider:
    values = {"id": "asteria", "type": "asteria", "endpoint": url, "session_id": SESSION_ID, **ONCE, **settings}
    return AsteriaProvider(AsteriaSettings.model_validate(values), lambda: now)


@asynccontextmanager
async def provider(upstream: ScriptedUpstream, **settings: object) -> AsyncIterator[AsteriaProvider]:
    """Run a provider with a fixed session."""
    adapter = provider_on(upstream.url, **settings)  # type: ignore[arg-type] # `now` is passed on by its name
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


def parts(request: ReceivedRequest) -> list[Message]:
    """Return the parts of a multipart request."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    assert message.is_multipart()
    return [part for part in message.get_payload() if isinstance(part, Message)]


def only(upstream: ScriptedUpstream) -> ReceivedRequest:
    (request,) = upstream.requests
    assert request.headers["X-As-SessionId"] == SESSION_ID
    return request


def assert_form(request: ReceivedRequest, target: str, fields: list[tuple[str, str]]) -> None:
    assert (request.method, request.target) == ("POST", target)
    assert request.headers["Content-Type"] == FORM
    assert parse_qsl(request.body.decode("ascii"), keep_blank_values=True) == fields
