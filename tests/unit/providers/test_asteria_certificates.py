"""The certificates of an ASTERIA server: list, get, check."""

from datetime import UTC, datetime

import pytest
from google.type.date_pb2 import Date

from gateway.errors import GatewayError, MalformedResponse
from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.base.listing import ListWindow
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from tests.support.providers.asteria_messages import FINGERPRINTS, full
from tests.support.providers.asteria_samples import (
    BASE,
    CLIENT,
    PASSWORD,
    SERVER,
    a_call,
    assert_form,
    certificate,
    exist,
    failure,
    only,
    provider,
)
from tests.support.scripted_upstream import ScriptedUpstream


async def test_health_check_calls_exist_for_the_server_certificate(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(False))
    await asteria.check(a_call())
    assert (only(upstream).method, only(upstream).body) == ("GET", b"")


@pytest.mark.parametrize(
    ("state", "existing", "window", "found", "total"),
    [
        (service.CERTIFICATE_STATE_FILTER_UNEXPIRED, (True, True), (0, 50), ["server", "client"], 2),
        (service.CERTIFICATE_STATE_FILTER_ALL, (True, False), (0, 50), ["server"], 1),
        (service.CERTIFICATE_STATE_FILTER_ALL, (False, True), (0, 50), ["client"], 1),
        (service.CERTIFICATE_STATE_FILTER_UNSPECIFIED, (True, True), (1, 1), ["client"], 2),
        (service.CERTIFICATE_STATE_FILTER_UNSPECIFIED, (True, True), (5, 10), [], 2),
    ],
)
async def test_list_contains_existing_certificates(
    upstream: ScriptedUpstream,
    asteria: AsteriaProvider,
    *,
    state: service.CertificateStateFilter.ValueType,
    existing: tuple[bool, bool],
    window: tuple[int, int],
    found: list[str],
    total: int,
) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(existing[0]))
    upstream.answer("GET", f"{BASE}/client/exist", body=exist(existing[1]))
    page = await asteria.list_certificates(ListWindow(*window, state), a_call())
    assert list(page.certificates) == [
        certificates.Certificate(name=f"providers/asteria/certificates/{side}", display_name=side) for side in found
    ]
    assert page.total == total


async def test_expired_list_is_empty_without_a_request(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    window = ListWindow(0, 50, service.CERTIFICATE_STATE_FILTER_EXPIRED)
    page = await asteria.list_certificates(window, a_call())
    assert (list(page.certificates), page.total) == ([], 0)
    assert upstream.requests == []


async def test_list_fails_if_one_of_its_calls_fails(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(True))
    upstream.answer("GET", f"{BASE}/client/exist", status=500, body=failure(5102))
    with pytest.raises(GatewayError, match="certificates/client: the server had an internal error"):
        await asteria.list_certificates(ListWindow(0, 50, service.CERTIFICATE_STATE_FILTER_ALL), a_call())


@pytest.mark.parametrize("name", [SERVER, CLIENT])
async def test_full_view_has_all_fields(upstream: ScriptedUpstream, asteria: AsteriaProvider, name: str) -> None:
    side = name.rpartition("/")[2]
    upstream.answer("POST", f"{BASE}/{side}/show", body=certificate())
    response = await asteria.get_certificate(
        service.GetCertificateRequest(name=name, view=service.CERTIFICATE_VIEW_FULL, keystore_password=PASSWORD),
        a_call(),
    )
    assert_form(only(upstream), f"{BASE}/{side}/show", [("password", PASSWORD)])
    assert response.certificate == full(name)


async def test_basic_view_has_only_its_fields(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/server/show", body=certificate())
    response = await asteria.get_certificate(
        service.GetCertificateRequest(name=SERVER, keystore_password="short"), a_call()
    )
    assert response.certificate == certificates.Certificate(
        name=SERVER,
        display_name="server",
        authority="CaOrg",
        signature_algorithm="SHA1withRSA",
        expiration_date=Date(year=2013, month=4, day=13),
        state=certificates.CERTIFICATE_STATE_ACTIVE,
    )


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (datetime(2013, 4, 13, 14, 59, 59, tzinfo=UTC), certificates.CERTIFICATE_STATE_ACTIVE),
        (datetime(2013, 4, 13, 15, 0, 0, tzinfo=UTC), certificates.CERTIFICATE_STATE_EXPIRED),
    ],
)
async def test_certificate_expires_at_the_end_of_the_day_in_tokyo(
    upstream: ScriptedUpstream, now: datetime, state: certificates.CertificateState.ValueType
) -> None:
    upstream.answer("POST", f"{BASE}/server/show", body=certificate())
    async with provider(upstream, now=now) as adapter:
        request = service.GetCertificateRequest(name=SERVER, keystore_password="123456")
        assert (await adapter.get_certificate(request, a_call())).certificate.state == state


