"""`keyway doctor` over working and broken connections, to real gateways and sockets."""

import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.demo import DEMO_PROVIDERS
from keyway.problems import Problem
from keyway.testing import Sandbox
from tests.clients.python.cli.commands import KEYWAY, Commands
from tests.support.authority import CertificateAuthority, TokenIssuer
from tests.support.token_gateway import RunningTokenGateway, running_token_gateway
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("sandbox")
EXPIRED, DAY = timedelta(hours=-1), timedelta(days=1)
(PROVIDER,) = ({**each, "endpoint": "http://127.0.0.1:1"} for each in DEMO_PROVIDERS if each["id"] == "nhn-keys")
# Another process can have the same port on the other address of `localhost`.
IPV4: Mapping[str, Any] = {"listen": "127.0.0.1:0"}
CALLER = "spiffe://example.org/orders"
OF_TLS = ["address", "connection", "TLS", "gateway certificate", "host name", "dates"]


def steps(commands: Commands, *options: object) -> list[dict[str, Any]]:
    """Run the command; return its steps. All but the last one must have succeeded."""
    ran = commands("doctor", "--json", *options)
    assert ran.errors == ""
    found = ran.objects()
    assert all(step["ok"] for step in found[:-1])
    assert ran.code == (0 if found[-1]["ok"] else 1)
    return found


def failure(commands: Commands, *options: object) -> tuple[str, str, str]:
    """Return the failed step, the name of its problem, and its details."""
    last = steps(commands, *options)[-1]
    assert last["sentence"] == Problem[last["problem"]].value
    return last["step"], last["problem"], "\n".join(last["details"])


