"""The adapter of Secure Key Manager: for each method of the contract, which call is made and how it is read.

Responsible for choosing the call and its version. Paths are built in `requests`, texts in `encoding`, bodies read in
`responses`, failures told apart in `exchange` and `errors`. Every method raises `gateway.errors.GatewayError` alone.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from gateway.call_context import CallContext
from gateway.errors import PLAINTEXT_NOT_BASE64, GatewayError
from gateway.providers.base.capabilities import StatusRow
from gateway.providers.base.formats import FormatError
from gateway.providers.nhn.envelope import ApiVersion
from gateway.providers.nhn_secure_key_manager import responses
from gateway.providers.nhn_secure_key_manager.encoding import (
    MAXIMUM_ENCRYPT_BYTES,
    MAXIMUM_SIGN_BYTES,
    decode_base64,
    upstream_text,
)
from gateway.providers.nhn_secure_key_manager.errors import status_rows
from gateway.providers.nhn_secure_key_manager.exchange import Exchange, Question
from gateway.providers.nhn_secure_key_manager.requests import Paths, named_version
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings
from gateway.upstream.client import HttpClient
from gateway.upstream.state import UpstreamState
from keyway.v1 import key_service_pb2 as keys

_FIRST_WITH_SYMMETRIC_VERSIONS: Final[ApiVersion] = "v1.1"


class SecureKeyManager:
    """One Secure Key Manager: a Provider with KeyOperations, all ten calls in every version."""

    def __init__(self, settings: SecureKeyManagerSettings) -> None:
        self.id = settings.id
        self.type: str = settings.type
        self.api_version: str = settings.api_version
        self._client = HttpClient(settings.id, settings.http())
        self._name = f"providers/{settings.id}"
        app_key = settings.app_key.get_secret_value()
        self._paths = Paths(settings.api_version, app_key)
        self._exchange = Exchange(settings, self._client, settings.api_version)
        # v1.0 of this one call knows no versions: a named version is read through v1.1.
        version = _FIRST_WITH_SYMMETRIC_VERSIONS if settings.api_version == "v1.0" else settings.api_version
        self._paths_with_version = Paths(version, app_key)
        self._exchange_with_version = Exchange(settings, self._client, version)

    async def start(self) -> None:
        """Open the pool; nothing is asked."""
        await self._client.start()

    async def close(self) -> None:
        """Close the pool. There is no session to leave."""
        await self._client.close()

    async def check(self, call: CallContext) -> None:
        """`confirm`, which reads no key; GatewayError where it fails."""
        await self._confirm(call)

    def status_rows(self) -> Sequence[StatusRow]:
        """The messages that are known, and the shared HTTP rows."""
        return status_rows()

    @property
    def upstream(self) -> UpstreamState:
        """As the HTTP client has it."""
        return self._client.state

    async def get_client_info(
        self,
        request: keys.GetClientInfoRequest,  # noqa: ARG002  (the provider is this one)
        call: CallContext,
    ) -> keys.GetClientInfoResponse:
        """`confirm`."""
        return await self._confirm(call)

    async def _confirm(self, call: CallContext) -> keys.GetClientInfoResponse:
        return await self._exchange.ask(Question(self._paths.confirm, self._name), responses.client_info, call)

    async def get_secret(self, request: keys.GetSecretRequest, call: CallContext) -> keys.GetSecretResponse:
        """`secrets`. A secret that isn't there is KEY_NOT_FOUND: the upstream's words are the same as for keys."""
        return await self._exchange.ask(
            Question(self._paths.secret(request.name), request.name), responses.secret, call
        )

    async def encrypt(self, request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        """`encrypt`; InvalidRequest over 32 KB of text."""
        text = upstream_text(request.plaintext, request.encoding, MAXIMUM_ENCRYPT_BYTES)
        target = self._paths.symmetric(request.name, "encrypt")
        return await self._exchange.ask(Question(target, request.name, {"plaintext": text}), responses.encrypted, call)

    async def decrypt(self, request: keys.DecryptRequest, call: CallContext) -> keys.DecryptResponse:
        """`decrypt`; PLAINTEXT_NOT_BASE64 where BASE64 was asked for and the text isn't."""
        target = self._paths.symmetric(request.name, "decrypt")
        question = Question(target, request.name, {"ciphertext": request.ciphertext})
        text, version = await self._exchange.ask(question, responses.decrypted_text, call)
        plaintext = self._from_base64(text, request.name) if request.encoding == keys.ENCODING_BASE64 else text.encode()
        return keys.DecryptResponse(plaintext=plaintext, key_version=version)

    def _from_base64(self, text: str, name: str) -> bytes:
        try:
            return decode_base64(text)
        except FormatError as error:
            message = f"{name}: what was encrypted is not Base64; repeat with ENCODING_UTF8 to read it as text"
            metadata = {"provider": self.id}
            raise GatewayError(PLAINTEXT_NOT_BASE64, message, metadata=metadata, resource=name) from error

    async def generate_data_key(
        self, request: keys.GenerateDataKeyRequest, call: CallContext
    ) -> keys.GenerateDataKeyResponse:
        """`create-local-key`."""
        target = self._paths.symmetric(request.name, "create-local-key")
        return await self._exchange.ask(Question(target, request.name, empty_post=True), responses.data_key, call)

    async def get_symmetric_key(
        self, request: keys.GetSymmetricKeyRequest, call: CallContext
    ) -> keys.GetSymmetricKeyResponse:
        """`symmetric-key`, of v1.1 at least where a version is named; InvalidRequest where that is no number."""
        version = named_version(request.name)
        paths = self._paths if version is None else self._paths_with_version
        exchange = self._exchange if version is None else self._exchange_with_version
        question = Question(paths.symmetric(request.name, "symmetric-key", version), request.name)
        return await exchange.ask(question, partial(responses.symmetric_key, asked=version), call)

    async def sign(self, request: keys.SignRequest, call: CallContext) -> keys.SignResponse:
        """`sign`; InvalidRequest over 245 bytes of text."""
        text = upstream_text(request.plaintext, request.encoding, MAXIMUM_SIGN_BYTES)
        question = Question(self._paths.asymmetric(request.name, "sign"), request.name, {"plaintext": text})
        return await self._exchange.ask(question, responses.signed, call)

    async def verify(self, request: keys.VerifyRequest, call: CallContext) -> keys.VerifyResponse:
        """`verify`; InvalidRequest over 245 bytes of text, which can't have been signed."""
        text = upstream_text(request.plaintext, request.encoding, MAXIMUM_SIGN_BYTES)
        fields = {"plaintext": text, "signature": request.signature}
        question = Question(self._paths.asymmetric(request.name, "verify"), request.name, fields)
        return await self._exchange.ask(question, responses.verified, call)

    async def get_private_key(
        self, request: keys.GetPrivateKeyRequest, call: CallContext
    ) -> keys.GetPrivateKeyResponse:
        """`privateKey`; InvalidRequest where a version is named that is no number."""
        version = named_version(request.name)
        question = Question(self._paths.asymmetric(request.name, "privateKey", version), request.name)
        return await self._exchange.ask(question, partial(responses.private_key, asked=version), call)

    async def get_public_key(self, request: keys.GetPublicKeyRequest, call: CallContext) -> keys.GetPublicKeyResponse:
        """`publicKey`, which the upstream answers without authenticating; InvalidRequest as for the private half."""
        version = named_version(request.name)
        question = Question(self._paths.asymmetric(request.name, "publicKey", version), request.name)
        return await self._exchange.ask(question, partial(responses.public_key, asked=version), call)


def create(settings: SecureKeyManagerSettings) -> SecureKeyManager:
    """The provider that these settings describe; ConfigError where its certificates can't be read."""
    return SecureKeyManager(settings)
