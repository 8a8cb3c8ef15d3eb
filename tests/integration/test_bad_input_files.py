"""Malformed and hostile files, file names, and passwords in requests to upstreams."""

import base64
import re
from collections.abc import AsyncIterator, Callable

import pytest
from google.protobuf.message import Message

from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support import openssl
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.valid_requests import CERTIFICATES, call, upstream_targets, valid_request
from tests.support.wire import failure_of

INVALID = ("INVALID_ARGUMENT", "INVALID_REQUEST")
UNPARSABLE = ("INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE")
WWW = "providers/nhn-certs/certificates/www.example.com"
CLIENT = "providers/asteria/certificates/client"
STORE = "providers/asteria/trustStores/server"
MAXIMUM_UPLOAD = 512 * 1024


@pytest.fixture(autouse=True)
async def keeps_serving(quiet_stack: Stack) -> AsyncIterator[None]:
    yield
    assert (await call(quiet_stack.gateway, "CheckCertificate")).exists


@pytest.fixture(scope="module")
async def uploading(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway for Certificate Manager v1.0, which supports uploads."""
    settings = seeded_stack.settings(seeded_stack.provider(CERTIFICATES, api_version="v1.0"))
    async with Gateway(settings) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def key_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a PKCS#12 file with the password `changeit`."""
    folder = tmp_path_factory.mktemp("files")
    pair = openssl.OpensslAuthority(folder).issue("client")
    return openssl.pkcs12(pair, "changeit", folder / "client.p12").read_bytes()


def uploaded(body: dict[str, str]) -> bytes:
    return base64.b64decode(body["body_base64"])


async def test_upload_is_limited_to_512_kilobytes_before_the_upstream_call(
    quiet_stack: Stack, uploading: Gateway
) -> None:
    file = await uploading.certificates.DownloadCertificate(
        certificates.DownloadCertificateRequest(name=WWW, include_private_key=True)
    )
    text = file.content + file.private_key_pem.encode()
    content = b"#" * (MAXIMUM_UPLOAD - len(text) - 1) + b"\n" + text
    await quiet_stack.controls[CERTIFICATE_MANAGER].forget_requests()

    failure = await failure_of(
        uploading.certificates.UploadCertificate(
            certificates.UploadCertificateRequest(name=WWW, content=content + b"\n")
        )
    )
    assert failure.kind == ("INVALID_ARGUMENT", "FILE_TOO_LARGE")
    assert (failure.metadata["maximum_bytes"], failure.metadata["requested_bytes"]) == ("524288", "524289")
    assert [(violation.field, violation.reason) for violation in failure.violations] == [("content", "FILE_TOO_LARGE")]
    assert "524288" in failure.violations[0].description
    assert not await upstream_targets(quiet_stack)

    await uploading.certificates.UploadCertificate(certificates.UploadCertificateRequest(name=WWW, content=content))
    again = await uploading.certificates.DownloadCertificate(certificates.DownloadCertificateRequest(name=WWW))
    assert again.certificate_chain == file.certificate_chain


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n" * 10_000,
        b'--boundary\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--boundary--\r\n',
    ],
    ids=["empty", "zeros", "cut off", "no certificate in it", "10,000 boundaries", "a form"],
)
async def test_malformed_pem_is_rejected(quiet_stack: Stack, uploading: Gateway, content: bytes) -> None:
    request = certificates.UploadCertificateRequest(name=WWW, content=content)
    failure = await failure_of(uploading.certificates.UploadCertificate(request))
    if content:
        assert failure.kind == ("INVALID_ARGUMENT", "NOT_A_PEM_FILE")
    else:
        assert failure.kind == INVALID
        assert failure.fields == ["content"]
        assert not await upstream_targets(quiet_stack)


FILENAMES = ['"\r\nX: y', "a\nb", "a\0b", "../a.pem", "a/b.pem", "a\\b.pem", "..", ".", "a\x85b", "한" * 86, "a" * 256]


@pytest.mark.parametrize("filename", FILENAMES, ids=lambda name: repr(name[:20]))
async def test_file_name_with_a_path_is_rejected(quiet_stack: Stack, filename: str) -> None:
    requests: dict[str, list[Message]] = {
        "filename": [
            certificates.UploadCertificateRequest(name=WWW, content=b"x", filename=filename),
            certificates.ImportTrustedAuthorityRequest(parent=STORE, content=b"x", filename=filename),
            import_request(b"x", filename),
        ],
        "certificate_filename": [install_request(certificate_filename=filename)],
        "chain_filename": [install_request(chain_filename=filename)],
    }
    for field, each in requests.items():
        for request in each:
            method = type(request).__name__.removesuffix("Request")
            failure = await failure_of(call(quiet_stack.gateway, method, request))
            assert failure.kind == INVALID
            assert failure.fields == [field]
    assert not await upstream_targets(quiet_stack)


def import_request(
    content: bytes, filename: str = "", password: str = "changeit"
) -> certificates.ImportCertificateRequest:
    return certificates.ImportCertificateRequest(
        name=CLIENT,
        keystore=content,
        filename=filename,
        file_password="changeit",
        keystore_password=password,
        private_key_password=password,
        replace=True,
    )


def install_request(**fields: str) -> certificates.InstallSignedCertificateRequest:
    request: certificates.InstallSignedCertificateRequest = valid_request("InstallSignedCertificate")
    request.chain = b"x"
    for name, value in fields.items():
        setattr(request, name, value)
    return request