def names(found: Sequence[dict[str, Any]]) -> list[str]:
    return [step["step"] for step in found]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_every_step_of_a_working_connection_succeeds(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    plain = steps(commands)
    assert names(plain) == ["address", "connection", "HTTP/2", "health", "call"]
    own = ("--ca", box.ca, "--certificate", box.certificate, "--private-key", box.private_key)
    mutual = steps(commands, "--address", box.mtls, *own)
    assert names(mutual) == [*OF_TLS, "client certificate", "HTTP/2", "health", "call"]
    token = written(commands.folder, "token", box.token)
    bearer = steps(commands, "--address", box.jwt, "--ca", box.ca, "--token-file", token)
    assert names(bearer) == [*OF_TLS, "HTTP/2", "health", "call"]
    assert all(step["ok"] for step in (*plain, *mutual, *bearer))


def test_problem_is_one_line_for_people(commands: Commands, keyway_sandbox: Sandbox) -> None:
    """A process of its own: gRPC reads its log level when it is imported."""
    ran = subprocess.run(
        [*KEYWAY, "doctor", "--tls", "--address", keyway_sandbox.plain],
        env=commands.variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.splitlines()[-1] == f"failed  {'TLS':20} {Problem.PLAINTEXT_REQUIRED.value}"


def test_transport_of_the_other_kind_is_explained(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    for address in (box.mtls, box.jwt):
        assert failure(commands, "--address", address)[:2] == ("HTTP/2", "TLS_REQUIRED")
    assert failure(commands, "--address", box.plain, "--ca", box.ca)[:2] == ("TLS", "PLAINTEXT_REQUIRED")
    other = box.controls["asteria"].removeprefix("http://")
    assert failure(commands, "--address", other)[:2] == ("HTTP/2", "NOT_HTTP2")
    assert failure(commands, "--address", other, "--tls")[:2] == ("TLS", "NOT_HTTP2")


def test_untrusted_gateway_certificate_is_explained(commands: Commands, keyway_sandbox: Sandbox) -> None:
    wrong = written(commands.folder, "other.pem", CertificateAuthority("Other").pem)
    for options in (("--ca", wrong), ("--tls",)):
        step, problem, details = failure(commands, "--address", keyway_sandbox.jwt, *options)
        assert (step, problem) == ("gateway certificate", "UNTRUSTED")
        assert "issued by CN=Keyway sandbox CA" in details


def test_wrong_host_name_is_explained(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    by_address = box.jwt.replace("localhost", "127.0.0.1")
    for options in ((box.jwt, "--server-name", "keyway.example.org"), (by_address,)):
        step, problem, details = failure(commands, "--ca", box.ca, "--address", *options)
        assert (step, problem) == ("host name", "HOST_NAME")
        assert "names in the certificate: localhost" in details
    assert steps(commands, "--ca", box.ca, "--address", by_address, "--server-name", "localhost")[4]["ok"]


@contextmanager
def server_by_name(folder: Path, name: str) -> Iterator[int]:
    """Run a TLS server; yield its port. Its certificate for `name` has the issuer `Named`, any other `Default`."""

    def context(issuer: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*CertificateAuthority(issuer).server().write(folder, issuer))
        return made

    def select(connection: ssl.SSLObject, given: str | None, _: ssl.SSLContext) -> None:
        if given == name:
            connection.context = named

    default, named = context("Default"), context("Named")
    default.sni_callback = select
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), default.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(1)

        thread.submit(serve)
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # ends `accept` with an error


def test_certificate_of_the_given_server_name_is_shown(commands: Commands) -> None:
    name = "keyway.example.org"
    with server_by_name(commands.folder, name) as port:
        given = ("--address", f"127.0.0.1:{port}", "--tls")
        for options, issuer in (((), "Default"), (("--server-name", name), "Named")):
            step, problem, details = failure(commands, *given, *options)
            assert (step, problem) == ("gateway certificate", "UNTRUSTED")
            assert f"issued by CN={issuer}" in details


def test_client_certificate_problems_are_explained(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    given = ("--address", box.mtls, "--ca", box.ca)
    assert failure(commands, *given)[:2] == ("client certificate", "CLIENT_CERTIFICATE_MISSING")
    other = CertificateAuthority("Other")
    certificate, key = other.issue("untrusted").write(commands.folder, "untrusted")
    step, problem, details = failure(commands, *given, "--certificate", certificate, "--private-key", key)
    assert (step, problem) == ("client certificate", "CLIENT_CERTIFICATE_REJECTED")
    assert "issued by CN=Other" in details
    mixed = ("--certificate", certificate, "--private-key", box.private_key)
    assert failure(commands, *given, *mixed)[:2] == ("TLS files", "INVALID_FILES")
    empty = written(commands.folder, "empty.pem", "no certificate")
    assert failure(commands, "--address", box.mtls, "--ca", empty)[:2] == ("TLS files", "INVALID_FILES")


def test_token_problems_are_explained(commands: Commands, keyway_sandbox: Sandbox) -> None:
    given = ("--address", keyway_sandbox.jwt, "--ca", keyway_sandbox.ca)
    assert failure(commands, *given)[:2] == ("call", "CREDENTIALS_MISSING")
    issuer = TokenIssuer()
    for token, expected in (
        (issuer.token(), "TOKEN_REJECTED"),
        (issuer.token(exp=1), "TOKEN_EXPIRED"),
        ("x", "TOKEN_REJECTED"),
    ):
        path = written(commands.folder, "token", token)
        step, problem, details = failure(commands, *given, "--token-file", path)
        assert (step, problem) == ("call", expected)
        assert token not in details or len(token) == 1


def test_unreachable_address_is_explained(commands: Commands) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for options in ((), ("--tls",)):
            assert failure(commands, "--address", address, *options)[:2] == ("connection", "REFUSED")
        server.listen()
        quick = ("--address", address, "--timeout", "0.5")
        assert failure(commands, *quick)[:2] == ("HTTP/2", "SILENT")
        assert failure(commands, *quick, "--tls")[:2] == ("TLS", "SILENT")
    unknown = failure(commands, "--address", "gateway.invalid:443")
    assert unknown[:2] == ("address", "UNRESOLVED")


def test_connection_timeout_is_explained(commands: Commands) -> None:
    """Linux drops the packets of new connections while the queue of a listener is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        address = f"127.0.0.1:{server.getsockname()[1]}"
        found = failure(commands, "--address", address, "--timeout", "0.5")
    assert found == ("connection", "TIMEOUT", f"waited 0.5 s for 127.0.0.1 port {address.partition(':')[2]}")


def test_proxy_is_named(commands: Commands) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        ran = commands("doctor", "--json", "--address", "gateway.invalid:443", https_proxy=proxy)
    direct, health = ran.objects()
    assert direct["details"] == ["not checked: gRPC uses the proxy in the variable https_proxy"]
    assert (health["step"], health["problem"]) == ("health", "REFUSED")


def trusting(running: RunningTokenGateway, folder: Path) -> tuple[object, ...]:
    return "--address", running.address, "--ca", written(folder, "ca.pem", running.files.authority.pem)


async def test_missing_permission_is_explained(commands: Commands, tmp_path: Path) -> None:
    text = 'permit (principal, action == Keyway::Action::"Encrypt", resource);\n'
    written(tmp_path, "encrypt.cedar", f'@id("encrypt")\n{text}')
    policy = {"policy_files": ["encrypt.cedar"]}
    async with running_token_gateway(tmp_path, **IPV4, providers=[PROVIDER], policy=policy) as running:
        token = written(tmp_path, "token", running.files.issuer.token())
        step, problem, details = failure(commands, *trusting(running, tmp_path), "--token-file", token)
    assert (step, problem) == ("call", "NOT_PERMITTED")
    assert "lacks permission ListProviders" in details, details


@asynccontextmanager
async def mutual_tls(folder: Path) -> AsyncIterator[tuple[CertificateAuthority, tuple[object, ...]]]:
    """Run a gateway with mutual TLS. Yields the authority of its callers, and the options of the connection."""
    authority = CertificateAuthority()
    written(folder, "callers.pem", authority.pem)
    mtls = {"trust_bundle_file": "callers.pem"}
    identity = {"certificate_file": "server.pem", "private_key_file": "server.key", "mtls": mtls}
    async with running_token_gateway(folder, **IPV4, identity=identity, providers=[PROVIDER]) as running:
        yield authority, trusting(running, folder)


async def test_caller_of_an_unfit_client_certificate_is_explained(commands: Commands, tmp_path: Path) -> None:
    async with mutual_tls(tmp_path) as (authority, given):

        def own(name: str, **options: Any) -> tuple[object, ...]:
            certificate, key = authority.issue(**options).write(tmp_path, name)
            return *given, "--certificate", certificate, "--private-key", key

        valid = steps(commands, *own("valid", uris=[CALLER]))[-1]
        assert (valid["step"], valid["ok"]) == ("call", True)
        step, problem, details = failure(commands, *own("expired", uris=[CALLER], expires_in=EXPIRED))
        assert (step, problem) == ("client certificate", "CLIENT_CERTIFICATE_EXPIRED")
        assert "the clock of this machine: " in details
        token = written(tmp_path, "token", TokenIssuer().token(exp=1))
        for extra in ((), ("--token-file", token)):  # the gateway does not read the token
            assert failure(commands, *own("nameless"), *extra)[:2] == ("call", "CALLER_REJECTED")


@pytest.mark.parametrize(
    ("problem", "dates"),
    [
        ("EXPIRED", {"expires_in": EXPIRED}),
        ("NOT_YET_VALID", {"expires_in": 2 * DAY, "not_before": datetime.now(UTC) + DAY}),
    ],
)
def test_dates_of_the_server_certificate_are_explained(commands: Commands, problem: str, dates: Any) -> None:
    """A server of gRPC itself: a gateway does not start with an expired certificate."""
    authority = CertificateAuthority()
    own = authority.server(**dates)
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(own.key_pem, own.chain_pem)]))
    server.start()
    try:
        ca = written(commands.folder, "ca.pem", authority.pem)
        found = failure(commands, "--address", f"127.0.0.1:{port}", "--ca", ca)
    finally:
        server.stop(None)
    assert found[:2] == ("dates", problem)
    assert "valid from " in found[2]
    assert "the clock of this machine: " in found[2]


async def test_draining_gateway_is_explained(commands: Commands, tmp_path: Path) -> None:
    async with running_token_gateway(tmp_path, **IPV4, drain_delay=600) as running:
        given = trusting(running, tmp_path)
        running.process.send(signal.SIGTERM)
        async with running.channel() as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)  # the published type has no methods

            async def draining() -> bool:
                status = (await health.Check(health_pb2.HealthCheckRequest())).status
                return bool(status == health_pb2.HealthCheckResponse.NOT_SERVING)

            await eventually(draining)
        found = failure(commands, *given)
        assert found[:2] == ("health", "NOT_SERVING"), found
