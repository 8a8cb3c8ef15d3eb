"""A client of the ASTERIA emulator on real sockets, and keys, certificates, and key stores from openssl and keytool."""

import contextlib
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.emulators.asteria import AsteriaEmulator
from gateway.emulators.host import EmulatorHost, HostOptions
from tests.support.emulators.http_answer import HttpAnswer
from tests.support.programs import run

ADMINISTRATOR = ("/keyway", "keyway-demo")
DEVELOPER = ("/developer", "developer-demo")
OPERATOR = ("/operator", "operator-demo")
PASSWORDS = {"password": "store-secret", "privateKeyPassword": "key-secret"}
CREATE = {
    "C": "JP", "ST": "東京都", "O": "Keyway, Inc. + \"Co\"", "CN": "鍵.example.com",
    **PASSWORDS, "keySize": 256, "keyAlgorithm": "EC", "validPeriod": 30, "signatureAlgorithm": "SHA256withECDSA",
}  # fmt: skip


class AsteriaAnswer(HttpAnswer):
    """A response in the vendor envelope."""

    @property
    def data(self) -> Any:
        """The data of a successful response."""
        assert self.status == 200, self.content
        assert self.json["result"]["status"] == "success"
        assert set(self.json["result"]) == {"status", "data"}
        return self.json["result"]["data"]

    @property
    def certificate(self) -> Any:
        """The certificate or the list of certificates."""
        assert set(self.data) == {"certificate"}
        return self.data["certificate"]

    @property
    def failure(self) -> tuple[int, int | None]:
        """The HTTP status and the error code."""
        result = self.json["result"]
        assert result["status"] == "error"
        assert isinstance(result["message"], str)
        assert result["message"]
        return self.status, result.get("code")

    @property
    def files(self) -> dict[str, bytes]:
        """The files of a ZIP archive, in order."""
        assert self.status == 200, self.content
        assert self.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


