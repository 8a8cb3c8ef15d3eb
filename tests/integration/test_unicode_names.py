"""Names with several Unicode spellings: policy, methods, and audit records, over emulators that hold both spellings."""

import unicodedata
from pathlib import Path
from typing import Any

import grpc
import pytest

from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import key_service_pb2 as keys
from tests.support.authority import CertificateAuthority
from tests.support.certificate_manager import certificate, register
from tests.support.certificates import Pki, read_certificate
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Stack
from tests.support.trusted import CallerStubs, Trusted, record_of, request_id_of

NFC, NFD = (unicodedata.normalize(form, "인증서") for form in ("NFC", "NFD"))
MIXED = NFC[:2] + NFD[-2:]
ESCAPED = "".join(f"\\u{{{ord(character):x}}}" for character in NFD)
KEY_NFC, KEY_NFD = (unicodedata.normalize(form, "키é") for form in ("NFC", "NFD"))
KEY = "providers/nhn-keys/keys/"
AUTHORITY = "providers/asteria/trustStores/server/authorities/"
ALIASES = [unicodedata.normalize(form, "認証ガ") for form in ("NFC", "NFD")]

FORBIDS = {
    "exact": f'resource == Keyway::Certificate::"{certificate(NFC)}");',
    "exact in NFD": f'resource == Keyway::Certificate::"{certificate(NFD)}");',
    "exact in NFD, escaped": f'resource == Keyway::Certificate::"{certificate(ESCAPED)}");',
    "attribute": f'resource is Keyway::Certificate) when {{ resource.certificate == "{NFC}" }};',
    "prefix": f'resource is Keyway::Certificate) when {{ resource.certificate like "{NFC[:2]}*" }};',
    "prefix in NFD": f'resource is Keyway::Certificate) when {{ resource.name like "*/{NFD[:6]}*" }};',
}
READS: dict[str, Any] = {
    "GetCertificate": service.GetCertificateRequest(view=service.CERTIFICATE_VIEW_FULL),
    "CheckCertificate": service.CheckCertificateRequest(),
    "DownloadCertificate": service.DownloadCertificateRequest(include_private_key=True),
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
async def trusted(tmp_path: Path, stack: Stack) -> Trusted:
    return Trusted(tmp_path, stack)


def forbid(trusted: Trusted, resources: str) -> None:
    """Add a policy that forbids every action. resources: the rest of the policy, after the action."""
    with (trusted.folder / "policies.cedar").open("a") as file:
        file.write(f'\n@id("hidden") forbid (principal, action, {resources}\n')


async def issue(stack: Stack, pki: Pki, *names: str) -> dict[str, Any]:
    """Register certificates with different files. Return what openssl reads in each file."""
    found = {}
    for name in names:
        issued = pki.issue("leaf", f"/CN={name}", rsa=False)
        await register(stack.controls[CERTIFICATE_MANAGER], name, issued.file)
        found[name] = read_certificate(issued.chain).fingerprints
    await stack.controls[CERTIFICATE_MANAGER].forget_requests()
    return found


def read(caller: CallerStubs, method: str, name: str) -> Any:
    request = type(READS[method])()
    request.CopyFrom(READS[method])
    request.name = certificate(name)
    return getattr(caller.certificates, method)(request)


async def denied(call: Any) -> str:
    """Return the request ID of a call that policy denies."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    return request_id_of(caught.value.trailing_metadata())


class TestPolicy:
    @pytest.mark.parametrize("forbidden", FORBIDS.values(), ids=FORBIDS.keys())
    async def test_forbidden_certificate_is_denied_in_every_spelling(
        self, trusted: Trusted, stack: Stack, pki: Pki, forbidden: str
    ) -> None:
        await issue(stack, pki, NFC)
        forbid(trusted, forbidden)
        async with trusted.served() as address, trusted.caller(address) as caller:
            for method in READS:
                for name in (NFC, NFD, MIXED):
                    record = record_of(trusted.audit, await denied(read(caller, method, name)))
                    assert record["outcome"]["actor"]["authorizations"][0]["policy"] == {"uid": "hidden"}
        assert await stack.controls[CERTIFICATE_MANAGER].requests() == []

    async def test_forbidden_key_is_denied_in_every_spelling_and_alone_in_a_batch(
        self, trusted: Trusted, stack: Stack
    ) -> None:
        await stack.controls[KEY_MANAGER].seed({"symmetric_keys": [{"id": KEY_NFC}]})
        await stack.controls[KEY_MANAGER].forget_requests()
        forbid(trusted, f'resource in Keyway::Key::"{KEY}{KEY_NFC}");')
        names = [KEY + KEY_NFD, KEY + KEY_NFC, KEY + "orders-key"]
        async with trusted.served() as address, trusted.caller(address) as caller:
            for name in (*names[:2], f"{names[0]}/versions/0"):
                await denied(caller.keys.GetSymmetricKey(keys.GetSymmetricKeyRequest(name=name)))
            items = [keys.EncryptRequest(name=name, plaintext=b"x") for name in names]
            answer = await caller.keys.BatchEncrypt(keys.BatchEncryptRequest(requests=items))
        codes = [result.error.code for result in answer.results]
        assert codes == [grpc.StatusCode.PERMISSION_DENIED.value[0]] * 2 + [0]
        assert len(await stack.controls[KEY_MANAGER].requests()) == 1

    async def test_permit_in_nfd_permits_exactly_this_spelling(self, trusted: Trusted, stack: Stack, pki: Pki) -> None:
        await issue(stack, pki, NFC, NFD)
        name = certificate(NFD)
        (trusted.folder / "policies.cedar").write_text(
            f'permit (principal, action in Keyway::Action::"ReadMetadata", resource == Keyway::Certificate::"{name}");'
        )
        async with trusted.served() as address, trusted.caller(address) as caller:
            assert (await read(caller, "GetCertificate", NFD)).certificate.name == name
            await denied(read(caller, "GetCertificate", NFC))


class TestMethods:
    async def test_each_listed_certificate_is_accepted_unchanged_by_every_method(
        self, trusted: Trusted, stack: Stack, pki: Pki
    ) -> None:
        files = await issue(stack, pki, NFD, NFC)
        trusted.configuration["providers"] = [stack.provider("nhn-certs", api_version="v1.0")]
        async with trusted.served() as address, trusted.caller(address) as caller:
            request = service.ListCertificatesRequest(parent="providers/nhn-certs", page_size=1000)
            listed = (await caller.certificates.ListCertificates(request)).certificates
            found = {each.display_name: each.name for each in listed if each.display_name in files}
            assert found.keys() == files.keys()
            for display_name, name in found.items():
                shown = (await read(caller, "GetCertificate", display_name)).certificate
                assert (shown.name, shown.fingerprints) == (name, files[display_name])
                assert (await read(caller, "CheckCertificate", display_name)).exists
                content = (await read(caller, "DownloadCertificate", display_name)).certificate_chain[0].encode()
                assert read_certificate([content]).fingerprints == files[display_name]
                new = pki.issue("new", f"/CN={display_name}", rsa=False)
                await caller.certificates.UploadCertificate(
                    service.UploadCertificateRequest(name=name, content=new.file)
                )
                shown = (await read(caller, "GetCertificate", display_name)).certificate
                assert shown.fingerprints == read_certificate(new.chain).fingerprints

    @pytest.mark.parametrize(("held", "requested"), [(NFC, NFD), (NFD, NFC), (NFC, MIXED)])
    async def test_another_spelling_is_another_certificate(
        self, trusted: Trusted, stack: Stack, pki: Pki, held: str, requested: str
    ) -> None:
        await issue(stack, pki, held)
        async with trusted.served() as address, trusted.caller(address) as caller:
            assert not (await read(caller, "CheckCertificate", requested)).exists
            for method in ("GetCertificate", "DownloadCertificate"):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await read(caller, method, requested)
                assert caught.value.code() is grpc.StatusCode.NOT_FOUND

    async def test_each_listed_authority_is_accepted_unchanged(self, trusted: Trusted, stack: Stack) -> None:
        seeds = [{"alias": alias, "certificate_pem": CertificateAuthority().pem.decode()} for alias in ALIASES]
        await stack.controls[ASTERIA].seed({"authorities": {"server": seeds}})
        async with trusted.served() as address, trusted.caller(address) as caller:
            store = service.ListTrustedAuthoritiesRequest(parent=AUTHORITY.removesuffix("/authorities/"))
            listed = (await caller.certificates.ListTrustedAuthorities(store)).authorities
            names = [each.name for each in listed if each.alias in ALIASES]
            assert names == [AUTHORITY + alias for alias in ALIASES]
            for name in names:
                shown = await caller.certificates.GetTrustedAuthority(service.GetTrustedAuthorityRequest(name=name))
                assert shown.authority.name == name
            request = service.DeleteTrustedAuthorityRequest(name=names[1])
            remaining = (await caller.certificates.DeleteTrustedAuthority(request)).authorities
        assert names[0] in [each.name for each in remaining]
        assert names[1] not in [each.name for each in remaining]


class TestAudit:
    async def test_record_holds_the_name_as_requested_and_its_nfc_form(self, trusted: Trusted, stack: Stack) -> None:
        async with trusted.served() as address, trusted.caller(address) as caller:
            records = {}
            for name in (NFC, NFD):
                call = read(caller, "CheckCertificate", name)
                await call
                records[name] = record_of(trusted.audit, request_id_of(await call.trailing_metadata()))
        for event in records[NFD].values():
            (resource,) = event["resources"]
            assert (resource["name"], resource["uid"]) == (certificate(NFD), certificate(NFD))
            assert resource["uid_alt"] == certificate(NFC)
        for event in records[NFC].values():
            (resource,) = event["resources"]
            assert resource["name"] == certificate(NFC)
            assert "uid_alt" not in resource
