"""Every certificate method, called by `buf curl` over reflection and checked by openssl.

Rows are independent: each row first creates its own test data with `buf curl`.
"""

from pathlib import Path
from typing import Final

import pytest

from gateway.contract.methods import METHODS, Method
from tests.support import openssl
from tests.support.asteria import Warp, as_openssl_reads
from tests.support.buf_caller import CLIENT, FULL_NAMES, PASSWORDS, WARP, BufCaller, decoded, encoded, row_of
from tests.support.certificate_manager import DirectCertificateUser, register
from tests.support.certificates import split
from tests.support.emulators.asteria import issue, pkcs12, self_signed
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.watching import POLLER, version_of

SERVER: Final = f"{WARP}/certificates/server"
TRUST: Final = f"{WARP}/trustStores/server"
SEEDED: Final = f"{TRUST}/authorities/0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01"
CERTS: Final = "providers/nhn-certs"
SITE: Final = f"{CERTS}/certificates/www.example.com"
OF_SEED: Final = {"keystorePassword": "changeit"}
NOT_FOUND: Final = 5 << 3  # the exit code of buf is eight times the status code
UNAVAILABLE: Final = 14 << 3


def public_key(pem: bytes) -> bytes:
    return openssl.run("x509", "-noout", "-pubkey", data=pem)


def sha1(pem: bytes) -> str:
    return str(as_openssl_reads(pem)["sha1"])


async def list_certificates(call: BufCaller) -> None:
    first = await call("ListCertificates", parent=CERTS, pageSize=4, state="CERTIFICATE_STATE_FILTER_ALL")
    rest = await call(
        "ListCertificates",
        parent=CERTS,
        pageSize=1000,
        state="CERTIFICATE_STATE_FILTER_ALL",
        pageToken=first["nextPageToken"],
    )
    listed = [certificate["name"] for page in (first, rest) for certificate in page["certificates"]]
    direct = [
        f"{CERTS}/certificates/{row['certificateName']}" for row in await DirectCertificateUser(call.stack).list()
    ]
    assert len(first["certificates"]) == 4
    assert sorted(listed) == sorted(direct)
    everywhere = await call("ListCertificates", parent="providers/-", pageSize=1000)
    assert {SERVER, SITE} <= {certificate["name"] for certificate in everywhere["certificates"]}


async def get_certificate(call: BufCaller) -> None:
    answer = await call("GetCertificate", name=SERVER, view="CERTIFICATE_VIEW_FULL", **OF_SEED)
    chain = (await call("DownloadCertificate", name=SERVER, **OF_SEED))["certificateChain"]
    read = as_openssl_reads(chain[0].encode())
    certificate = answer["certificate"]
    assert certificate["subject"]["text"] == read["subject"]
    assert certificate["serialNumber"] == read["serial_number"]
    assert certificate["fingerprints"]["sha1"] == read["sha1"]
    assert (await call("GetCertificate", name=SITE))["certificate"]["name"] == SITE


async def check_certificate(call: BufCaller) -> None:
    assert await call("CheckCertificate", name=SERVER) == {"exists": True}
    assert await call("CheckCertificate", name=CLIENT) == {}


async def create_certificate(call: BufCaller) -> None:
    created = await call.created()
    (leaf,) = await call.downloaded()
    read = as_openssl_reads(leaf)
    assert created["name"] == CLIENT
    assert created["subject"]["text"] == read["subject"] == "CN=made.example.com,O=株式会社,C=JP"
    assert created["fingerprints"]["sha1"] == read["sha1"]


async def delete_certificate(call: BufCaller) -> None:
    await call.created()
    assert await call("DeleteCertificate", name=CLIENT, keystorePassword=PASSWORDS["keystorePassword"]) == {}
    assert await call("CheckCertificate", name=CLIENT) == {}


async def upload_certificate(call: BufCaller) -> None:
    stack, name = call.stack, "buf.example.com"
    old, new = (self_signed(call.folder, part, subject=f"/CN={name}") for part in ("old", "new"))
    await register(stack.controls[CERTIFICATE_MANAGER], name, old.pem + old.key.read_bytes())
    file = new.pem + new.key.read_bytes()
    settings = stack.settings(stack.provider("nhn-certs", api_version="v1.0"))  # later versions do not support uploads
    async with Gateway(settings) as gateway:
        request = {"name": f"{CERTS}/certificates/{name}", "content": encoded(file)}
        answer = await call.through(gateway).call(FULL_NAMES["UploadCertificate"], request)
    assert answer.json() == {}
    assert await DirectCertificateUser(stack).file(name) == file