class AsteriaUser:
    """A client of the vendor API of one running emulator."""

    def __init__(self, host: EmulatorHost, session: aiohttp.ClientSession) -> None:
        self.host = host
        self._session = session
        self.session_id = ""

    async def call(self, method: str, path: str, **arguments: Any) -> AsteriaAnswer:
        """Send a request below /mcapi with the session."""
        headers = {"X-As-SessionId": self.session_id} | arguments.pop("headers", {})
        return await AsteriaAnswer.to(
            self._session, method, f"{self.host.url}/mcapi/{path}", headers=headers, **arguments
        )

    async def get(self, function: str, **query: str) -> AsteriaAnswer:
        """Send a GET request to the module `certificate`."""
        return await self.call("GET", f"certificate/{function}", params=query)

    async def post(self, function: str, **fields: str) -> AsteriaAnswer:
        """Send a form to the module `certificate`."""
        return await self.call("POST", f"certificate/{function}", data=fields)

    async def upload(self, function: str, **fields: str | bytes) -> AsteriaAnswer:
        """Send a multipart request: text as text fields, bytes as files."""
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in fields.items():
            form.add_field(name, value, filename=f"{name}.bin" if isinstance(value, bytes) else None)
        return await self.call("POST", f"certificate/{function}", data=form)

    async def create(self, store: str = "server", /, **changes: object) -> AsteriaAnswer:
        """Call `create` with default values and these changes. `...` omits a field."""
        values = {name: value for name, value in (CREATE | changes).items() if value is not ...}
        return await self.call("POST", f"certificate/{store}/create", json={"certificate": values})

    async def log_in(self, user: tuple[str, str] = ADMINISTRATOR, /, **fields: str) -> AsteriaAnswer:
        """Log in, and use the session for later requests."""
        answer = await self.call("POST", "auth/login", data={"userName": user[0], "password": user[1]} | fields)
        self.session_id = answer.data["sessionId"]
        return answer

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call the control port."""
        async with self._session.request(method, self.host.control_url + path, json=body) as response:
            return response.status, await response.json()


@contextlib.asynccontextmanager
async def running(*, log_in: bool = True, state: Path | None = None) -> AsyncIterator[AsteriaUser]:
    """Run a seeded emulator; yield a client that is logged in as administrator."""
    async with EmulatorHost(AsteriaEmulator, HostOptions(state=state)) as host, aiohttp.ClientSession() as session:
        client = AsteriaUser(host, session)
        if log_in:
            await client.log_in()
        yield client


@dataclass(frozen=True)
class Files:
    """A key and its certificate on disk."""

    key: Path
    certificate: Path

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.read_bytes()

    @property
    def der(self) -> bytes:
        """The certificate."""
        return run("openssl", "x509", "-in", self.certificate, "-outform", "DER")


def new_key(path: Path, kind: str = "EC") -> Path:
    """Create a private key in PEM."""
    options = {"EC": "ec_paramgen_curve:P-256", "RSA": "rsa_keygen_bits:1024"}[kind]
    run("openssl", "genpkey", "-algorithm", kind, "-pkeyopt", options, "-out", path)
    return path


def self_signed(folder: Path, name: str, *options: str, kind: str = "EC", subject: str = "") -> Files:
    """Create a self-signed certificate, by default an authority."""
    files = Files(new_key(folder / f"{name}.key", kind), folder / f"{name}.crt")
    run(
        "openssl", "req", "-x509", "-key", files.key, "-out", files.certificate, "-utf8", "-days", "30",
        "-subj", subject or f"/C=JP/O=Test/CN={name}", *options,
    )  # fmt: skip
    return files


def issue(folder: Path, name: str, csr: bytes, issuer: Files, *, days: int = 20, authority: bool = False) -> Path:
    """Issue a certificate for a CSR."""
    request, certificate, extensions = (folder / f"{name}.{suffix}" for suffix in ("csr", "crt", "ext"))
    request.write_bytes(csr)
    usage = "keyCertSign,cRLSign" if authority else "digitalSignature,keyAgreement"
    extensions.write_text(f"basicConstraints=CA:{str(authority).upper()}\nkeyUsage={usage}\n")
    run(
        "openssl", "x509", "-req", "-in", request, "-out", certificate, "-CA", issuer.certificate,
        "-CAkey", issuer.key, "-CAcreateserial", "-days", str(days), "-extfile", extensions,
    )  # fmt: skip
    return certificate


def issued(folder: Path, name: str, issuer: Files, *, authority: bool = False, kind: str = "EC") -> Files:
    """Create a key with a certificate from the issuer."""
    key = new_key(folder / f"{name}.key", kind)
    csr = run("openssl", "req", "-new", "-key", key, "-utf8", "-subj", f"/C=JP/O=Test/CN={name}")
    return Files(key, issue(folder, name, csr, issuer, authority=authority))


def pkcs7(*certificates: Files, form: str = "PEM") -> bytes:
    """Return a PKCS#7 file of the certificates."""
    options = [part for each in certificates for part in ("-certfile", str(each.certificate))]
    return run("openssl", "crl2pkcs7", "-nocrl", "-outform", form, *options)


def pkcs12(files: Files, password: str, *options: str | Path) -> bytes:
    """Return a PKCS#12 file with the key."""
    return run(
        "openssl", "pkcs12", "-export", "-inkey", files.key, "-in", files.certificate,
        "-passout", f"pass:{password}", *options,
    )  # fmt: skip


def keytool(*options: str | Path) -> bytes:
    """Run keytool in a locale with ASCII output."""
    return run("keytool", "-J-Duser.language=en", "-J-XX:TieredStopAtLevel=1", *options)


def java_store(path: Path, password: str, *options: str, store_type: str = "JKS", key_password: str = "") -> Path:
    """Return a Java key store with a new key `x`."""
    keytool(
        "-genkeypair", "-alias", "x", "-keystore", path, "-storetype", store_type, "-storepass", password,
        "-keypass", key_password or password, "-dname", "CN=java.example.com,O=Test,C=JP", "-validity", "30", *options,
    )  # fmt: skip
    return path
