"""Validation of sizes, numbers, texts, and subjects: the limits that the options of the contract declare."""

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.contract_messages import fields, is_output, put, referenced_name, valid
from tests.support.violations import full_name, problems

BATCHES = [keys.BatchEncryptRequest, keys.BatchDecryptRequest]
KEY = "providers/p/keys/k"

OWN_BOUNDS = {"plaintext": "checked by the adapter", "page_token": "checked by paging.decode"}
TEXTS = [
    field
    for field in (*fields(), *certificate_pb2.DistinguishedName.DESCRIPTOR.fields)
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES) and not is_output(field)
]
BOUNDS = {
    "password": 1024,
    "_algorithm": 128,
    "ciphertext": 131_072,
    "signature": 8192,
    "filename": 255,
    "content": 4_194_304,
    "keystore": 4_194_304,
    "certificate": 4_194_304,
    "chain": 4_194_304,
    "request_id": 128,
    "resume_token": 128,
    "receipt": 256,
    "secret": 4096,
}


class TestSizes:
    @pytest.mark.parametrize("field", [field for field in TEXTS if field.name not in OWN_BOUNDS], ids=full_name)
    def test_every_text_and_file_has_a_limit(self, field: Any) -> None:
        if field.containing_type.name == "DistinguishedName":
            message = valid(certificates.CreateCertificateRequest.DESCRIPTOR)
            part, path, bound = message.subject, f"subject.{field.name}", 1024
        else:
            message = part = valid(field.containing_type)
            path = field.name
            bound = next((size for ending, size in BOUNDS.items() if path.endswith(ending)), 1024)
        is_text = field.type == FieldDescriptor.TYPE_STRING
        for value in ("x" * (bound + 1), "가" * (bound // 3 + 1)):
            is_name = referenced_name(field) is not None or field.name == "certificate_id"
            if is_name and len(value) <= bound:
                continue
            put(part, field, value if is_text else value.encode())
            assert problems(message) == {path: f"must have at most {bound} {'characters' if is_name else 'bytes'}"}
        if not is_name:
            put(part, field, "x" * bound if is_text else b"x" * bound)
            assert problems(message) == {}


class TestNumbers:
    @pytest.mark.parametrize("request_type", [certificates.ListCertificatesRequest, providers.ListProvidersRequest])
    @pytest.mark.parametrize(("size", "good"), [(-1, False), (0, True), (1, True), (1000, True), (1001, False)])
    def test_page_size_is_limited(self, request_type: type[Message], size: int, *, good: bool) -> None:
        message = valid(request_type.DESCRIPTOR)
        message.page_size = size
        assert problems(message) == ({} if good else {"page_size": "must be 0 to 1000"})

    @pytest.mark.parametrize(
        ("field", "value", "good"),
        [
            ("key_size", 0, True),
            ("key_size", 16_384, True),
            ("key_size", 16_385, False),
            ("key_size", -1, False),
            ("validity_days", 0, True),
            ("validity_days", 36_500, True),
            ("validity_days", 36_501, False),
            ("validity_days", -1, False),
        ],
    )
    def test_key_size_and_validity_are_limited(self, field: str, value: int, *, good: bool) -> None:
        message = valid(certificates.CreateCertificateRequest.DESCRIPTOR)
        setattr(message, field, value)
        assert problems(message).keys() == (set() if good else {field})

    @pytest.mark.parametrize("request_type", BATCHES)
    @pytest.mark.parametrize(("size", "good"), [(0, False), (1, True), (1000, True), (1001, False)])
    def test_batch_size_is_limited(self, request_type: Any, size: int, *, good: bool) -> None:
        message = request_type()
        for _ in range(size):
            message.requests.add(name="not a name: items are checked one by one")
        assert problems(message) == ({} if good else {"requests": "must have 1 to 1000 items"})

    @pytest.mark.parametrize(("size", "good"), [(0, True), (1000, True), (1001, False)])
    def test_number_of_watched_certificates_is_limited(self, size: int, *, good: bool) -> None:
        message = valid(certificates.WatchCertificatesRequest.DESCRIPTOR)
        message.names.extend(f"providers/p/certificates/{number}" for number in range(size))
        assert problems(message) == ({} if good else {"names": "must have at most 1000 items"})

    @pytest.mark.parametrize(
        "request_type", [keys.GetSymmetricKeyRequest, keys.GetPublicKeyRequest, keys.GetPrivateKeyRequest]
    )
    @pytest.mark.parametrize(
        ("version", "good"),
        [("0", True), ("1", True), ("2147483647", True), ("2147483648", False), ("9" * 900, False)]
        + [
            (text, False)
            for text in ("01", "00", "+1", "-1", "1.0", "1 ", "٣", "²", "１", "1e3", "0x1", "1_0", "latest")
        ],
    )
    def test_version_must_be_a_canonical_number(self, request_type: Any, version: str, *, good: bool) -> None:
        found = problems(request_type(name=f"{KEY}/versions/{version}"))
        assert found.keys() == (set() if good else {"name"})


class TestTexts:
    @pytest.mark.parametrize("field", [field for field in fields() if field.name.endswith("filename")], ids=full_name)
    @pytest.mark.parametrize(
        ("value", "good"),
        [("", True), ("a.pem", True), ("인증서.pem", True), ("a" * 255, True), ('a"b;c', True), ("...", True)]
        + [(text, False) for text in ("a" * 256, "가" * 86, "a/b", "a\\b", "..", ".", "a\r\nb", "\0", "\x9f")],
    )
    def test_filename_must_be_plain(self, field: Any, value: str, *, good: bool) -> None:
        message = valid(field.containing_type)
        setattr(message, field.name, value)
        assert problems(message).keys() == (set() if good else {field.name})

    @pytest.mark.parametrize(
        ("value", "good"),
        [("server", True), ("*.example.com", True), ("가", True)]
        + [(text, False) for text in (".", "..", "a/b", "a\n", "\x80", "a" * 1100)],
    )
    def test_certificate_id_must_be_one_segment(self, value: str, *, good: bool) -> None:
        message = valid(certificates.CreateCertificateRequest.DESCRIPTOR)
        message.certificate_id = value
        assert problems(message).keys() == (set() if good else {"certificate_id"})

    def test_name_of_a_new_certificate_is_limited(self) -> None:
        message = valid(certificates.CreateCertificateRequest.DESCRIPTOR)
        message.certificate_id = "c" * (1024 - len("providers/p/certificates/"))
        assert problems(message) == {}
        message.certificate_id += "c"
        assert problems(message) == {"certificate_id": "makes a name of more than 1024 characters"}

    @pytest.mark.parametrize("request_type", [keys.EncryptRequest, keys.SignRequest, keys.VerifyRequest])
    @pytest.mark.parametrize("encoding", [keys.ENCODING_UNSPECIFIED, keys.ENCODING_UTF8, keys.ENCODING_BASE64])
    @pytest.mark.parametrize(
        ("plaintext", "is_text"),
        [(b"", True), ("비밀".encode(), True), (b"\0", True)]
        + [(data, False) for data in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80", "비".encode()[:2])],
    )
    def test_plaintext_must_match_its_encoding(
        self, request_type: Any, encoding: keys.Encoding.ValueType, plaintext: bytes, is_text: bool
    ) -> None:
        message = valid(request_type.DESCRIPTOR)
        message.plaintext, message.encoding = plaintext, encoding
        good = is_text or encoding == keys.ENCODING_BASE64
        assert problems(message).keys() == (set() if good else {"plaintext"})

    def test_unknown_encoding_does_not_report_the_plaintext(self) -> None:
        message = keys.EncryptRequest(name=KEY, plaintext=b"\xff")
        message.encoding = 99  # type: ignore[assignment]
        assert problems(message).keys() == {"encoding"}


class TestSubject:
    @pytest.mark.parametrize(
        ("subject", "path"),
        [
            ({}, "subject"),
            ({"organization": "Example"}, "subject.common_name"),
            ({"text": "CN=a"}, "subject.common_name"),
        ],
    )
    def test_common_name_is_required(self, subject: dict[str, str], path: str) -> None:
        message = valid(certificates.CreateCertificateRequest.DESCRIPTOR)
        message.subject.Clear()
        for name, value in subject.items():
            setattr(message.subject, name, value)
        message.subject.SetInParent()
        assert problems(message) == {path: "is required"}

    def test_common_name_is_sufficient(self) -> None:
        message = valid(certificates.CreateCertificateRequest.DESCRIPTOR)
        message.subject.common_name = "a"
        assert problems(message) == {}
