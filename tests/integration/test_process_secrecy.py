"""Secrets in the output of a gateway process with every feature enabled and the most verbose log.

The tests make successful, failed, and rejected calls with a secret in every field that can contain one. The process
must write and send no secret, except to its own upstream or caller.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import PrivateFormat

from gateway import app
from gateway.contract.methods import METHODS
from gateway.gateway_settings import GatewaySettings
from gateway.journal.ship.attributes import KIND, SEQUENCE
from tests.support.authority import AUDIENCE, ISSUER, TokenIssuer
from tests.support.collector import Collector, CollectorTls
from tests.support.key_set_server import publishing
from tests.support.ports import free_address
from tests.support.processes import Process
from tests.support.scraping import scrape
from tests.support.secrecy import KEY_TEXT, WORDS, Secret, configured_secrets, leaks, secret_fields, secret_settings
from tests.support.secret_calls import (
    BY_NAME,
    Ledger,
    RecordingCaller,
    be_refused,
    providers,
    run_into_every_failure,
    run_into_every_refusal,
    run_through_everything,
)
from tests.support.stack import ASTERIA, Stack
from tests.support.trusted import AUDITOR, OPERATOR, ORDERS, POLICIES, UNAUTHORIZED, Trusted
from tests.support.waiting import eventually
from tests.support.x509_chain import key_pem

KEYS_OF_THE_JOURNAL: Final = {"signing-key.pem", "digest-key"}
OF_TOKENS_ONLY: Final = {"JwtSettings.jwks_ca_certificates"}
NOT_WITH_TOKENS: Final = {"AuditSettings.digest_key", "CentralSettings.ca_certificates", "CentralSettings.password"}
SHIPPING_TOKEN, TELEMETRY_TOKEN = "shipping-token-61c0", "telemetry-token-07be"
CENTRAL_PASSWORD = "central-password-d41e"
SELDOM: Final = {"rate": 0.001, "burst": 1, "concurrency": 1}


class Watched:
    """A gateway that ships its journal, exports its telemetry to collectors, and serves its metrics."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.stack = stack
        self.trusted = Trusted(folder, stack)
        self.ledger = Ledger()
        for name in ("records", "telemetry"):
            (folder / name).mkdir()
        server = self.trusted.authority.server().write(folder, "collector")
        shipper = self.trusted.authority.issue("shipper").write(folder, "shipper")
        bundle = folder / "callers-ca.pem"
        self.records = Collector(folder / "records", token=SHIPPING_TOKEN, tls=CollectorTls(*server, bundle))
        self.telemetry = Collector(folder / "telemetry", token=TELEMETRY_TOKEN, tls=CollectorTls(*server))
        self._prometheus = free_address()
        ship = {
            "endpoint": self.records.endpoint,
            "headers": {"authorization": f"Bearer {SHIPPING_TOKEN}"},
            "ca_certificates": {"file": str(bundle)},
            "client_certificate": {"certificate": {"file": str(shipper[0])}, "private_key": {"file": str(shipper[1])}},
            "rewind": 0.5,
            "interval": 0.02,
            "maximum_backoff": 0.1,
        }
        self.trusted.configuration |= {
            "providers": providers(stack, folder),
            "log": {"level": "debug"},
            # Not compressed, because the test searches the files for secrets.
            "audit": {"directory": "audit", "query": {}, "ship": ship, "segment_bytes": 1 << 20, "compress": False}
            | {"checkpoint_records": 500},
            "telemetry": {
                "endpoint": self.telemetry.endpoint,
                "headers": {"authorization": f"Bearer {TELEMETRY_TOKEN}"},
                "ca_certificates": {"file": str(bundle)},
                "traces": {"sample_ratio": 1},
                "metrics": {"interval": 1},
                "logs": True,
                "prometheus_listen": self._prometheus,
            },
        }

    def settings(self) -> GatewaySettings:
        """Return the complete settings."""
        return app.load_config(self.trusted.write())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[Process, str]]:
        """Run the process, and return it with its address."""
        config = self.trusted.write()
        async with self.records, self.telemetry, Process(self.trusted.folder, "serve", "--config", config) as process:
            yield process, (await process.address()).replace("127.0.0.1", "localhost")

    async def metrics_page(self) -> bytes:
        """Return the page for Prometheus."""
        return (await scrape(self._prometheus)).encode()

    async def arrived(self) -> None:
        """Return when the file of a collector contains every event of the journal."""
        count = len(self.trusted.events())

        async def complete() -> bool:
            # Duplicates are allowed.
            shipped = [item for item in await self.records.logs() if item.attributes[KIND] == "event"]
            return len({item.attributes[SEQUENCE] for item in shipped}) >= count

        await eventually(complete)

    def written(self) -> Mapping[str, bytes]:
        """Return the content of the files, by the name of the place."""
        journal = [path for path in self.trusted.audit.rglob("*") if path.is_file()]
        places = {f"journal: {path.name}": path for path in journal if path.name not in KEYS_OF_THE_JOURNAL}
        places["collector: journal"] = self.records.output("logs")
        for kind in ("logs", "traces", "metrics"):
            places[f"collector: {kind}"] = self.telemetry.output(kind)
        return {name: path.read_bytes() for name, path in places.items()}


