"""A valid request for every method of the contract, about objects that the emulators' default seed has."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from keyway.v1 import certificate_pb2, key_service_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import provider_service_pb2 as providers
from tests.support.stack import Gateway, Stack

CERTIFICATES = "nhn-certs"
KEYS = "nhn-keys"
WARP = "asteria"
PASSWORD = "changeit"
"""Of the seeded key store, and of the key in it."""

SUBJECT = certificate_pb2.DistinguishedName(common_name="made.example.com", organization="Example", country="KR")


def valid_request(method: str, provider: str = "", secret: str = PASSWORD) -> Any:
    """The request. provider: an id, by default of a demonstration's provider that serves the method.

    secret: what every password, plaintext and key in it consists of.
    """
    return _MAKERS[method](f"providers/{provider or home_of(method)}", secret)


def home_of(method: str) -> str:
    """The demonstration's provider that serves the method best."""
    if method in _KEY_METHODS:
        return KEYS
    return CERTIFICATES if method == "UploadCertificate" else WARP


def call(gateway: Gateway, method: str, request: Message | None = None, **options: Any) -> Any:
    """The call of a method by its name."""
    for stub in (gateway.certificates, gateway.keys, gateway.providers):
        if hasattr(stub, method):
            return getattr(stub, method)(valid_request(method) if request is None else request, **options)
    raise AssertionError(f"no service has {method}")


async def asked(stack: Stack) -> list[str]:
    """The raw target of every request that any upstream saw."""
    return [request["target"] for control in stack.controls.values() for request in await control.requests()]


def _certificate(parent: str) -> str:
    return f"{parent}/certificates/{'www.example.com' if parent.endswith(CERTIFICATES) else 'server'}"


def _store(parent: str) -> str:
    return f"{parent}/trustStores/server"


def _authority(parent: str) -> str:
    return f"{_store(parent)}/authorities/0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01"


def _key(parent: str) -> str:
    return f"{parent}/keys/orders-key"


def _pair(parent: str) -> str:
    return f"{parent}/keys/demo-rsa"


def _create(parent: str, secret: str) -> Message:
    return certificates.CreateCertificateRequest(
        parent=parent,
        certificate_id="client",
        subject=SUBJECT,
        keystore_password=secret,
        private_key_password=secret,
        replace=True,
    )


def _import(parent: str, secret: str) -> Message:
    return certificates.ImportCertificateRequest(
        name=_certificate(parent),
        keystore=secret.encode(),
        file_password=secret,
        keystore_password=secret,
        private_key_password=secret,
        replace=True,
    )


def _install(parent: str, secret: str) -> Message:
    return certificates.InstallSignedCertificateRequest(
        name=_certificate(parent),
        certificate=b"a certificate",
        keystore_password=secret,
        private_key_password=secret,
    )


def _signing_request(parent: str, secret: str) -> Message:
    return certificates.GetCertificateSigningRequestRequest(
        name=_certificate(parent), keystore_password=secret, private_key_password=secret
    )


_KEY_METHODS: Final[Mapping[str, Callable[[str, str], Message]]] = {
    "GetClientInfo": lambda parent, _: key_service_pb2.GetClientInfoRequest(provider=parent),
    "GetSecret": lambda parent, _: key_service_pb2.GetSecretRequest(name=f"{parent}/secrets/demo-secret"),
    "Encrypt": lambda parent, secret: key_service_pb2.EncryptRequest(name=_key(parent), plaintext=secret.encode()),
    "Decrypt": lambda parent, secret: key_service_pb2.DecryptRequest(name=_key(parent), ciphertext=secret),
    "GenerateDataKey": lambda parent, _: key_service_pb2.GenerateDataKeyRequest(name=_key(parent)),
    "GetSymmetricKey": lambda parent, _: key_service_pb2.GetSymmetricKeyRequest(name=_key(parent)),
    "Sign": lambda parent, secret: key_service_pb2.SignRequest(name=_pair(parent), plaintext=secret.encode()),
    "Verify": lambda parent, secret: key_service_pb2.VerifyRequest(
        name=_pair(parent), plaintext=secret.encode(), signature=secret
    ),
    "GetPrivateKey": lambda parent, _: key_service_pb2.GetPrivateKeyRequest(name=_pair(parent)),
    "GetPublicKey": lambda parent, _: key_service_pb2.GetPublicKeyRequest(name=_pair(parent)),
    "BatchEncrypt": lambda parent, secret: key_service_pb2.BatchEncryptRequest(
        requests=[key_service_pb2.EncryptRequest(name=_key(parent), plaintext=secret.encode())]
    ),
    "BatchDecrypt": lambda parent, secret: key_service_pb2.BatchDecryptRequest(
        requests=[key_service_pb2.DecryptRequest(name=_key(parent), ciphertext=secret)]
    ),
}

_MAKERS: Final[Mapping[str, Callable[[str, str], Message]]] = {
    **_KEY_METHODS,
    "ListCertificates": lambda parent, _: certificates.ListCertificatesRequest(parent=parent),
    "GetCertificate": lambda parent, secret: certificates.GetCertificateRequest(
        name=_certificate(parent), keystore_password=secret, view=certificates.CERTIFICATE_VIEW_FULL
    ),
    "CheckCertificate": lambda parent, _: certificates.CheckCertificateRequest(name=_certificate(parent)),
    "CreateCertificate": _create,
    "DeleteCertificate": lambda parent, secret: certificates.DeleteCertificateRequest(
        name=_certificate(parent), keystore_password=secret
    ),
    "UploadCertificate": lambda parent, secret: certificates.UploadCertificateRequest(
        name=_certificate(parent), content=f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----".encode()
    ),
    "DownloadCertificate": lambda parent, secret: certificates.DownloadCertificateRequest(
        name=_certificate(parent), keystore_password=secret
    ),
    "ImportCertificate": _import,
    "GetCertificateSigningRequest": _signing_request,
    "InstallSignedCertificate": _install,
    "ListTrustedAuthorities": lambda parent, _: certificates.ListTrustedAuthoritiesRequest(parent=_store(parent)),
    "GetTrustedAuthority": lambda parent, _: certificates.GetTrustedAuthorityRequest(name=_authority(parent)),
    "ImportTrustedAuthority": lambda parent, _: certificates.ImportTrustedAuthorityRequest(
        parent=_store(parent), content=b"no certificate"
    ),
    "DeleteTrustedAuthority": lambda parent, _: certificates.DeleteTrustedAuthorityRequest(name=_authority(parent)),
    "ListProviders": lambda _, __: providers.ListProvidersRequest(),
    "GetProvider": lambda parent, _: providers.GetProviderRequest(name=parent),
    "CheckProvider": lambda parent, _: providers.CheckProviderRequest(name=parent),
    "ListStatusMappings": lambda parent, _: providers.ListStatusMappingsRequest(name=parent),
}
