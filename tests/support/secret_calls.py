"""Calls with a secret in every field that can contain one: successful, failed, and rejected calls.

A `Ledger` records the secrets of both directions and the responses, so that a test can search them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from gateway.contract.methods import METHODS, Method
from gateway.demo import DEMO_PROVIDERS
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support import openssl
from tests.support.certificate_manager import register
from tests.support.emulators.asteria import issue, pkcs12, self_signed
from tests.support.secrecy import Secret, bodies, echo, fill, secret_fields, secrets_of
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Stack
from tests.support.valid_requests import CERTIFICATES, KEYS, WARP, valid_request
from tests.support.waiting import eventually

BY_NAME: Final = {method.name: method for method in METHODS}
MARKER: Final = 'p&=% "quoted" marker-4c1d'
FOREIGN_MARKER: Final = f"{MARKER} 비밀번호"
SETTINGS_SESSION: Final = "settings-session-id"
FILE_PASSWORD: Final = "settings-file-password"
OLD, NEW, GATED, SESSION, LATE = "nhn-old", "nhn-new", "nhn-gated", "asteria-session", "asteria-late"
KINDS: Final = {KEYS: KEY_MANAGER, CERTIFICATES: CERTIFICATE_MANAGER, WARP: ASTERIA}
LOCAL: Final = {method.name for method in METHODS if method.served_by_gateway}
IN_ITS_ITEMS: Final = {"BatchEncrypt", "BatchDecrypt"}
BROKEN: Final[Mapping[str, Mapping[str, Any]]] = {
    "a cut body": {"mode": "cut_off"},
    "a closed connection": {"mode": "close"},
    "a reset connection": {"mode": "reset"},
}


POLLER = {"interval": 1, "keystore_passwords": {"server": "changeit"}}


def providers(stack: Stack, folder: Path) -> list[dict[str, Any]]:
    """Return one provider for every way to configure a secret."""
    authority = openssl.OpensslAuthority(folder / "pki")
    pair = authority.issue("gateway")
    key = openssl.encrypted_key(pair, FILE_PASSWORD, folder / "gateway.key")
    store = openssl.pkcs12(pair, FILE_PASSWORD, folder / "gateway.p12")
    files = {"certificate": {"file": str(pair.certificate)}, "private_key": {"file": str(key)}}
    access_key = {"id": "demo-access-key", "secret": "demo-access-secret"}
    unreachable = "https://127.0.0.1:1"
    old = stack.provider(CERTIFICATES, api_version="v1.0")
    gated = stack.provider(KEYS, endpoint=unreachable, api_version="v1.1", user_access_key=access_key)
    new = stack.provider(KEYS, endpoint=unreachable, api_version="v1.3", bearer_token="demo-token")
    client = {"ca_certificates": {"file": str(authority.pair.certificate)}}
    return [
        *(stack.provider(provider["id"]) for provider in DEMO_PROVIDERS),
        {**old, "id": OLD, "poller": {"interval": 86_400, "watch_interval": 86_400}},
        {**gated, **client, "id": GATED, "client_certificate": {**files, "password": FILE_PASSWORD}},
        {**new, "id": NEW, "client_certificate": {"pkcs12": {"file": str(store)}, "password": FILE_PASSWORD}},
        {**stack.provider(WARP), "id": SESSION, "login": None, "session_id": SETTINGS_SESSION},
        {**stack.provider(WARP), "id": LATE},
        {**stack.provider(WARP), "id": "polled", "poller": POLLER},
    ]


@dataclass
class Ledger:
    """Every secret of a request or a response, everything else that callers received, and the status codes."""

    secrets: set[Secret] = field(default_factory=set)
    received: list[bytes] = field(default_factory=list)
    codes: list[grpc.StatusCode] = field(default_factory=list)


class RecordingCaller:
    """Calls any method over one channel, and records the result in the ledger. token: sent with each call."""

    def __init__(self, channel: grpc.aio.Channel, ledger: Ledger, token: str = "") -> None:
        self.ledger = ledger
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        if token:
            ledger.secrets.add(Secret("a bearer token", token))

    async def attempt(self, method: Method, request: Message, seconds: float = 60) -> Message | None:
        """Make a call. Return the response, or None if the call fails."""
        self.ledger.secrets |= set(secrets_of(request))
        content = await self.attempt_raw(method, request.SerializeToString(), seconds)
        return None if content is None else method.response.FromString(content)

    async def attempt_raw(self, method: Method, request: bytes, seconds: float = 60) -> bytes | None:
        """Do the same with bytes, which can be an invalid message."""
        call = self.begin(method, request, seconds)
        answer: bytes | None = None
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            self.ledger.received.append(repr(error).encode())
            self.ledger.codes.append(error.code())
        pairs = [*(await call.initial_metadata() or ()), *(await call.trailing_metadata() or ())]
        self.ledger.received.append(str(await call.details()).encode())
        values = [value for pair in pairs for value in pair]
        self.ledger.received += [value if isinstance(value, bytes) else value.encode() for value in values]
        return answer

    def begin(self, method: Method, request: bytes, seconds: float = 60) -> Any:
        """Start a call."""
        call: Any = self._channel.unary_unary(f"/{method.full_name}")
        return call(request, timeout=seconds, metadata=self._metadata)

    async def watch(self, name: str) -> None:
        """Watch a certificate, and read the events until its state is known."""
        request = certificates.WatchCertificatesRequest(parent=name.partition("/certificates/")[0], names=[name])
        watch: Any = self._channel.unary_stream(f"/{BY_NAME['WatchCertificates'].full_name}")
        stream = watch(request.SerializeToString(), metadata=self._metadata, timeout=60)
        async for content in stream:
            self.ledger.received.append(content)
            event = certificates.WatchCertificatesResponse.FromString(content)
            if event.type == certificates.CERTIFICATE_EVENT_TYPE_SYNCED:
                stream.cancel()
                return
            assert event.version

    async def succeed(self, method: str, request: Any = None, /, **changes: Any) -> Any:
        """Make a call that succeeds: a valid request with these changes, and with secrets in all its secret fields."""
        request = request or valid_request(method, secret=MARKER)
        request.MergeFrom(type(request)(**changes))
        fill(request, MARKER)
        answer = await self.attempt(BY_NAME[method], request)
        assert answer is not None, (method, self.ledger.received[-6:])
        self.ledger.secrets |= set(secrets_of(answer))
        return answer

    async def fail(self, method: Method, case: str, provider: str = "") -> None:
        """Make a call that fails."""
        request = request_with_secrets(method, provider)
        held = {secret.field for secret in secrets_of(request)}
        assert held == secret_fields(method.request.DESCRIPTOR)
        answer = await self.attempt(method, request)
        has_no_fields = case.startswith("a success") and not method.response.DESCRIPTOR.fields
        assert answer is None or has_no_fields or method.name in LOCAL | IN_ITS_ITEMS, (method.name, case)
        if answer is not None:
            self.ledger.received.append(answer.SerializeToString())


async def run_through_everything(call: RecordingCaller, stack: Stack, folder: Path) -> None:
    """Use every secret field of requests and responses in calls that succeed."""
    client = f"providers/{WARP}/certificates/client"
    root = self_signed(folder, "Root")
    await call.succeed("CreateCertificate")
    csr = (await call.succeed("GetCertificateSigningRequest", name=client)).csr_pem.encode()
    signed = issue(folder, "signed", csr, root).read_bytes()
    install = certificates.InstallSignedCertificateRequest(name=client, certificate=signed, chain=root.pem)
    await call.succeed("InstallSignedCertificate", install)
    await call.succeed("GetCertificate", name=client)
    await call.succeed("DownloadCertificate", name=client)
    await call.succeed("DeleteCertificate", name=client)
    store = pkcs12(root, MARKER)
    await call.succeed("ImportCertificate", certificates.ImportCertificateRequest(name=client, keystore=store))
    site = certificates.DownloadCertificateRequest(
        name=f"providers/{CERTIFICATES}/certificates/www.example.com", include_private_key=True
    )
    key = await call.attempt(BY_NAME["DownloadCertificate"], site)
    assert key is not None
    call.ledger.secrets |= set(secrets_of(key))
    uploaded = self_signed(folder, "uploaded", subject="/CN=uploaded.example.com")
    file = uploaded.pem + uploaded.key.read_bytes()
    await register(stack.controls[CERTIFICATE_MANAGER], "uploaded.example.com", file)
    upload = certificates.UploadCertificateRequest(
        name=f"providers/{OLD}/certificates/uploaded.example.com", content=file
    )
    await call.succeed("UploadCertificate", upload)
    await call.watch(upload.name)
    ciphertext = (await call.succeed("Encrypt")).ciphertext
    await call.succeed("Decrypt", ciphertext=ciphertext)
    signature = (await call.succeed("Sign")).signature
    assert (await call.succeed("Verify", signature=signature)).verified
    await call.succeed("BatchEncrypt")
    batch = valid_request("BatchDecrypt", secret=ciphertext)
    assert (await call.succeed("BatchDecrypt", batch)).results[0].response.plaintext == MARKER.encode()
    for name in ("GetSecret", "GenerateDataKey", "GetSymmetricKey", "GetPrivateKey"):
        await call.succeed(name)


async def run_into_every_failure(
    call: RecordingCaller, stack: Stack, session: str, statuses: Sequence[int] = (200, 500)
) -> None:
    """Call every method with every kind of upstream failure. Most of these failures repeat the whole request.

    session: the session id of the ASTERIA provider. An upstream can only repeat what it received, so calls without a
    secret in the request, and logins, run separately.
    """
    own = {
        KEY_MANAGER: ["keymanager-demo"],
        CERTIFICATE_MANAGER: ["certmanager-demo"],
        ASTERIA: ["keyway-demo", session],
    }
    with_secret = [method for method in METHODS if secret_fields(method.request.DESCRIPTOR)]
    without = [method for method in METHODS if method not in with_secret]
    for case in _cases(statuses):
        async with _failing(stack, case, {kind: [*sent, FOREIGN_MARKER] for kind, sent in own.items()}):
            await asyncio.gather(*(call.fail(method, case, _home(method)) for method in with_secret))
        async with _failing(stack, case, own):
            await asyncio.gather(
                *(call.fail(method, case, _home(method)) for method in without),
                *(call.fail(BY_NAME["GetSecret"], case, provider) for provider in (GATED, NEW)),
            )
        async with _failing(stack, case, {ASTERIA: [SETTINGS_SESSION]}):
            await call.fail(BY_NAME["CheckCertificate"], case, SESSION)
        async with _failing(stack, case, {ASTERIA: ["keyway-demo"]}):
            await asyncio.gather(
                *(call.fail(BY_NAME[name], case, LATE) for name in ("CheckCertificate", "CreateCertificate"))
            )


@contextlib.asynccontextmanager
async def _failing(stack: Stack, case: str, sent: Mapping[str, list[str]]) -> AsyncIterator[None]:
    for kind, texts in sent.items():
        await stack.controls[kind].fail(**_fault(case, texts), path="^/(?!mcapi/auth)", count=1000)
        if kind == ASTERIA:
            await stack.controls[kind].fail(**_fault(case, ["keyway-demo"]), path="/auth/login$", count=1000)
    yield
    for kind in sent:
        await stack.controls[kind].call("DELETE", "/faults")


def _home(method: Method) -> str:
    return OLD if method.name == "UploadCertificate" else ""


def _cases(statuses: Sequence[int]) -> list[str]:
    return [*BROKEN, *(f"{case}, {status}" for status in statuses for case in bodies(""))]


def _fault(case: str, sent: list[str]) -> Mapping[str, Any]:
    if case in BROKEN:
        return BROKEN[case]
    kind, _, status = case.rpartition(", ")
    return {"mode": "raw", "status": int(status), "body": bodies(echo(sent))[kind]}


async def run_into_every_refusal(call: RecordingCaller, stack: Stack) -> None:
    """Provoke every rejection by the gateway itself, for a caller with all permissions."""
    encrypt, control = BY_NAME["Encrypt"], stack.controls[KEY_MANAGER]
    requests = [(method, request_with_secrets(method, "no-such-provider").SerializeToString()) for method in METHODS]
    invalid = [
        [(method, content), (method, content + b"\xff"), (method, content[:-1] or b"\xff")]
        for method, content in requests
    ]
    for each in invalid:
        await asyncio.gather(*(call.attempt_raw(method, content) for method, content in each))
    assert {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND} <= set(call.ledger.codes)
    plaintext = request_with_secrets(encrypt)
    await control.fail(mode="stall")
    await call.attempt(encrypt, plaintext, seconds=0.5)
    assert call.ledger.codes[-1] == grpc.StatusCode.DEADLINE_EXCEEDED
    await control.forget_requests()
    await control.fail(mode="stall")
    pending = call.begin(encrypt, plaintext.SerializeToString())
    task = asyncio.ensure_future(pending)

    async def arrived() -> bool:
        return bool(await control.requests())

    await eventually(arrived)
    pending.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    await control.call("DELETE", "/faults")


async def be_refused(call: RecordingCaller, *codes: grpc.StatusCode, methods: Sequence[Method] = METHODS) -> None:
    """Call methods as a caller without permissions, at least once with each of the codes."""
    codes_before = len(call.ledger.codes)
    await asyncio.gather(*(call.attempt(method, request_with_secrets(method)) for method in methods))
    assert set(codes) <= set(call.ledger.codes[codes_before:])


def request_with_secrets(method: Method, provider: str = "") -> Message:
    """Return a valid request with the marker in its secret fields only."""
    request: Message = valid_request(method.name, provider, FOREIGN_MARKER)
    for each in (request, *getattr(request, "requests", ())):
        for public in {"ciphertext", "signature"} & set(each.DESCRIPTOR.fields_by_name):
            if not each.DESCRIPTOR.fields_by_name[public].GetOptions().debug_redact:
                setattr(each, public, "of no use to anybody")
    fill(request, FOREIGN_MARKER)
    return request