@pytest.fixture
def watched(tmp_path: Path, stack: Stack) -> Watched:
    return Watched(tmp_path, stack)


def with_keys_of_its_own(watched: Watched) -> set[Secret]:
    """Configure the keys of the journal, and return the secret key."""
    signing = key_pem(ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8)
    (watched.trusted.folder / "signing.key").write_bytes(signing)
    watched.trusted.configuration["audit"] |= {
        "signing_key_file": "signing.key",
        "digest_key": "digest-key-of-the-test",
    }
    return {Secret("the signing key", signing)}


def with_central_store(watched: Watched) -> None:
    """Answer audit queries from a central store. The one named here does not answer like one, so they fail."""
    central = {
        "endpoint": watched.telemetry.endpoint,
        "username": "keyway",
        "password": CENTRAL_PASSWORD,
        "ca_certificates": {"file": str(watched.trusted.folder / "callers-ca.pem")},
    }
    watched.trusted.configuration["audit"] |= {"query": {"source": "central", "central": central}}


@pytest.mark.timeout(600)  # the search for leaks takes more than a minute
async def test_no_secret_leaks_with_certificate_callers(watched: Watched) -> None:
    own = with_keys_of_its_own(watched)
    with_central_store(watched)
    watched.trusted.configuration["limits"]["callers"] = {ORDERS: SELDOM}
    configured = set(configured_secrets(watched.settings()))
    assert secret_settings() - {secret.field for secret in configured} == OF_TOKENS_ONLY
    nameless = watched.trusted.authority.issue("")

    def channel(address: str, name: str | None) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(address, watched.trusted.channel_credentials(name))

    async with watched.running() as (process, address):
        async with channel(address, OPERATOR) as connection:
            # The token is not valid here, but it is a secret.
            session = await go_through_all(RecordingCaller(connection, watched.ledger, "misplaced-token-9d2c"), watched)
        refusals = {
            AUDITOR: grpc.StatusCode.PERMISSION_DENIED,
            UNAUTHORIZED: grpc.StatusCode.PERMISSION_DENIED,
            None: grpc.StatusCode.UNAVAILABLE,
        }
        for name, code in refusals.items():
            async with channel(address, name) as connection:
                await be_refused(RecordingCaller(connection, watched.ledger), code)
        async with channel(address, ORDERS) as connection:
            await be_refused(RecordingCaller(connection, watched.ledger), grpc.StatusCode.PERMISSION_DENIED)
            await be_refused(RecordingCaller(connection, watched.ledger), grpc.StatusCode.RESOURCE_EXHAUSTED)
        credentials = grpc.ssl_channel_credentials(watched.trusted.authority.pem, nameless.key_pem, nameless.chain_pem)
        async with grpc.aio.secure_channel(address, credentials) as connection:
            await be_refused(RecordingCaller(connection, watched.ledger), grpc.StatusCode.UNAUTHENTICATED)
        await nothing_leaked(process, watched, configured | own | session)


