"""The sync client over a real gateway."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import TracerProvider

import keyway
from keyway.testing import Sandbox
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers

pytestmark = pytest.mark.xdist_group("sandbox")

KEY = "providers/nhn-keys/keys/orders-key"
ENCRYPT = keys.EncryptRequest(name=KEY, plaintext=b"order 42")
KEYS = "nhn-secure-key-manager"


def test_call_returns_response_and_trailers(keyway_client: keyway.Client) -> None:
    response, call = keyway_client.keys.Encrypt.with_call(ENCRYPT)
    assert response.ciphertext
    assert len(keyway.request_id(call)) == 36
    assert keyway.receipt(call).count(":") == 2
    assert keyway_client.keys.Encrypt.future(ENCRYPT).result().ciphertext


@pytest.mark.parametrize(
    "failing",
    [
        lambda method, request: method(request),
        lambda method, request: method.with_call(request),
        lambda method, request: method.future(request).result(),
    ],
    ids=["call", "with_call", "future"],
)
def test_failed_call_raises_keyway_error(keyway_client: keyway.Client, failing: Any) -> None:
    with pytest.raises(keyway.KeywayError) as failure:
        failing(keyway_client.keys.Encrypt, keys.EncryptRequest(name=f"{KEY}-not", plaintext=b"x"))
    error = failure.value
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "KEY_NOT_FOUND")
    assert error.metadata["provider"] == "nhn-keys"
    assert error.request_id
    assert error.receipt
    assert isinstance(error.__cause__, grpc.RpcError)


def test_failed_future_has_a_keyway_error(keyway_client: keyway.Client) -> None:
    failure = keyway_client.keys.Encrypt.future(keys.EncryptRequest()).exception()
    assert isinstance(failure, keyway.KeywayError)
    assert keyway_client.keys.Encrypt.future(ENCRYPT).exception() is None


def test_default_deadline_applies_to_calls_without_timeout(keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.fail(KEYS, mode="stall", count=2)
    with keyway_sandbox.connect(deadline=0.3) as client:
        started = time.monotonic()
        with pytest.raises(keyway.KeywayError) as failure:
            client.keys.Encrypt(ENCRYPT)
        assert failure.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - started < 5
    with keyway_sandbox.connect(deadline=60) as client, pytest.raises(keyway.KeywayError) as failure:
        client.keys.Encrypt(ENCRYPT, timeout=0.2)
    assert failure.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    keyway_sandbox.clear_faults()


def test_unreachable_gateway_is_unavailable_without_reason() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        client = keyway.connect(address, plaintext=True, retries=False)
        with client, pytest.raises(keyway.KeywayError) as failure:
            client.providers.ListProviders(providers.ListProvidersRequest())
    assert failure.value.code is grpc.StatusCode.UNAVAILABLE
    assert (failure.value.reason, failure.value.request_id) == ("", "")


def test_unreachable_address_is_skipped(keyway_sandbox: Sandbox) -> None:
    port = keyway_sandbox.plain.rpartition(":")[2]
    with keyway.connect([f"127.0.0.1:{port}", "127.0.0.1:1"], plaintext=True) as client:
        for _ in range(4):
            assert client.keys.Encrypt(ENCRYPT).ciphertext


def test_mutual_tls_accepts_files_and_bytes(keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    content = [Path(path).read_bytes() for path in (box.ca, box.certificate, box.private_key)]
    for ca, certificate, private_key in ((box.ca, box.certificate, box.private_key), content):
        with keyway.connect(box.mtls, ca=ca, certificate=certificate, private_key=private_key) as client:
            assert client.keys.GetSecret(keys.GetSecretRequest(name="providers/nhn-keys/secrets/demo-secret")).payload


def test_server_name_replaces_the_address(keyway_sandbox: Sandbox) -> None:
    address = keyway_sandbox.jwt.replace("localhost", "127.0.0.1")
    options: dict[str, Any] = {"ca": keyway_sandbox.ca, "token": keyway_sandbox.token}
    request = providers.ListProvidersRequest()
    with keyway.connect(address, server_name="localhost", **options) as client:
        assert client.providers.ListProviders(request).providers
    with keyway.connect(address, retries=False, **options) as client, pytest.raises(keyway.KeywayError):
        client.providers.ListProviders(request)


def test_token_function_is_called_for_each_call(keyway_sandbox: Sandbox) -> None:
    tokens = iter([keyway_sandbox.token, "not-a-token", keyway_sandbox.token])
    with keyway.connect(keyway_sandbox.jwt, ca=keyway_sandbox.ca, token=lambda: next(tokens)) as client:
        assert client.keys.Encrypt(ENCRYPT).ciphertext
        with pytest.raises(keyway.KeywayError) as failure:
            client.keys.Encrypt(ENCRYPT)
        assert failure.value.reason == "UNAUTHENTICATED"
        assert "not-a-token" not in str(failure.value)
        assert client.keys.Encrypt(ENCRYPT).ciphertext


def test_error_of_the_token_function_is_raised(keyway_sandbox: Sandbox) -> None:
    def broken() -> str:
        raise LookupError("no token today")

    client = keyway.connect(keyway_sandbox.jwt, ca=keyway_sandbox.ca, token=broken)
    with client, pytest.raises(LookupError, match="no token today"):
        client.keys.Encrypt(ENCRYPT)


def test_pages_are_requested_when_needed(keyway_client: keyway.Client) -> None:
    asked = []

    def method(request: Any, **options: Any) -> Any:
        asked.append((request.page_token, options))
        return keyway_client.certificates.ListCertificates(request, **options)

    request = certificates.ListCertificatesRequest(parent="providers/nhn-certs", page_size=3)
    items = keyway.iterate(method, request, timeout=5)
    assert not asked
    assert next(items).name == "providers/nhn-certs/certificates/www.example.com"
    assert asked == [("", {"timeout": 5})]
    assert len(list(items)) == 9
    assert len(asked) == 4
    assert len({token for token, _ in asked}) == 4
    assert request.page_token == ""
    pages = list(keyway.iterate_pages(keyway_client.certificates.ListCertificates, request))
    assert [len(page.certificates) for page in pages] == [3, 3, 3, 1]


def test_idempotent_call_is_retried(keyway_sandbox: Sandbox) -> None:
    with keyway_sandbox.connect() as client:
        keyway_sandbox.fail(KEYS, mode="close")
        assert client.keys.Encrypt(ENCRYPT).ciphertext
    with keyway_sandbox.connect(retries=False) as client:
        keyway_sandbox.fail(KEYS, mode="close")
        with pytest.raises(keyway.KeywayError) as failure:
            client.keys.Encrypt(ENCRYPT)
    assert failure.value.reason == "PROVIDER_CONNECTION_LOST"
    assert failure.value.retry_delay is not None


def test_large_call_is_retryable(keyway_sandbox: Sandbox) -> None:
    request = keys.BatchEncryptRequest(requests=[keys.EncryptRequest(name=KEY, plaintext=b"x" * 30_000)] * 100)
    with keyway_sandbox.connect() as client:
        assert all(result.response.ciphertext for result in client.keys.BatchEncrypt(request).results)


def test_metadata_and_trace_context_are_sent(keyway_sandbox: Sandbox) -> None:
    tracer = TracerProvider().get_tracer("test")
    with Seen() as (address, metadata), keyway.connect(address, plaintext=True) as client:
        with tracer.start_as_current_span("caller") as span:
            client.keys.Encrypt(ENCRYPT, metadata=(("x-request-id", "mine"),))
            client.keys.Encrypt(ENCRYPT, metadata=(("traceparent", "of-the-caller"),))
        client.keys.Encrypt(ENCRYPT)
    first, second, third = metadata
    assert first["x-request-id"] == "mine"
    context = span.get_span_context()
    assert first["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
    assert second["traceparent"] == "of-the-caller"
    assert "traceparent" not in third


class Seen:
    """A service that stores the metadata of each call."""

    def __enter__(self) -> Any:
        self.metadata: list[dict[str, Any]] = []

        def encrypt(_request: Any, context: Any) -> Any:
            self.metadata.append(dict(context.invocation_metadata()))
            return keys.EncryptResponse()

        handler = grpc.unary_unary_rpc_method_handler(
            encrypt, keys.EncryptRequest.FromString, keys.EncryptResponse.SerializeToString
        )
        self.server = grpc.server(ThreadPoolExecutor(1))
        handlers = grpc.method_handlers_generic_handler("keyway.v1.KeyService", {"Encrypt": handler})
        self.server.add_generic_rpc_handlers((handlers,))
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        return f"127.0.0.1:{port}", self.metadata

    def __exit__(self, *_: Any) -> None:
        self.server.stop(0).wait()


def test_threads_can_share_a_client(keyway_client: keyway.Client) -> None:
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(keyway_client.keys.Encrypt(ENCRYPT).ciphertext))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 8


def test_closed_client_rejects_calls(keyway_sandbox: Sandbox) -> None:
    with keyway_sandbox.connect() as client:
        client.keys.Encrypt(ENCRYPT)
    with pytest.raises(ValueError, match="closed channel"):
        client.keys.Encrypt(ENCRYPT)
