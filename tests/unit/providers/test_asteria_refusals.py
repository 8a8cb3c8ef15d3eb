"""Requests that the ASTERIA adapter rejects without contacting the server."""

import pytest
from google.rpc import code_pb2

from gateway.errors import GatewayError, InvalidRequest
from gateway.providers.asteria.adapter import AsteriaProvider
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support.providers.asteria_messages import create_request
from tests.support.providers.asteria_samples import BASE, SERVER, a_call, certificate, success
from tests.support.scripted_upstream import ScriptedUpstream


async def test_all_violations_are_reported_together(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await asteria.create_certificate(
            create_request(certificate_id="other", keystore_password="12345", private_key_password="é"), a_call()
        )
    assert [(item.field, item.reason) for item in raised.value.violations] == [
        ("certificate_id", None),
        ("keystore_password", reasons.ERROR_REASON_PASSWORD_TOO_SHORT),
        ("private_key_password", reasons.ERROR_REASON_PASSWORD_TOO_SHORT),
    ]
    assert raised.value.violations[1].description == "must have at least 6 characters, but has 5"
    assert raised.value.kind.reason == reasons.ERROR_REASON_INVALID_REQUEST
    with pytest.raises(InvalidRequest) as raised:
        await asteria.import_certificate(
            service.ImportCertificateRequest(
                name=SERVER, keystore=b"0", keystore_password="12345", private_key_password="123456"
            ),
            a_call(),
        )
    assert [item.field for item in raised.value.violations] == ["keystore_password"]
    assert upstream.requests == []


async def test_empty_password_is_rejected(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await asteria.get_certificate(service.GetCertificateRequest(name=SERVER), a_call())
    assert [item.field for item in raised.value.violations] == ["keystore_password"]
    with pytest.raises(InvalidRequest):
        await asteria.download_certificate(service.DownloadCertificateRequest(name=SERVER), a_call())
    assert upstream.requests == []


async def test_private_key_in_a_download_is_rejected(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    with pytest.raises(GatewayError) as raised:
        await asteria.download_certificate(
            service.DownloadCertificateRequest(name=SERVER, include_private_key=True), a_call()
        )
    assert raised.value.kind.code == code_pb2.UNIMPLEMENTED
    assert upstream.requests == []


async def test_name_that_cannot_exist_is_not_found(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    certificate_name = "providers/asteria/certificates/Server"
    store = "providers/asteria/trustStores/other"
    calls = [
        asteria.get_certificate(service.GetCertificateRequest(name=certificate_name), a_call()),
        asteria.delete_certificate(service.DeleteCertificateRequest(name=certificate_name), a_call()),
        asteria.import_certificate(service.ImportCertificateRequest(name=certificate_name), a_call()),
        asteria.download_certificate(service.DownloadCertificateRequest(name=certificate_name), a_call()),
        asteria.download_certificate(
            service.DownloadCertificateRequest(name=certificate_name, include_private_key=True), a_call()
        ),
        asteria.install_signed_certificate(service.InstallSignedCertificateRequest(name=certificate_name), a_call()),
        asteria.get_certificate_signing_request(
            service.GetCertificateSigningRequestRequest(name=certificate_name), a_call()
        ),
        asteria.list_trusted_authorities(service.ListTrustedAuthoritiesRequest(parent=store), a_call()),
        asteria.import_trusted_authority(service.ImportTrustedAuthorityRequest(parent=store), a_call()),
        asteria.get_trusted_authority(service.GetTrustedAuthorityRequest(name=f"{store}/authorities/a"), a_call()),
        asteria.delete_trusted_authority(
            service.DeleteTrustedAuthorityRequest(name=f"{store}/authorities/a"), a_call()
        ),
    ]
    for index, call in enumerate(calls):
        with pytest.raises(GatewayError) as raised:
            await call
        reason = reasons.ERROR_REASON_CERTIFICATE_NOT_FOUND if index < 7 else reasons.ERROR_REASON_AUTHORITY_NOT_FOUND
        assert (raised.value.kind.code, raised.value.kind.reason) == (code_pb2.NOT_FOUND, reason)
        assert raised.value.resource is not None
        missing = "certificate" if index < 7 else "trust store"
        assert f"only the {missing}s server and client" in raised.value.message
    assert upstream.requests == []


async def test_one_reason_for_all_violations_is_the_reason_of_the_call(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await asteria.create_certificate(create_request(keystore_password="12345"), a_call())
    assert raised.value.kind.reason == reasons.ERROR_REASON_PASSWORD_TOO_SHORT
    assert raised.value.metadata == {"provider": "asteria"}
    with pytest.raises(InvalidRequest) as raised:
        await asteria.get_certificate(service.GetCertificateRequest(name=SERVER), a_call())
    assert raised.value.kind.reason == reasons.ERROR_REASON_MISSING_PARAMETER
    assert not upstream.requests


@pytest.mark.parametrize(("password", "accepted"), [("🔑🔑🔑", True), ("🔑🔑x", False), ("한글한글한", False)])
async def test_password_length_is_counted_in_utf_16_units(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, password: str, *, accepted: bool
) -> None:
    request = create_request(keystore_password=password, replace=True)
    if accepted:
        upstream.answer("POST", f"{BASE}/server/create", body=success())
        upstream.answer("POST", f"{BASE}/server/show", body=certificate())
        await asteria.create_certificate(request, a_call())
    else:
        with pytest.raises(InvalidRequest, match="but has 5"):
            await asteria.create_certificate(request, a_call())