async def test_show_accepts_similar_formats(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    body = certificate(
        subject='CN="Example, Inc.", OU=a\\+b, C=JP',
        issuer={"cn": "CA", "O": ["One", "Two"], "C": None, "OU": ""},
        version=3,
        serialNumber=1378947413351,
        usage=None,
        chainInfo=None,
        fingerprintSha1="C0A3CE70BBA88A94D437D7753F4B7B8DD1F7D559",
        fingerprintMd5="",
        extra={"a": 1},
    )
    upstream.answer("POST", f"{BASE}/server/show", body=body)
    request = service.GetCertificateRequest(name=SERVER, view=service.CERTIFICATE_VIEW_FULL, keystore_password="123456")
    found = (await asteria.get_certificate(request, a_call())).certificate
    assert found.subject == certificates.DistinguishedName(
        common_name="Example, Inc.", organizational_unit="a+b", country="JP", text='CN="Example, Inc.", OU=a\\+b, C=JP'
    )
    assert found.issuer == certificates.DistinguishedName(
        common_name="CA", organization="One", text="CN=CA,O=One,O=Two"
    )
    assert (found.version, found.serial_number) == ("3", "1378947413351")
    assert not found.HasField("key_usage")
    assert (found.fingerprints.sha1, found.fingerprints.md5) == (FINGERPRINTS.sha1, "")
    assert list(found.chain) == []


@pytest.mark.parametrize(
    ("changes", "unreadable"),
    [
        ({"subject": None}, ["subject"]),
        ({"issuer": 7}, ["issuer"]),
        ({"subject": {"CN": {"a": 1}}}, ["subject"]),
        ({"notAfter": None}, ["not_after", "expiration_date"]),
        ({"notAfter": "2013-04-13"}, ["not_after", "expiration_date"]),
        ({"notBefore": "2013-02-30 00:00:00"}, ["not_before"]),
        ({"usage": "digitalSignature"}, ["key_usage"]),
        ({"usage": {"digitalSignature": 1}}, ["key_usage"]),
        ({"fingerprintSha1": "c0:a3"}, ["fingerprints"]),
        ({"fingerprintMd5": "xyz"}, ["fingerprints"]),
        ({"chainInfo": "CN=CA"}, ["chain"]),
        ({"version": [1]}, ["version"]),
        ({"usage": [], "chainInfo": None, "version": None}, []),
    ],
)
async def test_show_of_the_wrong_type_is_malformed(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, changes: dict[str, object], unreadable: list[str]
) -> None:
    upstream.answer("POST", f"{BASE}/server/show", body=certificate(**changes))
    request = service.GetCertificateRequest(name=SERVER, keystore_password="123456", view=service.CERTIFICATE_VIEW_FULL)
    found = (await asteria.get_certificate(request, a_call())).certificate
    assert list(found.unreadable_fields) == unreadable
    assert found.name == SERVER
    assert {name for name in ("subject", "issuer", "not_before", "not_after") if not found.HasField(name)} == {
        name for name in unreadable if name in ("subject", "issuer", "not_before", "not_after")
    }


async def test_show_without_any_required_field_is_malformed(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    upstream.answer(
        "POST", f"{BASE}/server/show", body={"result": {"status": "success", "data": {"certificate": {"version": "3"}}}}
    )
    with pytest.raises(MalformedResponse):
        await asteria.get_certificate(service.GetCertificateRequest(name=SERVER, keystore_password="123456"), a_call())


@pytest.mark.parametrize("exists", [True, False])
async def test_check_certificate_returns_whether_it_exists(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, exists: bool
) -> None:
    upstream.answer("GET", f"{BASE}/client/exist", body=exist(exists))
    response = await asteria.check_certificate(service.CheckCertificateRequest(name=CLIENT), a_call())
    assert response.exists is exists
    assert only(upstream).method == "GET"


async def test_certificate_with_another_name_does_not_exist(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    request = service.CheckCertificateRequest(name="providers/asteria/certificates/other")
    assert not (await asteria.check_certificate(request, a_call())).exists
    assert upstream.requests == []


@pytest.mark.parametrize(("usage", "stated"), [({"keyAgreement": False}, True), ({}, False), (None, False)])
async def test_usage_without_uses_differs_from_no_usage(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, usage: object, *, stated: bool
) -> None:
    upstream.answer("POST", f"{BASE}/server/show", body=certificate(usage=usage))
    request = service.GetCertificateRequest(name=SERVER, view=service.CERTIFICATE_VIEW_FULL, keystore_password="123456")
    found = (await asteria.get_certificate(request, a_call())).certificate
    assert found.HasField("key_usage") is stated
    assert not list(found.unreadable_fields)
