"""Types of the client, checked by mypy and pyright. No test runs this file."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import assert_type

import grpc

import keyway
from keyway.envelope import AsyncOpener, AsyncSealer, Opener, Sealer
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import ListCertificatesRequest, ListCertificatesResponse
from keyway.v1.key_service_pb2 import EncryptRequest, EncryptResponse
from keyway.v1.provider_pb2 import Provider
from keyway.v1.provider_service_pb2 import ListProvidersRequest


def sync_calls() -> None:
    with keyway.connect("localhost:1", plaintext=True) as client:
        assert_type(client, keyway.Client)
        assert_type(client.keys.Encrypt(EncryptRequest(name="k")), EncryptResponse)
        assert_type(client.keys.Encrypt(EncryptRequest(name="k"), timeout=5), EncryptResponse)
        assert_type(client.keys.encrypt(name="k", plaintext=b"data", encoding="ENCODING_UTF8"), EncryptResponse)
        assert_type(client.keys.encrypt(EncryptRequest(name="k"), timeout=5), EncryptResponse)
        assert_type(client.keys.encrypt({"name": "k", "plaintext": b"data"}), EncryptResponse)
        assert_type(client.keys.Encrypt.with_call(EncryptRequest(name="k"))[0], EncryptResponse)
        client.keys.encrypt(plaintext=b"data")  # type: ignore[call-overload]
        client.keys.encrypt(name="k", plaintext=b"data", nam="k")  # type: ignore[call-overload]
        client.keys.encrypt(name="k", plaintext="data")  # type: ignore[call-overload]
        client.keys.encrypt(name="k", plaintext=b"data", timeout="5")  # type: ignore[call-overload]
        client.keys.encrypt(ListProvidersRequest())  # type: ignore[call-overload]
        client.keys.Encrypt(ListProvidersRequest())  # type: ignore[arg-type]
        listed = client.certificates.ListCertificates
        assert_type(keyway.iterate(listed, ListCertificatesRequest()), Iterator[Certificate])
        assert_type(keyway.iterate(client.certificates.list_certificates, parent="p"), Iterator[Certificate])
        assert_type(keyway.iterate(client.providers.ListProviders, ListProvidersRequest()), Iterator[Provider])
        assert_type(keyway.iterate_pages(listed, ListCertificatesRequest()), Iterator[ListCertificatesResponse])
        keyway.iterate(client.keys.Encrypt, EncryptRequest())  # type: ignore[call-overload]
        sealed = Sealer(client.keys, "k").seal(b"data")
        assert_type(sealed, bytes)
        assert_type(Opener(client.keys).open(sealed), bytes)


async def async_calls() -> None:
    async def token() -> str:
        return "token"

    async with keyway.aio.connect("localhost:1", token=token) as client:
        assert_type(client, keyway.aio.Client)
        assert_type(await client.keys.Encrypt(EncryptRequest(name="k")), EncryptResponse)
        assert_type(await client.keys.encrypt(name="k", plaintext=b"data"), EncryptResponse)
        await client.keys.encrypt(plaintext=b"data")  # type: ignore[call-overload]
        listed = client.certificates.ListCertificates
        assert_type(keyway.aio.iterate(listed, ListCertificatesRequest()), AsyncIterator[Certificate])
        sealed = await AsyncSealer(client.keys, "k").seal(b"data")
        assert_type(await AsyncOpener(client.keys).open(sealed), bytes)


def failures(error: keyway.KeywayError, other: grpc.RpcError) -> None:
    assert_type(error.code, grpc.StatusCode)
    assert_type(error.reason, str)
    assert_type(error.metadata, Mapping[str, str])
    assert_type(error.violations, tuple[keyway.Violation, ...])
    assert_type(error.retry_delay, float | None)
    assert_type(keyway.KeywayError.of(other), keyway.KeywayError)


def options() -> None:
    keyway.connect(["10.0.0.1:1", "10.0.0.2:1"], ca=b"pem", certificate="c.pem", private_key="k.pem", deadline=5)
    keyway.connect("localhost:1", token=lambda: "token")
    keyway.connect("localhost:1", tokens="token")  # type: ignore[call-arg]
    keyway.connect("localhost:1", ca=1)  # type: ignore[arg-type]
