"""The list of Certificate Manager: windows over its pages, and get and check, which search the list."""

import unicodedata

import pytest
from google.type import date_pb2

from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS
from gateway.errors import CERTIFICATE_NOT_FOUND, GatewayError, MalformedResponse
from gateway.providers.base.listing import ListWindow
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from tests.support.providers.certificate_manager import (
    FIRST_PAGE,
    LIST,
    NAME,
    SUCCESS,
    Json,
    call,
    page,
    provider,
    query,
    row,
)
from tests.support.scripted_upstream import Body, ScriptedUpstream

UNEXPIRED = service.CERTIFICATE_STATE_FILTER_UNEXPIRED
ALL = service.CERTIFICATE_STATE_FILTER_ALL
FORMS = unicodedata.normalize("NFC", "한글"), unicodedata.normalize("NFD", "한글")

KOREAN_SAMPLE = """
{
    "header": {
        "resultCode": 0,
        "resultMessage": "success",
        "isSuccessful": true
    },
    "body": {
        "totalCount": 1,
        "totalPage": 1,
        "currentPage": 1,
        "pageSize": 10,
        "data": [
            {
                "certificateName": "test.nhn.com",
                "authority": "NHN",
                "signatureAlgorithm": "SHA256withRSA",
                "fileCreationDate": "2020-03-02",
                "expirationDate": "2021-03-25"
            }
        ]
    }
}
"""


async def test_list_matches_the_v1_0_sample() -> None:
    path = "/certmanager/v1.0/appkeys/app%2FKey%2B1/certificates"
    async with ScriptedUpstream() as upstream, provider(upstream, api_version="v1.0") as adapter:
        upstream.answer("GET", path, body=KOREAN_SAMPLE)
        found = await adapter.list_certificates(ListWindow(0, 10, ALL), call())
        assert upstream.requests[0].target == f"{path}?pageSize=10&pageNum=1&all=false&status=ALL"
        assert not {"X-TC-AUTHENTICATION-ID", "X-NHN-Authorization"} & set(upstream.requests[0].headers)
        assert upstream.requests[0].body == b""
    assert found.total == 1
    assert list(found.certificates) == [
        certificates.Certificate(
            name="providers/nhn/certificates/test.nhn.com",
            display_name="test.nhn.com",
            authority="NHN",
            signature_algorithm="SHA256withRSA",
            file_creation_date=date_pb2.Date(year=2020, month=3, day=2),
            expiration_date=date_pb2.Date(year=2021, month=3, day=25),
            state=certificates.CERTIFICATE_STATE_EXPIRED,
        )
    ]


async def test_list_row_of_later_versions_has_domains() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row()]))
        found = await adapter.list_certificates(ListWindow(0, 10, UNEXPIRED), call())
    assert list(found.certificates) == [
        certificates.Certificate(
            name=NAME,
            display_name="www.example.com",
            authority="NHN",
            domains=["www.example.com", "*.example.com"],
            signature_algorithm="SHA256withRSA",
            file_creation_date=date_pb2.Date(year=2025, month=3, day=2),
            expiration_date=date_pb2.Date(year=2999, month=3, day=25),
            state=certificates.CERTIFICATE_STATE_ACTIVE,
        )
    ]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (service.CERTIFICATE_STATE_FILTER_UNSPECIFIED, "UNEXPIRED"),
        (UNEXPIRED, "UNEXPIRED"),
        (service.CERTIFICATE_STATE_FILTER_EXPIRED, "EXPIRED"),
        (ALL, "ALL"),
    ],
)
async def test_state_filter_becomes_the_status_parameter(
    state: service.CertificateStateFilter.ValueType, status: str
) -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page())
        found = await adapter.list_certificates(ListWindow(0, 10, state), call())
        assert query(upstream.requests[0])["status"] == status
    assert (list(found.certificates), found.total) == ([], 0)


async def test_window_across_two_pages_takes_two_requests() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        names = [f"n{number}" for number in range(20)]
        upstream.answer("GET", LIST, body=page([row(name) for name in names[4:8]], number=2, size=4, total=20))
        upstream.answer("GET", LIST, body=page([row(name) for name in names[8:12]], number=3, size=4, total=20))
        found = await adapter.list_certificates(ListWindow(6, 4, ALL), call())
        requested = [(query(request)["pageNum"], query(request)["pageSize"]) for request in upstream.requests]
    assert requested == [("2", "4"), ("3", "4")]
    assert [item.display_name for item in found.certificates] == names[6:10]
    assert found.total == 20


async def test_list_accepts_similar_formats() -> None:
    """Such as counts as text, SUCCESS in capitals, unknown fields, and nulls for a certificate without a file."""
    rows = [row(authority=None, domains=None, signatureAlgorithm=None, fileCreationDate="", expirationDate=None, x=1)]
    body = page(rows, totalCount="1", pageSize=None, currentPage=None, data=rows)
    body["header"] = {"resultCode": "0", "resultMessage": "SUCCESS", "isSuccessful": "true", "more": [1]}
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, 500, headers={"Content-Type": "text/html"}, body=body)
        found = await adapter.list_certificates(ListWindow(0, 10, ALL), call())
    assert list(found.certificates) == [certificates.Certificate(name=NAME, display_name="www.example.com")]


async def test_empty_list_needs_no_data() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page(data=None))
        found = await adapter.list_certificates(ListWindow(0, 10, ALL), call())
        assert (list(found.certificates), found.total) == ([], 0)


