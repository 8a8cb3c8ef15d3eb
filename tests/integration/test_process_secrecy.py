"""A gateway as its own process at its most talkative, fed with secrets in every field that can hold one.

Whether calls succeed or fail, and however an upstream fails: nothing that the process writes, and no status or trailer
that a caller gets, holds any of them.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from gateway import app
from gateway.contract import METHODS, Method
from keyway.v1 import certificate_service_pb2 as certificates
from tests.emulators.support_asteria import issue, pkcs12, self_signed
from tests.support import openssl
from tests.support.certificate_manager import register
from tests.support.processes import Process, write_config
from tests.support.requests import CERTIFICATES, KEYS, WARP, valid_request
from tests.support.secrecy import (
    KEY_TEXT,
    WORDS,
    Secret,
    bodies,
    configured_secrets,
    echo,
    fill,
    leaks,
    secret_fields,
    secret_settings,
    secrets_of,
)
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Stack

BY_NAME: Final = {method.name: method for method in METHODS}
MARKER: Final = 'p&=% "quoted" marker-4c1d'
FOREIGN_MARKER: Final = f"{MARKER} 비밀번호"
FILE_PASSWORD: Final = "settings-file-password"
OLD, NEW, GATED, SESSION, LATE = "nhn-old", "nhn-new", "nhn-gated", "asteria-session", "asteria-late"
KINDS: Final = {KEYS: KEY_MANAGER, CERTIFICATES: CERTIFICATE_MANAGER, WARP: ASTERIA}
LOCAL: Final = {"ListProviders", "GetProvider", "CheckProvider", "ListStatusMappings"}
IN_ITS_ITEMS: Final = {"BatchEncrypt", "BatchDecrypt"}
BROKEN: Final[Mapping[str, Mapping[str, Any]]] = {
    "a cut body": {"mode": "cut_off"},
    "a closed connection": {"mode": "close"},
    "a reset connection": {"mode": "reset"},
}


def providers(stack: Stack, folder: Path) -> list[dict[str, Any]]:
    """One provider for every way to configure a secret."""
    authority = openssl.Authority(folder / "pki")
    pair = authority.issue("gateway")
    key = openssl.encrypted_key(pair, FILE_PASSWORD, folder / "gateway.key")
    store = openssl.pkcs12(pair, FILE_PASSWORD, folder / "gateway.p12")
    files = {"certificate": {"file": str(pair.certificate)}, "private_key": {"file": str(key)}}
    access_key = {"id": "demo-access-key", "secret": "demo-access-secret"}
    nowhere = "https://127.0.0.1:1"
    old = stack.provider(CERTIFICATES, api_version="v1.0")
    gated = stack.provider(KEYS, endpoint=nowhere, api_version="v1.1", user_access_key=access_key)
    new = stack.provider(KEYS, endpoint=nowhere, api_version="v1.3", bearer_token="demo-token")
    client = {"ca_certificates": {"file": str(authority.pair.certificate)}}
    return [
        *(stack.provider(provider["id"]) for provider in app.DEMO_PROVIDERS),
        {**old, "id": OLD},
        {**gated, **client, "id": GATED, "client_certificate": {**files, "password": FILE_PASSWORD}},
        {**new, "id": NEW, "client_certificate": {"pkcs12": {"file": str(store)}, "password": FILE_PASSWORD}},
        {**stack.provider(WARP), "id": SESSION, "login": None, "session_id": "settings-session-id"},
        {**stack.provider(WARP), "id": LATE},
    ]


class Caller:
    """Calls any method; keeps every secret that went either way, and all that came back beside the answers."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self.secrets: set[Secret] = set()
        self.told: list[bytes] = []

    async def attempt(self, method: Method, request: Message) -> Message | None:
        """The answer; None where the call fails."""
        self.secrets |= set(secrets_of(request))
        call = self._channel.unary_unary(
            f"/{method.full_name}",
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )(request, timeout=60)
        answer: Message | None = None
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            self.told.append(repr(error).encode())
        pairs = [*(await call.initial_metadata() or ()), *(await call.trailing_metadata() or ())]
        self.told.append(str(await call.details()).encode())
        self.told += [value if isinstance(value, bytes) else value.encode() for pair in pairs for value in pair]
        return answer

    async def succeed(self, method: str, request: Any = None, /, **changes: Any) -> Any:
        """The answer to a request that is valid but for these changes, with secrets wherever it can have one."""
        request = request or valid_request(method, secret=MARKER)
        request.MergeFrom(type(request)(**changes))
        fill(request, MARKER)
        answer = await self.attempt(BY_NAME[method], request)
        assert answer is not None, (method, self.told[-6:])
        self.secrets |= set(secrets_of(answer))
        return answer

    async def fail(self, method: Method, case: str, provider: str = "") -> None:
        """A call that fails."""
        request = valid_request(method.name, provider, FOREIGN_MARKER)
        fill(request, FOREIGN_MARKER)
        held = {secret.field for secret in secrets_of(request)}
        assert held == secret_fields(method.request.DESCRIPTOR)
        answer = await self.attempt(method, request)
        hollow = case.startswith("a success") and not method.response.DESCRIPTOR.fields
        assert answer is None or hollow or method.name in LOCAL | IN_ITS_ITEMS, (method.name, case)
        if answer is not None:
            self.told.append(answer.SerializeToString())


