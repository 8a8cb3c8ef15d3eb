"""Sentences of connection problems: the first failed call of the sync and the asyncio client, over real sockets."""

import asyncio
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

import keyway
import keyway.aio
from keyway.testing import Sandbox
from keyway.v1.provider_service_pb2 import ListProvidersRequest
from tests.support.authority import CertificateAuthority

pytestmark = pytest.mark.xdist_group("sandbox")
REQUEST = ListProvidersRequest()


def first_call(address: str, **options: Any) -> keyway.KeywayError:
    """Return the error of the first call, which is the same in both clients."""
    with keyway.connect(address, **options) as client, pytest.raises(keyway.KeywayError) as failure:
        client.providers.ListProviders(REQUEST)

    async def same() -> None:
        async with keyway.aio.connect(address, **options) as client:
            await client.providers.ListProviders(REQUEST)

    with pytest.raises(keyway.KeywayError) as again:
        asyncio.run(same())
    assert (again.value.problem, again.value.message) == (failure.value.problem, failure.value.message)
    return failure.value


def explained(address: str, **options: Any) -> str:
    """Return the name of the problem, whose sentence must be the message."""
    error = first_call(address, retries=False, **options)
    assert error.problem is not None, error
    assert (error.code, error.message) == (grpc.StatusCode.UNAVAILABLE, error.problem.value)
    assert str(error) == f"UNAVAILABLE: {error.problem.value}"
    return error.problem.name


@pytest.fixture
def unused() -> Iterator[str]:
    """An address on which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_each_broken_connection_has_its_sentence(keyway_sandbox: Sandbox, tmp_path: Path) -> None:
    box = keyway_sandbox
    other = CertificateAuthority("Other")
    certificate, key = other.issue("untrusted").write(tmp_path, "untrusted")
    assert explained(f"unix:{tmp_path}/none", plaintext=True) == "REFUSED"
    assert explained(box.mtls, plaintext=True) == "TLS_REQUIRED"
    assert explained(box.plain, ca=box.ca) == "PLAINTEXT_REQUIRED"
    assert explained(box.jwt, ca=other.pem, token=box.token) == "UNTRUSTED"
    assert explained(box.jwt, ca=box.ca, token=box.token, server_name="keyway.example.org") == "HOST_NAME"
    assert explained(box.mtls, ca=box.ca) == "CLIENT_CERTIFICATE_MISSING"
    assert explained(box.mtls, ca=box.ca, certificate=certificate, private_key=key) == "CLIENT_CERTIFICATE_REJECTED"
    assert explained("gateway.invalid:443") == "UNRESOLVED"


@pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 73),
    reason="grpcio before 1.73 does not report a key that does not match, but waits until the deadline",
)
def test_key_that_does_not_match_has_a_sentence(keyway_sandbox: Sandbox, tmp_path: Path) -> None:
    box = keyway_sandbox
    certificate, _ = CertificateAuthority("Other").issue("untrusted").write(tmp_path, "untrusted")
    assert explained(box.mtls, ca=box.ca, certificate=certificate, private_key=box.private_key) == "INVALID_FILES"


def test_rejection_by_the_gateway_states_the_fix(keyway_sandbox: Sandbox) -> None:
    error = first_call(keyway_sandbox.jwt, ca=keyway_sandbox.ca)
    problem = keyway.Problem.CREDENTIALS_MISSING
    assert (error.reason, error.problem, error.message) == ("UNAUTHENTICATED", problem, "no bearer token was sent")
    assert str(error).startswith(f"UNAUTHENTICATED: {error.message}: {problem.fix} (request ")


class _Proxy(grpc.GenericRpcHandler):
    """Fails every call like a proxy that cannot connect to the gateway."""

    TEXT = "upstream connect error: delayed connect error: Connection refused"

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        def fail(_request: bytes, context: grpc.ServicerContext) -> None:
            context.set_trailing_metadata((("server", "proxy"),))
            context.abort(grpc.StatusCode.UNAVAILABLE, self.TEXT)

        return grpc.unary_unary_rpc_method_handler(fail)


def test_error_of_a_proxy_is_not_replaced() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((_Proxy(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        error = first_call(f"127.0.0.1:{port}", plaintext=True, retries=False)
    finally:
        server.stop(None)
    assert (error.problem, error.message) == (None, _Proxy.TEXT)


def test_other_error_of_the_gateway_has_no_problem(keyway_sandbox: Sandbox) -> None:
    with keyway_sandbox.connect() as client, pytest.raises(keyway.KeywayError) as failure:
        client.keys.encrypt(name="providers/missing/keys/k")
    assert (failure.value.reason, failure.value.problem) == ("PROVIDER_NOT_FOUND", None)


_FAILED_HANDSHAKE = """
import keyway, sys
try:
    keyway.connect(sys.argv[1], retries=False).providers.list_providers()
except keyway.KeywayError as error:
    print(error.problem.name)
"""


@pytest.mark.parametrize(("given", "logged"), [({}, False), ({"GRPC_VERBOSITY": "INFO"}, True)])
def test_log_of_grpc_is_off_unless_configured(keyway_sandbox: Sandbox, given: Any, logged: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    ran = subprocess.run(
        [sys.executable, "-c", _FAILED_HANDSHAKE, keyway_sandbox.plain],
        env={**environment, **given}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stdout == "PLAINTEXT_REQUIRED\n", ran.stderr
    assert ("WRONG_VERSION_NUMBER" in ran.stderr) == logged
    assert bool(ran.stderr) == logged


def test_refused_loopback_port_fails_at_once(unused: str) -> None:
    for options in ({"plaintext": True}, {"ca": CertificateAuthority().pem}):
        for address in (unused, [unused, unused], f"dns:///{unused}"):
            began = time.monotonic()
            with keyway.connect(address, **options) as client, pytest.raises(keyway.KeywayError) as failure:
                client.providers.ListProviders(REQUEST)
            assert failure.value.problem is keyway.Problem.REFUSED
            assert time.monotonic() - began < 0.5
    assert explained(unused, plaintext=True) == "REFUSED"


def test_call_that_waits_for_the_gateway_is_not_failed(unused: str) -> None:
    with keyway.connect(unused, plaintext=True) as client, pytest.raises(keyway.KeywayError) as failure:
        client.providers.ListProviders(REQUEST, wait_for_ready=True, timeout=0.3)
    assert failure.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_client_of_a_stopped_gateway_retries() -> None:
    """After the first connection, the failure is left to gRPC, because the gateway can be restarting."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client = keyway.connect(f"127.0.0.1:{server.getsockname()[1]}", plaintext=True)
        with pytest.raises(keyway.KeywayError):
            client.providers.ListProviders(REQUEST, timeout=0.2)
    with client, pytest.raises(keyway.KeywayError) as failure:
        client.providers.ListProviders(REQUEST, timeout=20)
    assert isinstance(failure.value.__cause__, grpc.RpcError)


def test_problem_is_pickled(unused: str) -> None:
    error = first_call(unused, plaintext=True)
    assert pickle.loads(pickle.dumps(error)).problem is keyway.Problem.REFUSED