@pytest.mark.timeout(600)  # the search for leaks takes more than a minute
async def test_no_secret_leaks_with_token_callers(watched: Watched) -> None:
    issuer, foreign = TokenIssuer(), TokenIssuer()
    trusted = watched.trusted
    (trusted.folder / "policies.cedar").write_text(POLICIES.replace("spiffe://example.org/", "sub:"))
    trusted.configuration["limits"]["callers"] = {"sub:orders": SELDOM}
    async with publishing(issuer.jwks(), trusted.folder) as url:
        jwt = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": url}
        jwt["jwks_ca_certificates"] = (trusted.folder / "callers-ca.pem").read_text()
        trusted.configuration["identity"].pop("mtls")
        trusted.configuration["identity"]["jwt"] = jwt
        configured = set(configured_secrets(watched.settings()))
        assert secret_settings() - {secret.field for secret in configured} == NOT_WITH_TOKENS
        async with (
            watched.running() as (process, address),
            grpc.aio.secure_channel(address, trusted.channel_credentials(None)) as connection,
        ):

            def caller(token: str) -> RecordingCaller:
                return RecordingCaller(connection, watched.ledger, token)

            session = await go_through_all(caller(issuer.token(sub="operator")), watched, statuses=(500,))
            await be_refused(caller(issuer.token(sub="auditor")), grpc.StatusCode.PERMISSION_DENIED)
            await be_refused(caller(issuer.token(sub="orders")), grpc.StatusCode.PERMISSION_DENIED)
            await be_refused(caller(issuer.token(sub="orders")), grpc.StatusCode.RESOURCE_EXHAUSTED)
            unknown = grpc.StatusCode.UNAUTHENTICATED
            await be_refused(caller(issuer.token(exp=int(time.time()) - 3600)), unknown)
            for token in (
                issuer.token(aud="another-audience-3f"),
                issuer.token(iss="https://another.issuer.test"),
                issuer.token(headers={"kid": "a-key-id-of-nobody"}),
                foreign.token(),
                "no-token-at-all-5b11",
                "",
            ):
                # Unauthenticated callers are answered slowly, so one method is enough.
                await be_refused(caller(token), unknown, methods=[BY_NAME["BatchEncrypt"]])
            keys = {
                Secret(f"the journal's {name}", (trusted.audit / name).read_bytes()) for name in KEYS_OF_THE_JOURNAL
            }
            await nothing_leaked(process, watched, configured | session | keys)


async def go_through_all(
    call: RecordingCaller, watched: Watched, statuses: tuple[int, ...] = (200, 500)
) -> set[Secret]:
    """Make all calls of a caller with all permissions, and return the secrets that the gateway received itself."""
    await run_through_everything(call, watched.stack, watched.trusted.folder)
    of_contract = {
        field
        for method in METHODS
        for message in (method.request, method.response)
        for field in secret_fields(message.DESCRIPTOR)
    }
    assert of_contract <= {secret.field for secret in call.ledger.secrets}
    requests = await watched.stack.controls[ASTERIA].requests()
    session = requests[-1]["headers"]["X-As-SessionId"]
    await run_into_every_failure(call, watched.stack, session, statuses)
    await run_into_every_refusal(call, watched.stack)
    return {Secret("ASTERIA's session", session)}


async def nothing_leaked(process: Process, watched: Watched, secrets: set[Secret]) -> None:
    """Stop the process, and search everything."""
    key = Secret("the server's private key", (watched.trusted.folder / "server.key").read_bytes())
    upstreams = {Secret(f"words of an upstream: {text}", text) for text in (KEY_TEXT, "Internal.java")}
    secrets = secrets | watched.ledger.secrets | upstreams | {key}
    await watched.arrived()
    page = await watched.metrics_page()
    command_lines = b"\n".join(process.command_lines)
    ended = await process.stopped()
    assert ended.code == 0
    places = {
        **watched.written(),
        "Prometheus": page,
        "command lines": command_lines,
        "output and log": (ended.output + ended.errors).encode(),
        "what callers received": b"\n".join(watched.ledger.received),
    }
    # Each place contains its regular content, so the search does not pass because a place is empty.
    for name, text in HELD.items():
        assert text in places[name], name
    for name, place in places.items():
        assert WORDS.encode() not in place, name
    assert [(name, found) for name, place in places.items() if (found := leaks(secrets, place))] == []
    debug_loggers = {entry["logger"] for entry in ended.log() if entry["level"] == "debug"}
    assert not [name for name in debug_loggers if not name.startswith("gateway")]


HELD: Final = {
    "journal: 00000000000000000001.jsonl": b"KeyService/Encrypt",
    "collector: journal": b"KeyService/Encrypt",
    "collector: logs": b"provider_failed",
    "collector: traces": b"KeyService/Encrypt",
    "collector: metrics": b"rpc.server.call.duration",
    "Prometheus": b"rpc_server_call_duration_seconds",
    "command lines": b"gateway",
    "output and log": b"provider_failed",
    "what callers received": b"keyway-audit-receipt",
}
