"""Changes to the key stores of an ASTERIA server: create, delete, import."""

import pytest
from google.rpc import code_pb2

from gateway.errors import GatewayError
from gateway.providers.asteria.adapter import AsteriaProvider
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support.providers.asteria_messages import SUBJECT, create_request, full
from tests.support.providers.asteria_samples import (
    BASE,
    NAME,
    PASSWORD,
    SERVER,
    SESSION_ID,
    a_call,
    assert_form,
    certificate,
    exist,
    failure,
    only,
    parts,
    success,
)
from tests.support.scripted_upstream import ScriptedUpstream


async def test_create_sends_default_values(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(False))
    upstream.answer("POST", f"{BASE}/server/create", body=success())
    upstream.answer("POST", f"{BASE}/server/show", body=certificate())
    response = await asteria.create_certificate(create_request(), a_call())
    assert response.certificate == full(SERVER)
    _, create, show = upstream.requests
    assert create.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert create.headers["X-As-SessionId"] == SESSION_ID
    assert create.body.decode() == (
        '{"certificate":{"CN":"한글 \\"é\\"","password":"pass word&=é","privateKeyPassword":"987654","keySize":2048,'
        '"keyAlgorithm":"RSA","validPeriod":365,"signatureAlgorithm":"SHA256withRSA"}}'
    )
    assert_form(show, f"{BASE}/server/show", [("password", PASSWORD)])


async def test_create_sends_the_documented_sample(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/client/create", body=success())
    upstream.answer("POST", f"{BASE}/client/show", body=certificate())
    request = create_request(
        certificate_id="client",
        subject=SUBJECT,
        keystore_password="123456",
        private_key_password="123456",
        key_algorithm="RSA",
        key_size=1024,
        validity_days=30,
        signature_algorithm="md5WithRSAEncryption",
        replace=True,
    )
    await asteria.create_certificate(request, a_call())
    create = upstream.requests[0]  # with `replace`, there is no call of `exist`
    assert create.json() == {
        "certificate": {
            **NAME,
            "password": "123456",
            "privateKeyPassword": "123456",
            "keySize": 1024,
            "keyAlgorithm": "RSA",
            "validPeriod": 30,
            "signatureAlgorithm": "md5WithRSAEncryption",
        }
    }


async def test_create_of_an_existing_certificate_is_rejected(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(True))
    with pytest.raises(GatewayError) as raised:
        await asteria.create_certificate(create_request(), a_call())
    assert raised.value.kind.code == code_pb2.ALREADY_EXISTS
    assert raised.value.resource == SERVER


@pytest.mark.parametrize(
    "show", [(500, failure(5304)), (200, b"{"), (200, certificate(subject=7, issuer=7, notAfter="soon"))]
)
async def test_create_succeeds_if_the_new_certificate_is_unreadable(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, show: tuple[int, bytes]
) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(False))
    upstream.answer("POST", f"{BASE}/server/create", body=success())
    upstream.answer("POST", f"{BASE}/server/show", status=show[0], body=show[1])
    response = await asteria.create_certificate(create_request(), a_call())
    assert response.certificate == certificates.Certificate(
        name=SERVER, subject=certificates.DistinguishedName(common_name='한글 "é"')
    )


async def test_failed_create_is_an_error(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(False))
    upstream.answer("POST", f"{BASE}/server/create", status=500, body=failure("5309"))
    with pytest.raises(GatewayError) as raised:
        await asteria.create_certificate(create_request(), a_call())
    assert raised.value.kind.reason == reasons.ERROR_REASON_PROVIDER_KEY_GENERATION


async def test_delete_sends_the_password(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/server/delete", body=success())
    request = service.DeleteCertificateRequest(name=SERVER, keystore_password="123456")
    assert await asteria.delete_certificate(request, a_call()) == service.DeleteCertificateResponse()
    assert_form(only(upstream), f"{BASE}/server/delete", [("password", "123456")])
    assert len(only(upstream).body) == 15


@pytest.mark.parametrize(
    ("keystore", "given", "sent"),
    [
        (b"\x30\x82\x00\x01\r\n--x\x00", "", "keystore.p12"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "", "keystore.jks"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "mine.bin", "mine.bin"),
    ],
)
async def test_import_sends_the_keystore_with_a_file_name(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, keystore: bytes, given: str, sent: str
) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(False))
    upstream.answer("POST", f"{BASE}/server/import", body=certificate())
    request = service.ImportCertificateRequest(
        name=SERVER,
        keystore=keystore,
        filename=given,
        keystore_password=PASSWORD,
        private_key_password="zyxwvu",
    )
    response = await asteria.import_certificate(request, a_call())
    assert response.certificate == full(SERVER)
    received = upstream.requests[1]
    assert received.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert received.headers["Content-Type"].endswith("; charset=UTF-8")
    fields = [
        (part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True))
        for part in parts(received)
    ]
    assert fields == [
        ("filePassword", b""),
        ("password", PASSWORD.encode()),
        ("privateKeyPassword", b"zyxwvu"),
        ("filedata", keystore),
    ]
    assert parts(received)[3].get_filename() == sent


async def test_import_of_an_existing_certificate_requires_replace(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    request = service.ImportCertificateRequest(
        name=SERVER, keystore=b"0", keystore_password="123456", private_key_password="123456"
    )
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(True))
    with pytest.raises(GatewayError) as raised:
        await asteria.import_certificate(request, a_call())
    assert raised.value.kind.code == code_pb2.ALREADY_EXISTS
    request.replace = True
    upstream.answer("POST", f"{BASE}/server/import", body=certificate())
    assert (await asteria.import_certificate(request, a_call())).certificate == full(SERVER)


@pytest.mark.parametrize("data", [{}, {"certificate": None}])
async def test_import_without_a_certificate_in_the_response_succeeds(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, data: dict[str, object]
) -> None:
    request = service.ImportCertificateRequest(
        name=SERVER, keystore=b"0", keystore_password="123456", private_key_password="123456", replace=True
    )
    upstream.answer("POST", f"{BASE}/server/import", body=success(data))
    upstream.answer("POST", f"{BASE}/server/show", body=certificate())
    assert (await asteria.import_certificate(request, a_call())).certificate == full(SERVER)
    upstream.answer("POST", f"{BASE}/server/import", body=success(data))
    upstream.answer("POST", f"{BASE}/server/show", body=failure(5304))
    assert (await asteria.import_certificate(request, a_call())).certificate == certificates.Certificate(name=SERVER)
