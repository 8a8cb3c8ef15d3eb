"""Every call of the ASTERIA adapter: the exact request, and the message made of the vendor's sample answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2
from google.type.date_pb2 import Date

from gateway.errors import GatewayError, InvalidRequest, MalformedResponse
from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.capabilities import (
    CertificateDownload,
    CertificateInventory,
    CertificateUpload,
    KeyOperations,
    KeystoreAdministration,
    ListWindow,
    TrustStores,
)
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from keyway.v1 import trusted_authority_pb2 as trust
from tests.support.scripted_upstream import ReceivedRequest, ScriptedUpstream
from tests.unit.providers.asteria_samples import (
    BASE,
    CERTUM,
    CLIENT,
    NAME,
    OTHER,
    PASSWORD,
    SERVER,
    SERVER_STORE,
    SESSION_ID,
    a_call,
    authorities,
    certificate,
    exist,
    failure,
    parts,
    provider,
    success,
    zipped,
)

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
ALIAS = "7095ce58-629a-429a-b39f-fd702e342e6c"
SUBJECT = certificates.DistinguishedName(
    country="JP",
    state="StateName",
    locality="LocalityName",
    organization="OrganizationName",
    organizational_unit="UnitName",
    common_name="subject",
    text="CN=subject,OU=UnitName,O=OrganizationName,L=LocalityName,ST=StateName,C=JP",
)
ISSUER = certificates.DistinguishedName(
    country="JP",
    state="CaState",
    locality="CaCity",
    organization="CaOrg",
    organizational_unit="CaUnit",
    common_name="CA",
    text="CN=CA,OU=CaUnit,O=CaOrg,L=CaCity,ST=CaState,C=JP",
)
USAGE = certificates.KeyUsage(digital_signature=True, key_agreement=True, encipher_only=True)
FINGERPRINTS = certificates.Fingerprints(
    sha1="c0:a3:ce:70:bb:a8:8a:94:d4:37:d7:75:3f:4b:7b:8d:d1:f7:d5:59",
    md5="c8:30:64:3c:df:48:83:3c:15:fb:a0:04:6a:9c:61:61",
)


def moment(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString(text)
    return stamp


def full(name: str) -> certificates.Certificate:
    return certificates.Certificate(
        name=name,
        display_name=name.rpartition("/")[2],
        authority="CaOrg",
        signature_algorithm="SHA1withRSA",
        expiration_date=Date(year=2013, month=4, day=13),
        state=certificates.CERTIFICATE_STATE_ACTIVE,
        subject=SUBJECT,
        issuer=ISSUER,
        not_before=moment("2013-01-13T00:56:53Z"),
        not_after=moment("2013-04-13T00:56:53Z"),
        version="1",
        serial_number="1378947413351",
        key_usage=USAGE,
        fingerprints=FINGERPRINTS,
        chain=[ISSUER.text, ISSUER.text],
    )


CERTUM_AUTHORITY = trust.TrustedAuthority(
    name=f"{SERVER_STORE}/authorities/b6307f15-1c1d-48ff-a49c-e0c0b5709a5c0",
    alias="b6307f15-1c1d-48ff-a49c-e0c0b5709a5c0",
    subject=certificates.DistinguishedName(
        country="PL",
        organization="Unizeto Sp. z o.o.",
        common_name="Certum CA",
        text="CN=Certum CA,O=Unizeto Sp. z o.o.,C=PL",
    ),
    issuer=certificates.DistinguishedName(
        country="PL",
        organization="Unizeto Sp. z o.o.",
        common_name="Certum CA",
        text="CN=Certum CA,O=Unizeto Sp. z o.o.,C=PL",
    ),
    not_before=moment("2002-06-11T10:46:39Z"),
    not_after=moment("2027-06-11T10:46:39Z"),
)


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as server:
        yield server


@pytest.fixture
async def asteria(upstream: ScriptedUpstream) -> AsyncIterator[AsteriaProvider]:
    async with provider(upstream) as adapter:
        yield adapter


def only(upstream: ScriptedUpstream) -> ReceivedRequest:
    (request,) = upstream.requests
    assert request.headers["X-As-SessionId"] == SESSION_ID
    return request


def assert_form(request: ReceivedRequest, target: str, fields: list[tuple[str, str]]) -> None:
    assert (request.method, request.target) == ("POST", target)
    assert request.headers["Content-Type"] == FORM
    assert parse_qsl(request.body.decode("ascii"), keep_blank_values=True) == fields


def test_it_serves_everything_but_uploads_and_keys() -> None:
    served: list[type] = [CertificateInventory, CertificateDownload, KeystoreAdministration, TrustStores]
    others: list[type] = [CertificateUpload, KeyOperations]
    assert all(issubclass(AsteriaProvider, capability) for capability in served)
    assert not any(issubclass(AsteriaProvider, capability) for capability in others)


async def test_check_asks_whether_the_server_certificate_exists(
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
async def test_list_shows_what_exists(
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


async def test_nothing_is_listed_as_expired_and_nothing_asked(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    window = ListWindow(0, 50, service.CERTIFICATE_STATE_FILTER_EXPIRED)
    page = await asteria.list_certificates(window, a_call())
    assert (list(page.certificates), page.total) == ([], 0)
    assert upstream.requests == []


async def test_a_list_fails_with_the_error_of_either_call(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(True))
    upstream.answer("GET", f"{BASE}/client/exist", status=500, body=failure(5102))
    with pytest.raises(GatewayError, match="certificates/client: the server failed internally"):
        await asteria.list_certificates(ListWindow(0, 50, service.CERTIFICATE_STATE_FILTER_ALL), a_call())


@pytest.mark.parametrize("name", [SERVER, CLIENT])
async def test_get_full(upstream: ScriptedUpstream, asteria: AsteriaProvider, name: str) -> None:
    side = name.rpartition("/")[2]
    upstream.answer("POST", f"{BASE}/{side}/show", body=certificate())
    response = await asteria.get_certificate(
        service.GetCertificateRequest(name=name, view=service.CERTIFICATE_VIEW_FULL, keystore_password=PASSWORD),
        a_call(),
    )
    assert_form(only(upstream), f"{BASE}/{side}/show", [("password", PASSWORD)])
    assert response.certificate == full(name)


async def test_get_basic_leaves_the_rest_out(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
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
async def test_it_expires_at_the_end_of_the_day_in_tokyo(
    upstream: ScriptedUpstream, now: datetime, state: certificates.CertificateState.ValueType
) -> None:
    upstream.answer("POST", f"{BASE}/server/show", body=certificate())
    async with provider(upstream, now=now) as adapter:
        request = service.GetCertificateRequest(name=SERVER, keystore_password="123456")
        assert (await adapter.get_certificate(request, a_call())).certificate.state == state


async def test_show_as_other_servers_may_write_it(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
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
    "changes",
    [
        {"subject": None},
        {"issuer": 7},
        {"subject": {"CN": {"a": 1}}},
        {"notAfter": None},
        {"notAfter": "2013-04-13"},
        {"notBefore": "2013-02-30 00:00:00"},
        {"usage": "digitalSignature"},
        {"usage": {"digitalSignature": 1}},
        {"fingerprintSha1": "c0:a3"},
        {"fingerprintMd5": "xyz"},
        {"chainInfo": "CN=CA"},
        {"version": [1]},
    ],
)
async def test_show_of_the_wrong_shape(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, changes: dict[str, object]
) -> None:
    upstream.answer("POST", f"{BASE}/server/show", body=certificate(**changes))
    request = service.GetCertificateRequest(name=SERVER, keystore_password="123456")
    with pytest.raises(MalformedResponse):
        await asteria.get_certificate(request, a_call())


@pytest.mark.parametrize("exists", [True, False])
async def test_check_certificate(upstream: ScriptedUpstream, asteria: AsteriaProvider, exists: bool) -> None:
    upstream.answer("GET", f"{BASE}/client/exist", body=exist(exists))
    response = await asteria.check_certificate(service.CheckCertificateRequest(name=CLIENT), a_call())
    assert response.exists is exists
    assert only(upstream).method == "GET"


async def test_another_name_than_the_two_does_not_exist(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    request = service.CheckCertificateRequest(name="providers/asteria/certificates/other")
    assert not (await asteria.check_certificate(request, a_call())).exists
    assert upstream.requests == []


def create_request(**changes: object) -> service.CreateCertificateRequest:
    values: dict[str, object] = {
        "parent": "providers/asteria",
        "certificate_id": "server",
        "subject": certificates.DistinguishedName(common_name='한글 "é"', text="CN=ignored"),
        "keystore_password": PASSWORD,
        "private_key_password": "987654",
    }
    return service.CreateCertificateRequest(**{**values, **changes})  # type: ignore[arg-type] # as given by tests


async def test_create_with_defaults(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
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


async def test_create_as_in_the_sample(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
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
    create = upstream.requests[0]  # with `replace` nobody asks whether it exists
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


async def test_create_over_what_exists(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(True))
    with pytest.raises(GatewayError) as raised:
        await asteria.create_certificate(create_request(), a_call())
    assert raised.value.outcome.code == code_pb2.ALREADY_EXISTS
    assert raised.value.resource == SERVER


@pytest.mark.parametrize("show", [(500, failure(5304)), (200, b"{"), (200, certificate(notAfter="soon"))])
async def test_created_and_then_not_readable(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, show: tuple[int, bytes]
) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(False))
    upstream.answer("POST", f"{BASE}/server/create", body=success())
    upstream.answer("POST", f"{BASE}/server/show", status=show[0], body=show[1])
    response = await asteria.create_certificate(create_request(), a_call())
    assert response.certificate == certificates.Certificate(
        name=SERVER, subject=certificates.DistinguishedName(common_name='한글 "é"')
    )


async def test_create_that_fails_is_an_error(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(False))
    upstream.answer("POST", f"{BASE}/server/create", status=500, body=failure("5309"))
    with pytest.raises(GatewayError) as raised:
        await asteria.create_certificate(create_request(), a_call())
    assert raised.value.outcome.reason == reasons.ERROR_REASON_PROVIDER_KEY_GENERATION


async def test_delete(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
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
async def test_import(
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
    asked = upstream.requests[1]
    assert asked.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert asked.headers["Content-Type"].endswith("; charset=UTF-8")
    fields = [
        (part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True)) for part in parts(asked)
    ]
    assert fields == [
        ("filePassword", b""),
        ("password", PASSWORD.encode()),
        ("privateKeyPassword", b"zyxwvu"),
        ("filedata", keystore),
    ]
    assert parts(asked)[3].get_filename() == sent


async def test_import_over_what_exists(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    request = service.ImportCertificateRequest(
        name=SERVER, keystore=b"0", keystore_password="123456", private_key_password="123456"
    )
    upstream.answer("GET", f"{BASE}/server/exist", body=exist(True))
    with pytest.raises(GatewayError) as raised:
        await asteria.import_certificate(request, a_call())
    assert raised.value.outcome.code == code_pb2.ALREADY_EXISTS
    request.replace = True
    upstream.answer("POST", f"{BASE}/server/import", body=certificate())
    assert (await asteria.import_certificate(request, a_call())).certificate == full(SERVER)


@pytest.mark.parametrize("sent", ["PEM", "NEW PEM", "DER"])
async def test_signing_request(upstream: ScriptedUpstream, asteria: AsteriaProvider, sent: str) -> None:
    pem = SIGNING_REQUEST.public_bytes(Encoding.PEM)
    content = {
        "PEM": pem,
        "NEW PEM": pem.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
        "DER": SIGNING_REQUEST.public_bytes(Encoding.DER),
    }[sent]
    upstream.answer(
        "POST",
        f"{BASE}/server/csr/download",
        headers={"Content-Type": "application/zip", "Content-Disposition": 'filename="csr.zip"'},
        body=zipped(server__csr=content),
    )
    response = await asteria.get_certificate_signing_request(
        service.GetCertificateSigningRequestRequest(
            name=SERVER, keystore_password="123456", private_key_password="abcdef"
        ),
        a_call(),
    )
    assert_form(
        only(upstream), f"{BASE}/server/csr/download", [("password", "123456"), ("privateKeyPassword", "abcdef")]
    )
    assert only(upstream).body == b"password=123456&privateKeyPassword=abcdef"
    assert response == service.GetCertificateSigningRequestResponse(
        csr_pem=pem.decode(), filename="server.csr", content=content
    )


@pytest.mark.parametrize("with_chain", [False, True])
async def test_install(upstream: ScriptedUpstream, asteria: AsteriaProvider, with_chain: bool) -> None:
    upstream.answer("POST", f"{BASE}/client/csr/response/upload", body=success())
    chain = pkcs7.serialize_certificates([AUTHORITY], Encoding.DER) if with_chain else b""
    leaf = LEAF.public_bytes(Encoding.PEM)
    await asteria.install_signed_certificate(
        service.InstallSignedCertificateRequest(
            name=CLIENT,
            certificate=leaf,
            chain=chain,
            chain_filename="" if with_chain else "ignored",
            keystore_password="short",
            private_key_password="p",
        ),
        a_call(),
    )
    sent = [
        (part.get_param("name", header="Content-Disposition"), part.get_filename(), part.get_payload(decode=True))
        for part in parts(only(upstream))
    ]
    expected = [
        ("password", None, b"short"),
        ("privateKeyPassword", None, b"p"),
        ("certFile", "certificate.pem", leaf),
        ("chainFile", "chain.p7b", chain),
    ]
    assert sent == expected[: 4 if with_chain else 3]
    assert parts(only(upstream))[2].get_content_type() == "text/plain"


EXPORTS = [
    (service.CERTIFICATE_FORMAT_UNSPECIFIED, "X509", "PEM", "certs.pem", "application/pem-certificate-chain"),
    (service.CERTIFICATE_FORMAT_PEM, "X509", "PEM", "certs.pem", "application/pem-certificate-chain"),
    (service.CERTIFICATE_FORMAT_DER, "X509", "DER", "certs.der", "application/pkix-cert"),
    (service.CERTIFICATE_FORMAT_PKCS7_PEM, "PKCS7", "PEM", "server.p7b", "application/x-pkcs7-certificates"),
    (service.CERTIFICATE_FORMAT_PKCS7_DER, "PKCS7", "DER", "server.p7b", "application/x-pkcs7-certificates"),
]


@pytest.mark.parametrize(("form", "output", "data", "filename", "media_type"), EXPORTS)
async def test_download(
    upstream: ScriptedUpstream,
    asteria: AsteriaProvider,
    *,
    form: service.CertificateFormat.ValueType,
    output: str,
    data: str,
    filename: str,
    media_type: str,
) -> None:
    encoding = Encoding.PEM if data == "PEM" else Encoding.DER
    if output == "X509":  # a file for each certificate, the authority first
        body = zipped(ca__cer=AUTHORITY.public_bytes(encoding), leaf__cer=LEAF.public_bytes(encoding))
    else:
        body = zipped(server__p7b=pkcs7.serialize_certificates([AUTHORITY, LEAF], encoding))
    upstream.answer("POST", f"{BASE}/server/export", headers={"Content-Disposition": 'filename="certs.zip"'}, body=body)
    response = await asteria.download_certificate(
        service.DownloadCertificateRequest(name=SERVER, format=form, keystore_password="123456"), a_call()
    )
    assert only(upstream).body == f"password=123456&outputFormat={output}&dataFormat={data}".encode()
    chain = [LEAF.public_bytes(Encoding.PEM).decode(), AUTHORITY.public_bytes(Encoding.PEM).decode()]
    assert list(response.certificate_chain) == chain
    assert (response.filename, response.media_type, response.private_key_pem) == (filename, media_type, "")
    if data == "PEM" and output == "X509":
        assert response.content.decode() == "".join(chain)
    elif output == "X509":
        assert response.content == LEAF.public_bytes(Encoding.DER)
    else:
        load = pkcs7.load_pem_pkcs7_certificates if data == "PEM" else pkcs7.load_der_pkcs7_certificates
        assert set(load(response.content)) == {LEAF, AUTHORITY}


async def test_certificates_that_are_there_twice_come_once(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    leaf = LEAF.public_bytes(Encoding.PEM)
    upstream.answer("POST", f"{BASE}/client/export", body=zipped(a=leaf + leaf, b=leaf))
    response = await asteria.download_certificate(
        service.DownloadCertificateRequest(name=CLIENT, keystore_password="123456"), a_call()
    )
    assert response.content == leaf
    assert response.filename == "client.pem"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x03\x04 cut off",
        zipped(),
        zipped(readme__txt=b"no certificate"),
        zipped(a__pem=b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
        b"<html>maintenance</html>",
        b'{"result":{"status":"success","data":{}}}',
        b"-----BEGIN CERTIFICATE-----",
    ],
)
async def test_files_of_the_wrong_shape(upstream: ScriptedUpstream, asteria: AsteriaProvider, body: bytes) -> None:
    upstream.answer("POST", f"{BASE}/server/export", body=body)
    with pytest.raises(MalformedResponse):
        await asteria.download_certificate(
            service.DownloadCertificateRequest(name=SERVER, keystore_password="123456"), a_call()
        )
    upstream.answer("POST", f"{BASE}/server/csr/download", body=body)
    with pytest.raises(MalformedResponse):
        await asteria.get_certificate_signing_request(
            service.GetCertificateSigningRequestRequest(
                name=SERVER, keystore_password="123456", private_key_password="abcdef"
            ),
            a_call(),
        )


async def test_a_failure_instead_of_a_file(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/server/export", body=failure(2401))
    with pytest.raises(GatewayError) as raised:
        await asteria.download_certificate(
            service.DownloadCertificateRequest(name=SERVER, keystore_password="123456"), a_call()
        )
    assert raised.value.outcome.reason == reasons.ERROR_REASON_KEYSTORE_PASSWORD_INCORRECT


async def test_list_authorities(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    slash = {**OTHER, "alias": "a/b"}
    upstream.answer("GET", f"{BASE}/server/ca/list", body=authorities(CERTUM, OTHER, slash))
    request = service.ListTrustedAuthoritiesRequest(parent=SERVER_STORE)
    found = (await asteria.list_trusted_authorities(request, a_call())).authorities
    assert only(upstream).body == b""
    assert found[0] == CERTUM_AUTHORITY
    assert found[1].name == f"{SERVER_STORE}/authorities/{ALIAS}"
    assert (found[2].name, found[2].alias) == ("", "a/b")


@pytest.mark.parametrize(
    ("body", "count"),
    [(success(), 0), (authorities(), 0), (success({"certificate": CERTUM}), 1)],
)
async def test_lists_in_near_shapes(
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
        success({"certificate": ["CN=a"]}),
        success({"certificate": [{**CERTUM, "alias": None}]}),
    ],
)
async def test_lists_of_the_wrong_shape(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, body: dict[str, object]
) -> None:
    upstream.answer("GET", f"{BASE}/server/ca/list", body=body)
    with pytest.raises(MalformedResponse):
        await asteria.list_trusted_authorities(service.ListTrustedAuthoritiesRequest(parent=SERVER_STORE), a_call())


async def test_get_authority(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
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


async def test_import_authority(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
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


async def test_delete_authority(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/server/ca/delete", body=authorities(CERTUM))
    response = await asteria.delete_trusted_authority(
        service.DeleteTrustedAuthorityRequest(name=f"{SERVER_STORE}/authorities/te st"), a_call()
    )
    assert_form(only(upstream), f"{BASE}/server/ca/delete", [("alias", "te st")])
    assert list(response.authorities) == [CERTUM_AUTHORITY]


async def test_everything_that_the_server_would_refuse_is_said_at_once(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await asteria.create_certificate(
            create_request(certificate_id="other", keystore_password="12345", private_key_password="é"), a_call()
        )
    assert [(item.field, item.reason) for item in raised.value.violations] == [
        ("certificate_id", None),
        ("keystore_password", reasons.ERROR_REASON_PASSWORD_TOO_SHORT),
        ("private_key_password", reasons.ERROR_REASON_PASSWORD_TOO_SHORT),
    ]
    assert raised.value.violations[1].description == "must have at least 6 characters, and has 5"
    assert raised.value.outcome.reason == reasons.ERROR_REASON_INVALID_REQUEST
    with pytest.raises(InvalidRequest) as raised:
        await asteria.import_certificate(
            service.ImportCertificateRequest(
                name=SERVER, keystore=b"0", keystore_password="12345", private_key_password="123456"
            ),
            a_call(),
        )
    assert [item.field for item in raised.value.violations] == ["keystore_password"]
    assert upstream.requests == []


async def test_a_password_is_needed_to_look_inside(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await asteria.get_certificate(service.GetCertificateRequest(name=SERVER), a_call())
    assert [item.field for item in raised.value.violations] == ["keystore_password"]
    with pytest.raises(InvalidRequest):
        await asteria.download_certificate(service.DownloadCertificateRequest(name=SERVER), a_call())
    assert upstream.requests == []


async def test_private_keys_are_not_handed_out(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    with pytest.raises(GatewayError) as raised:
        await asteria.download_certificate(
            service.DownloadCertificateRequest(name=SERVER, include_private_key=True), a_call()
        )
    assert raised.value.outcome.code == code_pb2.UNIMPLEMENTED
    assert upstream.requests == []


async def test_names_that_there_can_not_be(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    certificate_name = "providers/asteria/certificates/Server"
    store = "providers/asteria/trustStores/other"
    calls = [
        asteria.get_certificate(service.GetCertificateRequest(name=certificate_name), a_call()),
        asteria.delete_certificate(service.DeleteCertificateRequest(name=certificate_name), a_call()),
        asteria.import_certificate(service.ImportCertificateRequest(name=certificate_name), a_call()),
        asteria.download_certificate(service.DownloadCertificateRequest(name=certificate_name), a_call()),
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
        reason = reasons.ERROR_REASON_CERTIFICATE_NOT_FOUND if index < 6 else reasons.ERROR_REASON_AUTHORITY_NOT_FOUND
        assert (raised.value.outcome.code, raised.value.outcome.reason) == (code_pb2.NOT_FOUND, reason)
        assert raised.value.resource is not None
    assert upstream.requests == []


KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY_KEY = ec.generate_private_key(ec.SECP256R1())


def signed(common_name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(AUTHORITY_KEY, hashes.SHA256())
    )


AUTHORITY = signed("CA", AUTHORITY_KEY, authority=True)
LEAF = signed("subject", KEY, authority=False)
SIGNING_REQUEST = x509.CertificateSigningRequestBuilder().subject_name(LEAF.subject).sign(KEY, hashes.SHA256())
