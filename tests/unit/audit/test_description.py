"""Descriptions of messages for audit records, without secrets."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from gateway.audit.description import MAXIMUM_TEXT_CHARACTERS, Describer
from gateway.contract.methods import METHODS
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.contract_messages import valid
from tests.support.secrecy import fill, leaks, secret_fields, secrets_of

KEY = b"k" * 32
NAME = "providers/p/keys/k"
DESCRIBER = Describer(lambda: KEY)


def digest(value: bytes, key: bytes = KEY) -> dict[str, str]:
    return {"hmac_sha256": hmac.new(key, value, hashlib.sha256).hexdigest()}


def test_secret_is_replaced_by_a_keyed_digest_and_names_are_omitted() -> None:
    described = DESCRIBER.describe(keys.EncryptRequest(name=NAME, plaintext=b"hunter2", encoding=keys.ENCODING_BASE64))
    assert described == {"plaintext": digest(b"hunter2"), "encoding": "ENCODING_BASE64"}
    assert Describer(lambda: b"other").describe(keys.EncryptRequest(plaintext=b"hunter2")) == {
        "plaintext": digest(b"hunter2", b"other")
    }


def test_digest_of_a_secret_is_the_same_for_text_and_bytes() -> None:
    requested = DESCRIBER.describe(keys.EncryptRequest(plaintext="비밀".encode()))
    returned = DESCRIBER.describe(keys.GetSecretResponse(payload="비밀".encode()))
    password = DESCRIBER.describe(certificates.GetCertificateRequest(keystore_password="비밀"))
    assert requested["plaintext"] == returned["payload"] == password["keystore_password"]


def test_unset_fields_are_omitted() -> None:
    assert DESCRIBER.describe(keys.EncryptRequest(name=NAME)) == {}
    assert DESCRIBER.describe(keys.EncryptResponse(key_version=0)) == {"key_version": 0}


def test_long_texts_and_files_are_described_by_size_and_digest() -> None:
    fitting, long = "c" * MAXIMUM_TEXT_CHARACTERS, "c" * (MAXIMUM_TEXT_CHARACTERS + 1)
    assert DESCRIBER.describe(keys.DecryptRequest(ciphertext=fitting)) == {"ciphertext": fitting}
    described = {"bytes": len(long), "sha256": hashlib.sha256(long.encode()).hexdigest()}
    assert DESCRIBER.describe(keys.DecryptRequest(ciphertext=long)) == {"ciphertext": described}
    chain = DESCRIBER.describe(certificates.InstallSignedCertificateRequest(chain=b"abc"))
    assert chain == {"chain": {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}}


def test_nested_messages_are_described_and_lists_are_counted() -> None:
    request = certificates.CreateCertificateRequest(certificate_id="server")
    request.subject.common_name = "www.example.com"
    assert DESCRIBER.describe(request) == {
        "certificate_id": "server",
        "subject": {"common_name": "www.example.com"},
    }
    batch = keys.BatchEncryptRequest(requests=[keys.EncryptRequest(plaintext=b"a"), keys.EncryptRequest()])
    assert DESCRIBER.describe(batch) == {"requests": {"items": 2}}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_description_of_any_message_contains_no_secret(method: Any) -> None:
    secret = "marker-4f1c-hunter2"
    request = valid(method.request.DESCRIPTOR)
    response = method.response()
    for message in (request, response):
        for field in message.DESCRIPTOR.fields:
            if field.GetOptions().debug_redact:
                message.ClearField(field.name)
        fill(message, secret)
        described: Any = DESCRIBER.describe(message)
        assert leaks(set(secrets_of(message)), json.dumps(described).encode()) == []
        for name in secret_fields(message.DESCRIPTOR):
            if name.rpartition(".")[0] == message.DESCRIPTOR.full_name:
                assert described[name.rpartition(".")[2]].keys() == {"hmac_sha256"}
