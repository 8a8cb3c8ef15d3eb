"""Descriptions of messages for audit records, without secrets."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from gateway.audit.description import MAXIMUM_TEXT_CHARACTERS, Describer
from gateway.contract.methods import METHODS
from gateway.redaction import KeyedDigest, Redaction
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.contract_messages import valid
from tests.support.secrecy import fill, leaks, secret_fields, secrets_of

KEY = b"k" * 32
NAME = "providers/p/keys/k"
DESCRIBER = Describer(Redaction(KeyedDigest(lambda: KEY)))


def digest(value: bytes, key: bytes = KEY) -> dict[str, str]:
    return {"hmac_sha256": hmac.new(key, value, hashlib.sha256).hexdigest()}


def test_secret_is_replaced_by_a_keyed_digest_and_names_are_omitted() -> None:
    described = DESCRIBER.request(keys.EncryptRequest(name=NAME, plaintext=b"hunter2", encoding=keys.ENCODING_BASE64))
    assert described == {"plaintext": digest(b"hunter2"), "encoding": "ENCODING_BASE64"}
    assert Describer(Redaction(KeyedDigest(lambda: b"other"))).request(keys.EncryptRequest(plaintext=b"hunter2")) == {
        "plaintext": digest(b"hunter2", b"other")
    }


def test_digest_of_a_secret_is_the_same_for_text_and_bytes() -> None:
    requested = DESCRIBER.request(keys.EncryptRequest(plaintext="비밀".encode()))
    returned = DESCRIBER.response(keys.GetSecretResponse(payload="비밀".encode()))
    password = DESCRIBER.request(certificates.GetCertificateRequest(keystore_password="비밀"))
    assert requested["plaintext"] == returned["payload"] == password["keystore_password"]


def test_unset_fields_are_omitted() -> None:
    assert DESCRIBER.request(keys.EncryptRequest(name=NAME)) == {}
    assert DESCRIBER.response(keys.EncryptResponse(key_version=0)) == {"key_version": 0}


def test_long_texts_and_files_are_described_by_size_and_digest() -> None:
    fitting, long = "c" * MAXIMUM_TEXT_CHARACTERS, "c" * (MAXIMUM_TEXT_CHARACTERS + 1)
    assert DESCRIBER.request(keys.DecryptRequest(ciphertext=fitting)) == {"ciphertext": fitting}
    described = {"bytes": len(long), "sha256": hashlib.sha256(long.encode()).hexdigest()}
    assert DESCRIBER.request(keys.DecryptRequest(ciphertext=long)) == {"ciphertext": described}
    chain = DESCRIBER.request(certificates.InstallSignedCertificateRequest(chain=b"abc"))
    assert chain == {"chain": {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}}


def test_nested_messages_are_described_and_lists_are_counted() -> None:
    request = certificates.CreateCertificateRequest(certificate_id="server")
    request.subject.common_name = "www.example.com"
    assert DESCRIBER.request(request) == {
        "certificate_id": "server",
        "subject": {"common_name": "www.example.com"},
    }
    batch = keys.BatchEncryptRequest(requests=[keys.EncryptRequest(plaintext=b"a"), keys.EncryptRequest()])
    assert DESCRIBER.request(batch) == {"requests": {"items": 2}}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_description_of_any_message_contains_no_secret(method: Any) -> None:
    secret = "marker-4f1c-hunter2"
    request = valid(method.request.DESCRIPTOR)
    response = method.response()
    for message, describe in ((request, DESCRIBER.request), (response, DESCRIBER.response)):
        for field in message.DESCRIPTOR.fields:
            if field.GetOptions().debug_redact:
                message.ClearField(field.name)
        fill(message, secret)
        described: Any = describe(message)
        assert leaks(set(secrets_of(message)), json.dumps(described).encode()) == []
        for name in secret_fields(message.DESCRIPTOR):
            if name.rpartition(".")[0] == message.DESCRIPTOR.full_name:
                assert described[name.rpartition(".")[2]].keys() == {"hmac_sha256"}


@pytest.mark.parametrize("text", ["hunter2", "비밀", "c" * (MAXIMUM_TEXT_CHARACTERS + 1)])
def test_text_of_a_response_is_replaced_because_an_upstream_can_repeat_the_request(text: str) -> None:
    replaced = {"characters": len(text), **digest(text.encode())}
    assert DESCRIBER.response(keys.EncryptResponse(ciphertext=text, key_version=3)) == {
        "ciphertext": replaced,
        "key_version": 3,
    }
    certificate = certificates.GetCertificateResponse()
    certificate.certificate.subject.common_name = text
    certificate.certificate.expiration_date.year = 2030
    described = DESCRIBER.response(certificate)["certificate"]
    assert described == {"subject": {"common_name": replaced}, "expiration_date": {"year": 2030}}


def test_text_of_the_gateway_itself_is_kept() -> None:
    response = providers.GetProviderResponse()
    response.provider.type = "asteria"
    assert DESCRIBER.response(response) == {"provider": {"type": "asteria"}}


def test_debug_setting_keeps_the_text_of_a_response() -> None:
    describer = Describer(Redaction(KeyedDigest(lambda: KEY), keep_text=True))
    assert describer.response(keys.SignResponse(signature="c2ln")) == {"signature": "c2ln"}
    assert describer.response(keys.GetSecretResponse(payload=b"hunter2")) == {"payload": digest(b"hunter2")}
