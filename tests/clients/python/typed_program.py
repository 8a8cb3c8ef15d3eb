"""A program for type checkers in an environment without `types-grpcio`. No test runs this file."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import keyway
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.key_service_pb2 import EncryptRequest, EncryptResponse


def sync_calls() -> None:
    with keyway.connect("localhost:1", plaintext=True) as client:
        assert_type(client.keys.encrypt(name="k", plaintext=b"data", timeout=5), EncryptResponse)
        assert_type(client.keys.encrypt({"name": "k"}), EncryptResponse)
        assert_type(client.keys.Encrypt(EncryptRequest(name="k")), EncryptResponse)
        assert_type(client.keys.encrypt(name="k").ciphertext, str)
        client.keys.encrypt(plaintext=b"data")  # type: ignore[call-overload]  # pyright: ignore
        # Without types-protobuf, mypy infers Iterator[Any].
        certificates: Iterator[Certificate] = keyway.iterate(
            client.certificates.list_certificates, parent="providers/-"
        )
        assert_type(next(certificates), Certificate)


async def async_calls() -> None:
    async with keyway.aio.connect("localhost:1", plaintext=True) as client:
        assert_type(await client.keys.encrypt(name="k", plaintext=b"data"), EncryptResponse)
        method = client.certificates.list_certificates
        certificates: AsyncIterator[Certificate] = keyway.aio.iterate(method, parent="providers/-")
        assert_type(await anext(certificates), Certificate)


def failures(error: keyway.KeywayError) -> bool:
    assert_type(error.reason, str)
    assert_type(error.retry_delay, float | None)
    return error.code is keyway.StatusCode.NOT_FOUND
