"""The requests of the 24 calls of the ASTERIA module `certificate`, login, and logout, compared with the documentation.

The expected requests are the samples of the documentation. The history of the emulator has the actual requests.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import grpc
import pytest

from gateway.contract.resource_names import encode_segment
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import provider_service_pb2 as providers
from tests.support.asteria import (
    BASE,
    LOGIN,
    LOGOUT,
    PROVIDER,
    SIDES,
    FormPart,
    Sent,
    Warp,
    certificate_name,
    store_name,
)
from tests.support.stack import Gateway
from tests.support.valid_requests import call
from tests.support.wire import failure_of

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
JSON = "application/json; charset=UTF-8"
MULTIPART = "multipart/form-data"
SAMPLE: dict[str, Any] = {"keystore_password": "123456", "private_key_password": "abcdef"}
SUBJECT = certificates.DistinguishedName(
    country="JP",
    state="StateName",
    locality="LocalityName",
    organization="OrganizationName",
    organizational_unit="UnitName",
    common_name="subject",
)
FILE = b"\x30\x82\x00\x00\r\n--\x00\xff\n"
ODD = "\"'\\ &=+%41;#?\t\r\n\x00日本語é😀 ­\u202e--x "
"""Text that every encoding must escape."""


class DocumentedRequest(NamedTuple):
    """A documented request below `/mcapi/certificate/{side}/`. body: the bytes, or the parts of a multipart body."""

    function: str
    content_type: str | None
    body: Any


def text(name: str, value: str) -> FormPart:
    return FormPart(name, None, None, value.encode())


CASES: Mapping[str, tuple[Callable[[str], Any], Sequence[DocumentedRequest]]] = {
    "CheckCertificate": (
        lambda side: service.CheckCertificateRequest(name=certificate_name(side)),
        [DocumentedRequest("exist", None, b"")],
    ),
    "GetCertificate": (
        lambda side: service.GetCertificateRequest(name=certificate_name(side), keystore_password="123456"),
        [DocumentedRequest("show", FORM, b"password=123456")],
    ),
    "CreateCertificate": (
        lambda side: service.CreateCertificateRequest(
            parent=PROVIDER,
            certificate_id=side,
            subject=SUBJECT,
            keystore_password="123456",
            private_key_password="123456",
            key_size=1024,
            key_algorithm="RSA",
            validity_days=30,
            signature_algorithm="md5WithRSAEncryption",
        ),
        [
            DocumentedRequest("exist", None, b""),
            DocumentedRequest(
                "create",
                JSON,
                b'{"certificate":{"C":"JP","ST":"StateName","L":"LocalityName","O":"OrganizationName",'
                b'"OU":"UnitName","CN":"subject","password":"123456","privateKeyPassword":"123456","keySize":1024,'
                b'"keyAlgorithm":"RSA","validPeriod":30,"signatureAlgorithm":"md5WithRSAEncryption"}}',
            ),
            DocumentedRequest("show", FORM, b"password=123456"),
        ],
    ),
    "DeleteCertificate": (
        lambda side: service.DeleteCertificateRequest(name=certificate_name(side), keystore_password="123456"),
        [DocumentedRequest("delete", FORM, b"password=123456")],
    ),
    "ImportCertificate": (
        lambda side: service.ImportCertificateRequest(
            name=certificate_name(side),
            keystore=FILE,
            filename="test.p12",
            file_password="123456",
            keystore_password="987654",
            private_key_password="zyxwvu",
        ),
        [
            DocumentedRequest("exist", None, b""),
            DocumentedRequest(
                "import",
                MULTIPART,
                [
                    text("filePassword", "123456"),
                    text("password", "987654"),
                    text("privateKeyPassword", "zyxwvu"),
                    FormPart("filedata", "test.p12", "text/plain", FILE),
                ],
            ),
            DocumentedRequest("show", FORM, b"password=987654"),  # because the response is empty
        ],
    ),
    "GetCertificateSigningRequest": (
        lambda side: service.GetCertificateSigningRequestRequest(name=certificate_name(side), **SAMPLE),
        [DocumentedRequest("csr/download", FORM, b"password=123456&privateKeyPassword=abcdef")],
    ),
    "InstallSignedCertificate": (
        lambda side: service.InstallSignedCertificateRequest(
            name=certificate_name(side),
            certificate=FILE,
            certificate_filename="test.crt",
            chain=FILE * 2,
            chain_filename="ca.crt",
            keystore_password="123456",
            private_key_password="abcdef",
        ),
        [
            DocumentedRequest(
                "csr/response/upload",
                MULTIPART,
                [
                    text("password", "123456"),
                    text("privateKeyPassword", "abcdef"),
                    FormPart("certFile", "test.crt", "text/plain", FILE),
                    FormPart("chainFile", "ca.crt", "text/plain", FILE * 2),
                ],
            )
        ],
    ),
    "DownloadCertificate": (
        lambda side: service.DownloadCertificateRequest(name=certificate_name(side), keystore_password="123456"),
        [DocumentedRequest("export", FORM, b"password=123456&outputFormat=X509&dataFormat=PEM")],
    ),
    "ListTrustedAuthorities": (
        lambda side: service.ListTrustedAuthoritiesRequest(parent=store_name(side)),
        [DocumentedRequest("ca/list", None, b"")],
    ),
    "GetTrustedAuthority": (
        lambda side: service.GetTrustedAuthorityRequest(name=f"{store_name(side)}/authorities/7095ce58-629a"),
        [DocumentedRequest("ca/show?alias=7095ce58-629a", None, b"")],
    ),
    "DeleteTrustedAuthority": (
        lambda side: service.DeleteTrustedAuthorityRequest(name=f"{store_name(side)}/authorities/test"),
        [DocumentedRequest("ca/delete", FORM, b"alias=test"), DocumentedRequest("ca/list", None, b"")],
    ),
    "ImportTrustedAuthority": (
        lambda side: service.ImportTrustedAuthorityRequest(parent=store_name(side), content=FILE, filename="test.cer"),
        [
            DocumentedRequest("ca/list", None, b""),
            DocumentedRequest("ca/import", MULTIPART, [FormPart("caFile", "test.cer", "text/plain", FILE)]),
            DocumentedRequest("ca/list", None, b""),
        ],
    ),
}


def as_documented(request: Sent, side: str) -> DocumentedRequest:
    """Return the request in the format of the table."""
    function = request.target.removeprefix(f"{BASE}/{side}/")
    if (request.content_type or "").startswith(MULTIPART):
        return DocumentedRequest(function, MULTIPART, request.parts)
    return DocumentedRequest(function, request.content_type, request.body)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("method", CASES)
async def test_requests_match_the_documentation(warp: Warp, method: str, side: str) -> None:
    make, expected = CASES[method]
    # A response for each kind of call. This test does not check the results.
    await warp.control.fail(mode="raw", path="/exist$", body='{"result":{"status":"success","data":{"exist":false}}}')
    await warp.control.fail(mode="raw", body='{"result":{"status":"success","data":{}}}', count=10, path="/(?!exist)")
    with contextlib.suppress(grpc.aio.AioRpcError):
        await getattr(warp.certificates, method)(make(side))

    sent = await warp.sent()
    assert [as_documented(request, side) for request in sent] == list(expected)
    assert [request.method for request in sent] == ["POST" if call.content_type else "GET" for call in expected]
    (session,) = {request.session for request in sent}
    assert session
    lengths = [request.headers.get("Content-Length", "0") for request in sent]
    assert lengths == [str(len(request.body)) for request in sent]


def test_table_has_every_documented_call() -> None:
    functions = {call.function.partition("?")[0] for _, expected in CASES.values() for call in expected}
    assert functions == {
        "exist",
        "show",
        "create",
        "delete",
        "csr/response/upload",
        "csr/download",
        "import",
        "export",
        "ca/list",
        "ca/show",
        "ca/delete",
        "ca/import",
    }


async def test_login_and_logout_match_the_documentation(warp: Warp) -> None:
    login = {"user_name": "/keyway", "password": "keyway-demo", "timeout_minutes": 45}
    async with Gateway(warp.stack.settings(warp.stack.provider("asteria", login=login))) as gateway:
        assert await warp.sent() == []
        await gateway.providers.CheckProvider(providers.CheckProviderRequest(name=PROVIDER))
    logged_in, exist, logged_out = await warp.sent()

    assert (logged_in.method, logged_in.target, logged_in.content_type) == ("POST", LOGIN, FORM)
    assert logged_in.body == b"userName=%2Fkeyway&password=keyway-demo&timeout=45"
    assert logged_in.session is None
    assert (exist.method, exist.target) == ("GET", f"{BASE}/server/exist")
    assert (logged_out.method, logged_out.target, logged_out.body) == ("POST", LOGOUT, b"")
    assert (logged_out.session, logged_out.content_type) == (exist.session, FORM)
    assert [request.status for request in (logged_in, exist, logged_out)] == [200, 200, 200]


async def test_unusual_text_arrives_unchanged(warp: Warp) -> None:
    odd: dict[str, Any] = {"keystore_password": ODD, "private_key_password": ODD[::-1]}
    subject = certificates.DistinguishedName(common_name=ODD)
    name, store = certificate_name("client"), store_name("client")
    for request in (
        service.CreateCertificateRequest(
            parent=PROVIDER, certificate_id="client", subject=subject, replace=True, **odd
        ),
        service.ImportCertificateRequest(name=name, keystore=FILE, file_password=ODD * 2, replace=True, **odd),
        service.GetCertificateSigningRequestRequest(name=name, **odd),
        service.GetTrustedAuthorityRequest(name=f"{store}/authorities/{encode_segment(ODD)}"),
    ):
        await failure_of(call(warp.gateway, type(request).__name__.removesuffix("Request"), request))
    create, imported, csr, show = await warp.sent()

    document = create.json["certificate"]
    assert [document[name] for name in ("CN", "password", "privateKeyPassword")] == [ODD, ODD, ODD[::-1]]
    fields = {part.name: part.content.decode() for part in imported.parts[:3]}
    assert fields == {"filePassword": ODD * 2, "password": ODD, "privateKeyPassword": ODD[::-1]}
    assert {part.media_type for part in imported.parts[:3]} == {"text/plain; charset=UTF-8"}
    assert csr.form == [("password", ODD), ("privateKeyPassword", ODD[::-1])]
    assert unquote(show.target, errors="strict") == f"{BASE}/client/ca/show?alias={ODD}"


async def test_certificate_with_unusual_passwords_works(warp: Warp) -> None:
    odd: dict[str, Any] = {"keystore_password": ODD, "private_key_password": ODD[::-1]}
    await warp.certificates.CreateCertificate(
        service.CreateCertificateRequest(parent=PROVIDER, certificate_id="client", subject=SUBJECT, **odd)
    )
    name = certificate_name("client")
    await warp.certificates.GetCertificateSigningRequest(service.GetCertificateSigningRequestRequest(name=name, **odd))
    assert (await warp.full("client", ODD)).subject.common_name == "subject"
    await warp.certificates.DeleteCertificate(service.DeleteCertificateRequest(name=name, keystore_password=ODD))
    assert not await warp.exists("client")