async def download_certificate(call: BufCaller) -> None:
    answer = await call("DownloadCertificate", name=SITE, includePrivateKey=True)
    file = await DirectCertificateUser(call.stack).file("www.example.com")
    leaf = answer["certificateChain"][0].encode()
    assert decoded(answer["content"]) == "".join(answer["certificateChain"]).encode()
    assert openssl.run("x509", data=file) == openssl.run("x509", data=leaf)
    assert public_key(leaf) == openssl.run("pkey", "-pubout", data=answer["privateKeyPem"].encode())
    der = await call("DownloadCertificate", name=SITE, format="CERTIFICATE_FORMAT_DER")
    assert openssl.run("x509", "-inform", "DER", data=decoded(der["content"])) == openssl.run("x509", data=leaf)


async def import_certificate(call: BufCaller) -> None:
    files = call.authority("Imported")
    answer = await call(
        "ImportCertificate",
        name=CLIENT,
        keystore=encoded(pkcs12(files, "file-secret")),
        filePassword="file-secret",
        **PASSWORDS,
    )
    assert answer["certificate"]["fingerprints"]["sha1"] == sha1(files.pem)
    (leaf,) = await call.downloaded()
    assert sha1(leaf) == sha1(files.pem)


async def get_certificate_signing_request(call: BufCaller) -> None:
    await call.created()
    answer = await call("GetCertificateSigningRequest", name=CLIENT, **PASSWORDS)
    csr = answer["csrPem"].encode()
    done = openssl.attempt("req", "-verify", "-noout", data=csr)
    assert (done.returncode, b"verify OK" in done.stdout + done.stderr) == (0, True)
    (leaf,) = await call.downloaded()
    assert openssl.run("req", "-noout", "-pubkey", data=csr) == public_key(leaf)


async def install_signed_certificate(call: BufCaller) -> None:
    await call.created()
    csr = (await call("GetCertificateSigningRequest", name=CLIENT, **PASSWORDS))["csrPem"].encode()
    root = call.authority()
    signed = issue(call.folder, "signed", csr, root).read_bytes()
    answer = await call(
        "InstallSignedCertificate", name=CLIENT, certificate=encoded(signed), chain=encoded(root.pem), **PASSWORDS
    )
    assert answer == {}
    assert list(map(sha1, await call.downloaded())) == [sha1(signed), sha1(root.pem)]


async def list_trusted_authorities(call: BufCaller) -> None:
    answer = await call("ListTrustedAuthorities", parent=TRUST)
    names = [authority["subject"]["commonName"] for authority in answer["authorities"]]
    assert names == ["Keyway Demo Client CA", "キーウェイ認証局"]


async def get_trusted_authority(call: BufCaller) -> None:
    authority = (await call("GetTrustedAuthority", name=SEEDED))["authority"]
    assert authority["name"] == SEEDED
    assert authority["subject"]["text"] == "CN=Keyway Demo Client CA,OU=Clients,O=Keyway Demo,C=JP"
    assert authority["keyUsage"] == {"keyCertSign": True, "crlSign": True}


async def import_trusted_authority(call: BufCaller) -> None:
    root = call.authority()
    (name,) = (await call("ImportTrustedAuthority", parent=TRUST, content=encoded(root.pem)))["imported"]
    authority = (await call("GetTrustedAuthority", name=f"{TRUST}/authorities/{name.rpartition('/')[2]}"))["authority"]
    assert authority["fingerprints"]["sha1"] == sha1(root.pem)


async def delete_trusted_authority(call: BufCaller) -> None:
    left = (await call("DeleteTrustedAuthority", name=SEEDED))["authorities"]
    assert [authority["subject"]["commonName"] for authority in left] == ["キーウェイ認証局"]
    assert await call.refused("GetTrustedAuthority", name=SEEDED) == NOT_FOUND


async def watch_certificates(call: BufCaller) -> None:
    """The stream has no end of its own. The gateway ends it at the maximum age, with UNAVAILABLE."""
    provider = call.stack.provider("nhn-certs", poller=POLLER)
    async with Gateway(call.stack.settings(provider, maximum_connection_age=5)) as gateway:
        request = {"parent": CERTS, "names": [SITE]}
        finished = await call.through(gateway).call(FULL_NAMES["WatchCertificates"], request)
    assert finished.code == UNAVAILABLE, finished
    file = await DirectCertificateUser(call.stack).file("www.example.com")
    for text in ("CERTIFICATE_EVENT_TYPE_CURRENT", "CERTIFICATE_EVENT_TYPE_SYNCED", version_of(split(file))):
        assert text.encode() in finished.output


OWN: Final = [method for method in METHODS if method.service == "keyway.v1.CertificateService"]


@pytest.fixture
def call(quiet_stack: Stack, warp: Warp, tmp_path: Path) -> BufCaller:
    """Return the stack after a reset of ASTERIA."""
    return BufCaller(quiet_stack, tmp_path)


@pytest.mark.parametrize("method", OWN, ids=lambda method: method.name)
async def test_method_has_its_effect(call: BufCaller, method: Method) -> None:
    await row_of(method, globals())(call)
