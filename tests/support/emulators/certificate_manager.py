"""A client of the Certificate Manager emulator on real sockets, and certificate files from openssl and keytool."""

import contextlib
import datetime as dt
import functools
import io
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from gateway.emulators.certificate_manager import CertificateManagerEmulator
from gateway.emulators.host import EmulatorHost, HostOptions
from tests.support.emulators.http_answer import HttpAnswer
from tests.support.programs import run

APP_KEY = "test-app-key"
SUBJECT = "/C=KR/O=Test Trust"


class CertificateManagerAnswer(HttpAnswer):
    """A response in the vendor envelope."""

    @property
    def code(self) -> int:
        """The result code in the envelope. Fails if the header fields contradict each other."""
        header = self.json["header"]
        assert set(header) == {"resultCode", "resultMessage", "isSuccessful"}
        assert header["isSuccessful"] is (header["resultCode"] == 0)
        return int(header["resultCode"])

    @property
    def message(self) -> str:
        """The message in the envelope."""
        return str(self.json["header"]["resultMessage"])

    @property
    def names(self) -> list[str]:
        """The certificate names in a list, in order."""
        return [entry["certificateName"] for entry in self.json["body"]["data"]]


class CertificateManagerUser:
    """A client of the vendor API of one running emulator."""

    def __init__(self, host: EmulatorHost, session: aiohttp.ClientSession) -> None:
        self.host = host
        self._session = session

    def url(self, path: str, version: str = "v1.0", app_key: str = APP_KEY) -> str:
        """Return a URL below the app key. `path` is sent unchanged."""
        return f"{self.host.url}/certmanager/{version}/appkeys/{app_key}{path}"

    async def call(self, method: str, url: str, **arguments: Any) -> CertificateManagerAnswer:
        """Send one request, and return the response."""
        return await CertificateManagerAnswer.to(self._session, method, URL(url, encoded="%" in url), **arguments)

    async def list(self, query: str = "", version: str = "v1.0", **arguments: Any) -> CertificateManagerAnswer:
        """Request the certificate list."""
        return await self.call("GET", self.url(f"/certificates{query}", version), **arguments)

    async def download(self, name: str, version: str = "v1.0", **arguments: Any) -> CertificateManagerAnswer:
        """Download the file of a certificate."""
        return await self.call("GET", self.url(f"/certificates/{name}/files", version), **arguments)

    async def upload(
        self, name: str, content: bytes, *, file_name: str = "cert.pem", field: str = "file"
    ) -> CertificateManagerAnswer:
        """Upload one file."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field(field, io.BytesIO(content), filename=file_name, content_type="application/octet-stream")
        return await self.call("POST", self.url(f"/certificates/{name}/files"), data=form)

    async def control(self, path: str, json: Any = None) -> CertificateManagerAnswer:
        """Send a POST request to the control port."""
        return await self.call("POST", f"{self.host.control_url}{path}", json=json)


@contextlib.asynccontextmanager
async def running(*certificates: Any, state: Path | None = None, **seed: Any) -> AsyncIterator[CertificateManagerUser]:
    """Run an emulator with only the given certificates. A name without facts is registered without a file."""
    host = EmulatorHost(CertificateManagerEmulator, HostOptions(state=state))
    await host.start(seed=False)
    async with aiohttp.ClientSession() as session:
        try:
            client = CertificateManagerUser(host, session)
            described = [
                described if isinstance(described, dict) else {"name": described} for described in certificates
            ]
            data = {
                "app_keys": [APP_KEY],
                "certificates": [{"app_key": APP_KEY, **certificate} for certificate in described],
                **seed,
            }
            answer = await client.control("/seed", data)
            assert answer.status == 200, answer.json
            yield client
        finally:
            await host.stop()


@contextlib.asynccontextmanager
async def running_default() -> AsyncIterator[CertificateManagerUser]:
    """Run an emulator with the default set."""
    async with EmulatorHost(CertificateManagerEmulator, HostOptions()) as host, aiohttp.ClientSession() as session:
        yield CertificateManagerUser(host, session)


@functools.cache
def pair(
    name: str,
    key: tuple[str, ...] = ("ec", "ec_paramgen_curve:P-256"),
    subject: str | None = None,
    domains: tuple[str, ...] = (),
    digest: str = "sha256",
) -> tuple[bytes, bytes]:
    """Return a self-signed openssl certificate, valid for 30 days, and its PKCS#8 key."""
    algorithm, *options = key
    arguments = [part for option in options for part in ("-pkeyopt", option)]
    if domains:
        arguments += ["-addext", "subjectAltName=" + ",".join(f"DNS:{domain}" for domain in domains)]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        run(
            "openssl", "req", "-x509", "-utf8", "-newkey", algorithm, *arguments, "-nodes", f"-{digest}",
            "-days", "30", "-subj", f"{SUBJECT}/CN={name}" if subject is None else subject,
            "-keyout", "key.pem", "-out", "cert.pem", folder=folder,
        )  # fmt: skip
        return (folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes()


def dated_file(name: str, start: dt.datetime, end: dt.datetime) -> bytes:
    """Return a certificate file with an exact validity, which openssl 3.0 cannot create."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name.from_rfc4514_string(f"CN={name},O=Test Trust")
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return certificate.public_bytes(pem) + key.private_bytes(pem, *form)


def pem_file(name: str, **options: Any) -> bytes:
    """Return a complete certificate file: certificate, then key."""
    return b"".join(pair(name, **options))


def seeded(name: str, content: bytes | str = "", file_name: str = "cert.pem") -> dict[str, Any]:
    """Return the seed data of a certificate with one file."""
    text = content.decode() if isinstance(content, bytes) else content
    return {"name": name, "files": [{"file_name": file_name, "content": text}]}


def day(offset: int) -> str:
    """Return a date relative to the current date in Seoul."""
    now = dt.datetime.now(dt.timezone(dt.timedelta(hours=9)))
    return (now.date() + dt.timedelta(days=offset)).isoformat()
