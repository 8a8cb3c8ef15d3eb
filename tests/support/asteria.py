"""ASTERIA through the gateway: gRPC requests, HTTP requests that the emulator received, and openssl as the reader."""

import base64
import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import provider_service_pb2 as providers
from tests.support import openssl
from tests.support.stack import ASTERIA, ControlClient, Gateway, Stack
from tests.support.waiting import eventually

PROVIDER: Final = "providers/asteria"
SIDES: Final = ("server", "client")
PASSWORDS: Final[dict[str, Any]] = {"keystore_password": "store-secret", "private_key_password": "key-secret"}
STORE_PASSWORD: Final[dict[str, Any]] = {"keystore_password": PASSWORDS["keystore_password"]}
SEEDED: Final[dict[str, Any]] = {"keystore_password": "changeit"}
SUBJECT: Final = certificates.DistinguishedName(
    country="JP",
    state="東京都",
    locality="千代田区",
    organization='Keyway, Inc. + "Co"',
    organizational_unit="開発 部",
    common_name="鍵.example.com",
)
SUBJECT_TEXT: Final = 'CN=鍵.example.com,OU=開発 部,O=Keyway\\, Inc. \\+ \\"Co\\",L=千代田区,ST=東京都,C=JP'
"""The subject in the form that openssl prints."""

LOGIN: Final = "/mcapi/auth/login"
LOGOUT: Final = "/mcapi/auth/logout"
BASE: Final = "/mcapi/certificate"
SESSION: Final = "X-As-SessionId"


def certificate_name(side: str) -> str:
    return f"{PROVIDER}/certificates/{side}"


def store_name(side: str) -> str:
    return f"{PROVIDER}/trustStores/{side}"


def create_request(side: str = "client", **changes: Any) -> service.CreateCertificateRequest:
    """Return a request for a certificate with an elliptic-curve key, which is fast to generate."""
    values: dict[str, Any] = {
        "parent": PROVIDER,
        "certificate_id": side,
        "subject": SUBJECT,
        "key_algorithm": "EC",
        "key_size": 256,
        "signature_algorithm": "SHA256withECDSA",
        **PASSWORDS,
    }
    return service.CreateCertificateRequest(**{**values, **changes})


class FormPart(NamedTuple):
    """One field of a multipart body. filename, media_type: None if the part has none."""

    name: str
    filename: str | None
    media_type: str | None
    content: bytes


@dataclass(frozen=True)
class Sent:
    """A request as the emulator received it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None

    @property
    def call(self) -> str:
        """The method and the path, without the query."""
        return f"{self.method} {self.target.partition('?')[0]}"

    @property
    def session(self) -> str | None:
        return self.headers.get(SESSION)

    @property
    def content_type(self) -> str | None:
        return self.headers.get("Content-Type")

    @property
    def form(self) -> list[tuple[str, str]]:
        """The fields of a form, which is always ASCII."""
        return parse_qsl(self.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")

    @property
    def json(self) -> Any:
        return json.loads(self.body.decode())

    @property
    def parts(self) -> list[FormPart]:
        """The parts of a multipart body, split at its boundary, with their exact bytes."""
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+); charset=UTF-8", self.content_type or "")
        assert boundary is not None, self.content_type
        before, *sections, after = (b"\r\n" + self.body).split(f"\r\n--{boundary[1]}".encode())
        assert (before, after) == (b"", b"--\r\n")
        return [_part(section) for section in sections]


def _part(section: bytes) -> FormPart:
    head, _, content = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    disposition, *others = head.decode().split("\r\n")
    named = re.fullmatch(r'Content-Disposition: form-data; name="([^"]*)"(?:; filename="([^"]*)")?', disposition)
    assert named is not None, disposition
    media_type = None
    if others:
        (line,) = others
        media_type = line.removeprefix("Content-Type: ")
    return FormPart(named[1], named[2], media_type, content)


class Warp:
    """The ASTERIA server of the stack, seen by callers of the gateway and through the control port of the emulator."""

    def __init__(self, stack: Stack, gateway: Gateway) -> None:
        self.stack = stack
        self.gateway = gateway
        self.certificates = gateway.certificates
        self.control: ControlClient = stack.controls[ASTERIA]
        self.url = stack.emulators[ASTERIA].url

    async def start_anew(self) -> None:
        """Reset the server to its default objects and no history, and log the gateway in."""
        await self.control.reset()
        await self.gateway.providers.CheckProvider(providers.CheckProviderRequest(name=PROVIDER))
        await self.control.forget_requests()

    async def faults_taken(self) -> None:
        """Return when requests have used all armed faults."""

        async def taken() -> bool:
            return not (await self.control.call("GET", "/faults"))["armed"]

        await eventually(taken)

    async def sent(self) -> list[Sent]:
        """Return every request that the server received, oldest first."""
        return [sent_of(request) for request in await self.control.requests()]

    async def calls(self) -> list[str]:
        return [request.call for request in await self.sent()]

    async def full(self, side: str, password: str = PASSWORDS["keystore_password"]) -> certificates.Certificate:
        """Return a certificate in the FULL view."""
        request = service.GetCertificateRequest(
            name=certificate_name(side), view=service.CERTIFICATE_VIEW_FULL, keystore_password=password
        )
        response: service.GetCertificateResponse = await self.certificates.GetCertificate(request)
        return response.certificate

    async def exists(self, side: str) -> bool:
        request = service.CheckCertificateRequest(name=certificate_name(side))
        response: service.CheckCertificateResponse = await self.certificates.CheckCertificate(request)
        return response.exists

    async def download(self, side: str, **values: Any) -> service.DownloadCertificateResponse:
        request = service.DownloadCertificateRequest(name=certificate_name(side), **{**STORE_PASSWORD, **values})
        response: service.DownloadCertificateResponse = await self.certificates.DownloadCertificate(request)
        return response

    async def signing_request(self, side: str) -> service.GetCertificateSigningRequestResponse:
        request = service.GetCertificateSigningRequestRequest(name=certificate_name(side), **PASSWORDS)
        response: service.GetCertificateSigningRequestResponse = await self.certificates.GetCertificateSigningRequest(
            request
        )
        return response


def sent_of(request: Mapping[str, Any]) -> Sent:
    """Convert an entry of the emulator's history."""
    return Sent(
        request["method"],
        request["target"],
        request["headers"],
        base64.b64decode(request["body_base64"]),
        request["status"],
    )


