"""The trusted authorities of an ASTERIA server: list, get, import, delete."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import GatewayError, MalformedResponse
from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.asteria.status_table import AUTHORITY_NOT_FOUND
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import trusted_authority_pb2 as trust
from tests.support.providers.asteria_certificates import AUTHORITY
from tests.support.providers.asteria_messages import CERTUM_AUTHORITY, FINGERPRINTS, ISSUER, SUBJECT, USAGE, full
from tests.support.providers.asteria_samples import (
    BASE,
    CERTUM,
    OTHER,
    SERVER,
    SERVER_STORE,
    a_call,
    assert_form,
    authorities,
    certificate,
    failure,
    only,
    parts,
    success,
)
from tests.support.scripted_upstream import ScriptedUpstream

ALIAS = "7095ce58-629a-429a-b39f-fd702e342e6c"


async def test_list_returns_all_authorities(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    slash = {**OTHER, "alias": "a/b"}
    upstream.answer("GET", f"{BASE}/server/ca/list", body=authorities(CERTUM, OTHER, slash))
    request = service.ListTrustedAuthoritiesRequest(parent=SERVER_STORE)
    found = (await asteria.list_trusted_authorities(request, a_call())).authorities
    assert only(upstream).body == b""
    assert found[0] == CERTUM_AUTHORITY
    assert found[1].name == f"{SERVER_STORE}/authorities/{ALIAS}"
    assert (found[2].name, found[2].alias) == (f"{SERVER_STORE}/authorities/a%2Fb", "a/b")


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (success(), 0),
        (authorities(), 0),
        (success({"certificate": CERTUM}), 1),
        (success({"certificate": None}), 0),
        ({"result": {"status": "success", "data": []}}, 0),
        (success({"certificate": [CERTUM, None, {**CERTUM, "alias": None}, {**CERTUM, "notAfter": "soon"}]}), 4),
    ],
)
async def test_list_accepts_similar_formats(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, body: dict[str, object], count: int
) -> None:
    upstream.answer("GET", f"{BASE}/server/ca/list", body=body)
    request = service.ListTrustedAuthoritiesRequest(parent=SERVER_STORE)
    assert len((await asteria.list_trusted_authorities(request, a_call())).authorities) == count


@pytest.mark.parametrize(
    "body",
    [
        success({"certificates": []}),
        success({"certificate": "none"}),
        {"result": {"status": "success", "data": [{"certificate": CERTUM}]}},
        success({"certificate": ["CN=a"]}),
        success({"certificate": [{**CERTUM, "alias": None}]}),
    ],
)
async def test_list_of_the_wrong_type_is_malformed(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, body: dict[str, object]
) -> None:
    upstream.answer("GET", f"{BASE}/server/ca/list", body=body)
    with pytest.raises(MalformedResponse):
        await asteria.list_trusted_authorities(service.ListTrustedAuthoritiesRequest(parent=SERVER_STORE), a_call())


async def test_get_returns_all_fields_of_an_authority(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    name = f"{SERVER_STORE}/authorities/a b&c=é#"
    upstream.answer("GET", f"{BASE}/server/ca/show", body=certificate())
    response = await asteria.get_trusted_authority(service.GetTrustedAuthorityRequest(name=name), a_call())
    assert only(upstream).target == f"{BASE}/server/ca/show?alias=a%20b%26c%3D%C3%A9%23"
    whole = full(SERVER)
    assert response.authority == trust.TrustedAuthority(
        name=name,
        alias="a b&c=é#",
        subject=SUBJECT,
        issuer=ISSUER,
        not_before=whole.not_before,
        not_after=whole.not_after,
        signature_algorithm="SHA1withRSA",
        version="1",
        serial_number="1378947413351",
        key_usage=USAGE,
        fingerprints=FINGERPRINTS,
    )


async def test_import_returns_the_new_aliases(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("GET", f"{BASE}/server/ca/list", body=authorities(OTHER))
    upstream.answer("POST", f"{BASE}/server/ca/import", body=authorities(CERTUM, OTHER))
    content = AUTHORITY.public_bytes(Encoding.DER)
    response = await asteria.import_trusted_authority(
        service.ImportTrustedAuthorityRequest(parent=SERVER_STORE, content=content), a_call()
    )
    assert list(response.imported) == [CERTUM["alias"]]
    assert response.authorities[0] == CERTUM_AUTHORITY
    (part,) = parts(upstream.requests[1])
    assert part.get_param("name", header="Content-Disposition") == "caFile"
    assert (part.get_filename(), part.get_payload(decode=True)) == ("authority.der", content)


async def test_delete_returns_the_remaining_authorities(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/server/ca/delete", body=authorities(CERTUM))
    response = await asteria.delete_trusted_authority(
        service.DeleteTrustedAuthorityRequest(name=f"{SERVER_STORE}/authorities/te st"), a_call()
    )
    assert_form(only(upstream), f"{BASE}/server/ca/delete", [("alias", "te st")])
    assert list(response.authorities) == [CERTUM_AUTHORITY]


async def test_success_without_a_list_is_followed_by_a_list(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    upstream.answer("GET", f"{BASE}/server/ca/list", body=authorities())
    upstream.answer("POST", f"{BASE}/server/ca/import", body=success())
    upstream.answer("GET", f"{BASE}/server/ca/list", body=authorities(CERTUM))
    imported = await asteria.import_trusted_authority(
        service.ImportTrustedAuthorityRequest(parent=SERVER_STORE, content=b"x"), a_call()
    )
    assert list(imported.imported) == [CERTUM["alias"]]
    assert list(imported.authorities) == [CERTUM_AUTHORITY]
    upstream.answer("POST", f"{BASE}/server/ca/delete", body=success())
    upstream.answer("GET", f"{BASE}/server/ca/list", body=authorities(CERTUM))
    request = service.DeleteTrustedAuthorityRequest(name=f"{SERVER_STORE}/authorities/a")
    assert list((await asteria.delete_trusted_authority(request, a_call())).authorities) == [CERTUM_AUTHORITY]
    upstream.answer("POST", f"{BASE}/server/ca/delete", body=success())
    upstream.answer("GET", f"{BASE}/server/ca/list", body=failure(5102))
    assert not (await asteria.delete_trusted_authority(request, a_call())).authorities


@pytest.mark.parametrize("segment", ["a%2fb", "%61", "a%41", "%2E.", "%FF"])
async def test_each_alias_has_only_one_name(upstream: ScriptedUpstream, asteria: AsteriaProvider, segment: str) -> None:
    name = f"{SERVER_STORE}/authorities/{segment}"
    with pytest.raises(GatewayError) as raised:
        await asteria.delete_trusted_authority(service.DeleteTrustedAuthorityRequest(name=name), a_call())
    assert raised.value.kind == AUTHORITY_NOT_FOUND
    assert not upstream.requests
