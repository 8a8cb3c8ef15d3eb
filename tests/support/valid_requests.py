"""A valid request for every method of the contract, about objects in the default seed of the emulators.

The descriptors determine the required fields and the resource names, so a new method needs no code here unless the
upstream requires more than the contract does.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.contract.methods import METHODS
from gateway.demo import DEMO_PROVIDERS
from gateway.providers.base.provider import implemented_operations
from gateway.providers.catalog import PROVIDER_TYPES, USED_OPERATIONS
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.contract_messages import valid
from tests.support.stack import Gateway, Stack

CERTIFICATES = "nhn-certs"
KEYS = "nhn-keys"
WARP = "asteria"
PASSWORD = "changeit"
"""The password of the seeded key store, and of the key in it."""

SUBJECT = certificate_pb2.DistinguishedName(common_name="made.example.com", organization="Example", country="KR")

_METHODS: Final = {method.name: method for method in METHODS}
_KEY_PAIR_METHODS: Final = frozenset({"Sign", "Verify", "GetPrivateKey", "GetPublicKey"})


def valid_request(method: str, provider: str = "", secret: str = PASSWORD) -> Any:
    """Return the request.

    provider: an id; by default, that of a demo provider that serves the method. secret: the value of every password,
    plaintext, ciphertext, and key in the request.
    """
    names = _seeded_names(method, f"providers/{provider or home_of(method)}")
    request = valid(_METHODS[method].request.DESCRIPTOR, names, secret)
    _fill_secrets(request, secret)
    extra = _EXTRA_FIELDS[method](secret) if method in _EXTRA_FIELDS else {}
    for field, value in extra.items():
        if isinstance(value, Message):
            getattr(request, field).CopyFrom(value)
        else:
            setattr(request, field, value)
    return request


def home_of(method: str) -> str:
    """Return the id of a demo provider that serves the method: ASTERIA if it does, otherwise the first that does."""
    used = frozenset(USED_OPERATIONS[_METHODS[method].operation])
    serving = [
        provider["id"]
        for provider in DEMO_PROVIDERS
        if used <= implemented_operations(PROVIDER_TYPES[provider["type"]].create)
    ]
    # The gateway itself serves ProviderService and AuditService.
    return WARP if WARP in serving or not serving else serving[0]


def call(gateway: Gateway, method: str, request: Message | None = None, **options: Any) -> Any:
    """Call a method by its name. Of a stream, the result is the first message."""
    for stub in (gateway.certificates, gateway.keys, gateway.providers, gateway.audit):
        if hasattr(stub, method):
            made = getattr(stub, method)(valid_request(method) if request is None else request, **options)
            return _first(made) if _METHODS[method].streaming else made
    raise AssertionError(f"no service has {method}")


async def _first(stream: Any) -> Any:
    try:
        return await anext(aiter(stream))
    finally:
        stream.cancel()


async def upstream_targets(stack: Stack) -> list[str]:
    """Return the raw target of every request that any upstream received."""
    return [request["target"] for control in stack.controls.values() for request in await control.requests()]


def _seeded_names(method: str, parent: str) -> Mapping[str, str]:
    key = "demo-rsa" if method in _KEY_PAIR_METHODS else "orders-key"
    certificate = "www.example.com" if parent.endswith(CERTIFICATES) else "server"
    return {
        "keyway.dev/Provider": parent,
        "keyway.dev/Certificate": f"{parent}/certificates/{certificate}",
        "keyway.dev/TrustStore": f"{parent}/trustStores/server",
        "keyway.dev/TrustedAuthority": f"{parent}/trustStores/server/authorities/0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01",
        "keyway.dev/Key": f"{parent}/keys/{key}",
        "keyway.dev/KeyVersion": f"{parent}/keys/{key}",  # a key without a version means its latest version
        "keyway.dev/Secret": f"{parent}/secrets/demo-secret",
        "keyway.dev/AuditLog": "auditLogs/keyway:gateway",
    }


def _fill_secrets(message: Any, secret: str) -> None:
    """Set every field that the contract marks as secret, including optional ones."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.is_repeated:
            for item in getattr(message, field.name):
                _fill_secrets(item, secret)
        elif field.GetOptions().debug_redact:
            setattr(message, field.name, secret.encode() if field.type == FieldDescriptor.TYPE_BYTES else secret)


_EXTRA_FIELDS: Final[Mapping[str, Callable[[str], Mapping[str, Any]]]] = {
    "GetCertificate": lambda _: {"view": certificates.CERTIFICATE_VIEW_FULL},
    "CreateCertificate": lambda _: {"certificate_id": "client", "subject": SUBJECT, "replace": True},
    "ImportCertificate": lambda _: {"replace": True},
    "InstallSignedCertificate": lambda _: {"certificate": b"a certificate"},
    "ImportTrustedAuthority": lambda _: {"content": b"no certificate"},
    "UploadCertificate": lambda secret: {
        "content": f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----".encode()
    },
}
"""Fields that the upstream requires, or that make the response contain more."""