@pytest.mark.parametrize(
    ("filename", "quoted"),
    [
        ('a"b;c=d.pem', "a%22b;c=d.pem"),
        ("인증서.pem", "인증서.pem"),
        ("a b&c=d%0d.pem", "a b&c=d%0d.pem"),
        ('name="file"; x', "name=%22file%22; x"),
    ],
)
async def test_special_characters_in_a_file_name_are_quoted_in_the_header(
    quiet_stack: Stack, filename: str, quoted: str
) -> None:
    request = certificates.ImportTrustedAuthorityRequest(parent=STORE, content=b"x", filename=filename)
    assert (await failure_of(call(quiet_stack.gateway, "ImportTrustedAuthority", request))).kind == UNPARSABLE
    sent = uploaded((await quiet_stack.controls[ASTERIA].requests())[-1])
    head = sent.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[1:] == [
        f'Content-Disposition: form-data; name="caFile"; filename="{quoted}"',
        "Content-Type: text/plain",
    ]


BROKEN_STORES: dict[str, Callable[[bytes], bytes]] = {
    "cut off in the middle": lambda store: store[: len(store) // 2],
    "cut off at the end": lambda store: store[:-1],
    "a byte changed": lambda store: store[:200] + bytes([store[200] ^ 1]) + store[201:],
    "a JKS of garbage": lambda _: b"\xfe\xed\xfe\xed\0\0\0\2" + bytes(range(256)) * 10,
    "a JKS of four billion entries": lambda _: b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff" + b"\0" * 64,
    "a certificate in its place": lambda _: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "one byte": lambda _: b"0",
    "deep DER": lambda _: b"\x30\x80" * 50_000,
}


@pytest.mark.parametrize("case", BROKEN_STORES)
async def test_malformed_key_store_is_rejected_and_not_stored(quiet_stack: Stack, key_store: bytes, case: str) -> None:
    content = BROKEN_STORES[case](key_store)
    failure = await failure_of(call(quiet_stack.gateway, "ImportCertificate", import_request(content)))
    assert failure.kind in (UNPARSABLE, ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT"))
    check = certificates.CheckCertificateRequest(name=CLIENT)
    assert not (await call(quiet_stack.gateway, "CheckCertificate", check)).exists


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n",
        b"\x30\x80" * 100_000,
        b"\x30\x84\xff\xff\xff\xff" + b"\0" * 100,
        b"-----BEGIN PKCS7-----\n" + base64.b64encode(b"\x30" * 3_000_000) + b"\n-----END PKCS7-----\n",
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" * 100_000,
    ],
    ids=["no PKCS#7 in it", "deep", "a length of 4 GiB", "huge", "a million bytes of identifiers"],
)
async def test_hostile_authority_file_is_rejected(quiet_stack: Stack, content: bytes) -> None:
    before = await call(quiet_stack.gateway, "ListTrustedAuthorities")
    request = certificates.ImportTrustedAuthorityRequest(parent=STORE, content=content)
    assert (await failure_of(call(quiet_stack.gateway, "ImportTrustedAuthority", request))).kind == UNPARSABLE
    assert await call(quiet_stack.gateway, "ListTrustedAuthorities") == before


PASSWORDS = [
    "&password=other&x=",
    "100% + 1 = a;b",
    "two\r\nlines\r\n--boundary--\r\n",
    "비밀번호 여섯자",
    '"}, "password": "x',
    '\r\n--keyway-00000000000000000000000000000000\r\nContent-Disposition: form-data; name="x"\r\n\r\ny',
    "nul\0inside",
    " leading and trailing ",
]


@pytest.mark.parametrize("password", PASSWORDS, ids=lambda password: repr(password[:20]))
async def test_passwords_of_arbitrary_text_round_trip(quiet_stack: Stack, key_store: bytes, password: str) -> None:
    """In JSON (create), in forms (show, delete), and in multipart requests (import)."""
    service = quiet_stack.gateway.certificates
    created = await service.CreateCertificate(
        certificates.CreateCertificateRequest(
            parent="providers/asteria",
            certificate_id="client",
            subject=certificate_pb2.DistinguishedName(common_name="strange.example.com"),
            key_algorithm="EC",
            key_size=256,
            signature_algorithm="SHA256withECDSA",
            keystore_password=password,
            private_key_password=password,
            replace=True,
        )
    )
    assert created.certificate.fingerprints.sha1
    response = await service.GetCertificate(
        certificates.GetCertificateRequest(
            name=CLIENT, keystore_password=password, view=certificates.CERTIFICATE_VIEW_FULL
        )
    )
    assert response.certificate == created.certificate
    await service.ImportCertificate(import_request(key_store, password=password))
    await service.DeleteCertificate(certificates.DeleteCertificateRequest(name=CLIENT, keystore_password=password))


async def test_file_that_contains_a_multipart_boundary_is_sent_as_a_file(quiet_stack: Stack) -> None:
    await call(quiet_stack.gateway, "CheckCertificate")
    content = b'x\r\n--keyway-\r\nContent-Disposition: form-data; name="password"\r\n\r\nother\r\n--keyway---\r\n'
    failure = await failure_of(call(quiet_stack.gateway, "ImportCertificate", import_request(content)))
    assert failure.kind == UNPARSABLE
    sent = uploaded((await quiet_stack.controls[ASTERIA].requests())[-1])
    boundary = re.match(rb"--(keyway-[0-9a-f]{32})\r\n", sent)
    assert boundary is not None
    assert sent.count(boundary[1]) == 5
    assert content in sent