def as_openssl_reads(certificate: bytes) -> dict[str, Any]:
    """Return the facts of a PEM certificate by the field names of the contract. Distinguished names follow RFC 2253."""
    options = ("-subject", "-issuer", "-serial", "-startdate", "-enddate", "-nameopt", "RFC2253,utf8,-esc_msb")
    printed = openssl.run("x509", "-noout", *options, "-fingerprint", "-sha1", "-ext", "keyUsage", data=certificate)
    lines = printed.decode().split("\n")
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    usage = [lines[number + 1] for number, line in enumerate(lines) if line.startswith("X509v3 Key Usage")]
    return {
        "subject": fields["subject"],
        "issuer": fields["issuer"],
        "serial_number": str(int(fields["serial"], 16)),
        "not_before": _moment(fields["notBefore"]),
        "not_after": _moment(fields["notAfter"]),
        "sha1": fields["sha1 Fingerprint"].lower(),
        "md5": _md5(certificate),
        "key_usage": {item.strip() for item in usage[0].split(",")} if usage else set(),  # ASTERIA: all are false
    }


def as_the_gateway_says(certificate: Any) -> dict[str, Any]:
    """Return the same facts of a Certificate or a TrustedAuthority message."""
    usage = {_USAGES[field.name] for field, _ in certificate.key_usage.ListFields()}
    return {
        "subject": certificate.subject.text,
        "issuer": certificate.issuer.text,
        "serial_number": certificate.serial_number,
        "not_before": certificate.not_before.ToDatetime(dt.UTC),
        "not_after": certificate.not_after.ToDatetime(dt.UTC),
        "sha1": certificate.fingerprints.sha1,
        "md5": certificate.fingerprints.md5,
        "key_usage": usage if certificate.HasField("key_usage") else None,
    }


_USAGES: Final = {
    "digital_signature": "Digital Signature",
    "non_repudiation": "Non Repudiation",
    "key_encipherment": "Key Encipherment",
    "data_encipherment": "Data Encipherment",
    "key_agreement": "Key Agreement",
    "key_cert_sign": "Certificate Sign",
    "crl_sign": "CRL Sign",
    "encipher_only": "Encipher Only",
    "decipher_only": "Decipher Only",
}


def _moment(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=dt.UTC)


def _md5(certificate: bytes) -> str:
    printed = openssl.run("x509", "-noout", "-fingerprint", "-md5", data=certificate).decode()
    return printed.strip().partition("=")[2].lower()