@pytest.mark.parametrize("invalid", ["a/b", "", "..", "a\n", "a" * 998])
async def test_certificate_with_an_invalid_name_is_listed_without_a_resource_name(invalid: str) -> None:
    longest = "a" * 997
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row(invalid), row(longest), row()]))
        found = await adapter.list_certificates(ListWindow(0, 10, ALL), call())
    names = ["", f"providers/nhn/certificates/{longest}", NAME]
    assert len(names[1]) == MAXIMUM_NAME_CHARACTERS
    assert [item.name for item in found.certificates] == names
    assert [item.display_name for item in found.certificates] == [invalid, longest, "www.example.com"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b"<?xml version='1.0'?><a/>",
        b"[]",
        b"null",
        b'{"header": {"isSuccessful": true}',
        b"\xff\xfe",
        {},
        {"header": None, "body": {}},
        {"header": {"resultCode": 0}, "body": {}},
        {"header": SUCCESS},
        {"header": SUCCESS, "body": None},
        {"header": SUCCESS, "body": []},
        {"header": SUCCESS, "body": {}},
        page(data=None, total=3),
        page(data={}),
        page(["text"]),
        page([{}]),
        page([row(certificateName=7)]),
        page(totalCount=-1),
        page(totalCount="many"),
        page(pageSize=-1),
    ],
    ids=str,
)
async def test_unreadable_success_is_malformed(body: Body) -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=body)
        with pytest.raises(MalformedResponse) as caught:
            await adapter.list_certificates(ListWindow(0, 10, ALL), call())
    assert caught.value.http_status == 200
    assert caught.value.metadata == {"provider": "nhn", "http_status": "200"}


@pytest.mark.parametrize(
    ("odd", "unreadable"),
    [
        (row(expirationDate="soon"), ["expiration_date"]),
        (row(expirationDate=20260325), ["expiration_date"]),
        (row(fileCreationDate="2026-02-30"), ["file_creation_date"]),
        (row(domains="a"), ["domains"]),
        (row(domains=[None]), ["domains"]),
        (row(authority={}), ["authority"]),
        (row(certificateName=7), ["display_name"]),
        ({}, ["display_name"]),
        ("text", ["display_name"]),
        (None, ["display_name"]),
        (row(domains=None, authority=None, expirationDate=None), []),
        (row(domains={}), []),
    ],
    ids=str,
)
async def test_an_odd_row_does_not_fail_the_list(odd: object, unreadable: list[str]) -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row(certificateName="a.example.com"), odd], total=2))
        first, second = (await adapter.list_certificates(ListWindow(0, 10, ALL), call())).certificates
    assert (first.display_name, list(first.unreadable_fields)) == ("a.example.com", [])
    assert list(second.unreadable_fields) == unreadable
    assert second.name == ("" if "display_name" in unreadable else "providers/nhn/certificates/www.example.com")


async def test_truncated_response_is_malformed() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row()]), cut_after=30)
        with pytest.raises(MalformedResponse):
            await adapter.list_certificates(ListWindow(0, 10, ALL), call())


async def test_pages_that_do_not_cover_the_window_are_malformed() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row()] * 10, number=1, size=10, total=100))
        with pytest.raises(MalformedResponse, match="do not cover the requested rows"):
            await adapter.list_certificates(ListWindow(50, 10, ALL), call())


async def get(body: Json, name: str = NAME) -> service.GetCertificateResponse:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=body)
        try:
            return await adapter.get_certificate(service.GetCertificateRequest(name=name), call())
        finally:
            assert [request.target for request in upstream.requests] == [FIRST_PAGE]


async def test_get_finds_expired_certificates() -> None:
    answer = await get(page([row("other"), row(expirationDate="2001-02-03")]))
    assert answer.certificate.name == NAME
    assert answer.certificate.state == certificates.CERTIFICATE_STATE_EXPIRED
    assert not answer.certificate.HasField("subject")


async def test_get_of_a_missing_certificate_is_not_found() -> None:
    with pytest.raises(GatewayError) as caught:
        await get(page([row("WWW.example.com"), row("www.example.com.")]))
    assert caught.value.kind == CERTIFICATE_NOT_FOUND
    assert caught.value.resource == NAME
    assert caught.value.metadata == {"provider": "nhn"}
    assert NAME in caught.value.message


@pytest.mark.parametrize(("listed", "requested"), [FORMS, FORMS[::-1]])
async def test_another_unicode_form_is_not_found(listed: str, requested: str) -> None:
    """Policy decides about the requested form, so no other form is returned."""
    with pytest.raises(GatewayError) as caught:
        await get(page([row(listed)]), f"providers/nhn/certificates/{requested}")
    assert caught.value.kind == CERTIFICATE_NOT_FOUND


async def test_two_unicode_forms_are_two_certificates() -> None:
    rows = [row(name, authority=str(number)) for number, name in enumerate(FORMS)]
    for number, name in enumerate(FORMS):
        answer = await get(page(rows), f"providers/nhn/certificates/{name}")
        assert answer.certificate.authority == str(number)


@pytest.mark.parametrize(("listed", "exists"), [("www.example.com", True), ("example.com", False)])
async def test_check_searches_the_list(listed: str, exists: bool) -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row(listed)]))
        answer = await adapter.check_certificate(service.CheckCertificateRequest(name=NAME), call())
        assert upstream.requests[0].target == FIRST_PAGE
    assert answer.exists is exists


async def test_health_check_lists_one_row() -> None:
    async with ScriptedUpstream() as upstream, provider(upstream) as adapter:
        upstream.answer("GET", LIST, body=page([row()], size=1, total=9))
        await adapter.check(call())
        assert upstream.requests[0].target == f"{LIST}?pageSize=1&pageNum=1&all=false&status=ALL"
        upstream.answer("GET", LIST, body=b"")
        with pytest.raises(MalformedResponse):
            await adapter.check(call())