async def run_through_everything(call: Caller, stack: Stack, folder: Path) -> None:
    """Every secret field of requests and answers, in calls that do what they are for."""
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
    call.secrets |= set(secrets_of(key))
    uploaded = self_signed(folder, "uploaded", subject="/CN=uploaded.example.com")
    file = uploaded.pem + uploaded.key.read_bytes()
    await register(stack.controls[CERTIFICATE_MANAGER], "uploaded.example.com", file)
    upload = certificates.UploadCertificateRequest(
        name=f"providers/{OLD}/certificates/uploaded.example.com", content=file
    )
    await call.succeed("UploadCertificate", upload)
    ciphertext = (await call.succeed("Encrypt")).ciphertext
    await call.succeed("Decrypt", ciphertext=ciphertext)
    signature = (await call.succeed("Sign")).signature
    assert (await call.succeed("Verify", signature=signature)).verified
    await call.succeed("BatchEncrypt")
    batch = valid_request("BatchDecrypt", secret=ciphertext)
    assert (await call.succeed("BatchDecrypt", batch)).results[0].response.plaintext == MARKER.encode()
    for name in ("GetSecret", "GenerateDataKey", "GetSymmetricKey", "GetPrivateKey"):
        await call.succeed(name)


async def run_into_every_failure(call: Caller, stack: Stack, secrets: list[str]) -> None:
    """Every method, with every kind of failure of its upstream, most of which repeat all that they were sent."""
    faults: dict[str, Mapping[str, Any]] = {**BROKEN}
    for status in (200, 500):
        for case, body in bodies(echo(secrets)).items():
            faults[f"{case}, {status}"] = {"mode": "raw", "status": status, "body": body}
    for case, fault in faults.items():
        for control in stack.controls.values():
            await control.fail(**fault, path="^/(?!mcapi/auth)", count=1000)
        await stack.controls[ASTERIA].fail(**fault, path="/auth/login$", count=1000)
        await asyncio.gather(
            *(call.fail(method, case, OLD if method.name == "UploadCertificate" else "") for method in METHODS),
            *(call.fail(BY_NAME[name], case, LATE) for name in ("CheckCertificate", "CreateCertificate")),
            *(call.fail(BY_NAME["GetSecret"], case, provider) for provider in (GATED, NEW)),
            call.fail(BY_NAME["CheckCertificate"], case, SESSION),
        )
        for control in stack.controls.values():
            await control.call("DELETE", "/faults")


async def test_nothing_secret_leaves_the_process(stack: Stack, tmp_path: Path) -> None:
    chosen = providers(stack, tmp_path)
    config = write_config(tmp_path / "keyway.yaml", stack, chosen)
    settings = app.load_config(config)
    configured = set(configured_secrets(settings))
    assert {secret.field for secret in configured} == secret_settings()

    async with Process(tmp_path, "serve", "--config", config, "--log-level", "debug") as process:
        async with grpc.aio.insecure_channel(await process.address()) as channel:
            call = Caller(channel)
            await run_through_everything(call, stack, tmp_path)
            of_contract = {field for each in METHODS for field in _fields(each)}
            assert {secret.field for secret in call.secrets} == of_contract
            requests = await stack.controls[ASTERIA].requests()
            session = requests[-1]["headers"]["X-As-SessionId"]
            texts = [secret.value for secret in configured if isinstance(secret.value, str)]
            await run_into_every_failure(call, stack, [*texts, session, FOREIGN_MARKER])
        ended = await process.stopped()

    upstreams = {Secret(f"words of an upstream: {text}", text) for text in (WORDS, KEY_TEXT, "Internal.java")}
    secrets = configured | call.secrets | upstreams | {Secret("ASTERIA's session", session)}
    assert ended.code == 0
    assert leaks(secrets, (ended.output + ended.errors).encode()) == []
    assert leaks(secrets, b"\n".join(call.told)) == []
    talkative = {entry["logger"] for entry in ended.log() if entry["level"] == "debug"}
    assert not [name for name in talkative if not name.startswith("gateway")]


def _fields(method: Method) -> set[str]:
    return secret_fields(method.request.DESCRIPTOR) | secret_fields(method.response.DESCRIPTOR)
