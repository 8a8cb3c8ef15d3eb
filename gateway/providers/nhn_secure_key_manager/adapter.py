"""The Secure Key Manager adapter: the calls that each operation of the contract makes."""

from functools import partial

from gateway.call_context import CallContext
from gateway.errors import PLAINTEXT_NOT_BASE64, GatewayError
from gateway.providers.base.encoding import decode_base64
from gateway.providers.base.errors import FormatError
from gateway.providers.base.provider import Provider
from gateway.providers.nhn_secure_key_manager import messages
from gateway.providers.nhn_secure_key_manager.client import SecureKeyManagerClient, named_version
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings
from gateway.providers.nhn_secure_key_manager.status_table import STATUS_TABLE
from keyway.v1 import key_service_pb2 as keys


class SecureKeyManager(Provider):
    """One Secure Key Manager. Every API version has all calls."""

    def __init__(self, settings: SecureKeyManagerSettings) -> None:
        super().__init__(settings, STATUS_TABLE, api_version=settings.api_version)
        self._client = SecureKeyManagerClient(settings, self.http, settings.api_version)
        # In v1.0, `symmetric-key` has no key versions: the gateway reads a named version through v1.1.
        version = "v1.1" if settings.api_version == "v1.0" else settings.api_version
        self._client_for_versions = SecureKeyManagerClient(settings, self.http, version)

    async def check(self, call: CallContext) -> None:
        """Call `confirm`, which reads no key."""
        await self._client.confirm(messages.client_info, call)

    async def get_client_info(
        self,
        request: keys.GetClientInfoRequest,  # noqa: ARG002 - it names only this provider
        call: CallContext,
    ) -> keys.GetClientInfoResponse:
        """Call `confirm`."""
        return await self._client.confirm(messages.client_info, call)

    async def get_secret(self, request: keys.GetSecretRequest, call: CallContext) -> keys.GetSecretResponse:
        """Call `secrets`. A missing secret is KEY_NOT_FOUND, because the upstream's error is the same as for keys."""
        return await self._client.secret(request.name, messages.secret, call)

    async def encrypt(self, request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        """Call `encrypt`."""
        fields = {"plaintext": messages.text_to_encrypt(request.plaintext, request.encoding)}
        return await self._client.post("symmetric-keys/encrypt", request.name, fields, messages.encrypted, call)

    async def decrypt(self, request: keys.DecryptRequest, call: CallContext) -> keys.DecryptResponse:
        """Call `decrypt`. Raises PLAINTEXT_NOT_BASE64 if BASE64 is requested and the text is not Base64."""
        fields = {"ciphertext": request.ciphertext}
        text, version = await self._client.post(
            "symmetric-keys/decrypt", request.name, fields, messages.decrypted_text, call
        )
        plaintext = self._from_base64(text, request.name) if request.encoding == keys.ENCODING_BASE64 else text.encode()
        return keys.DecryptResponse(plaintext=plaintext, key_version=version)

    def _from_base64(self, text: str, name: str) -> bytes:
        try:
            return decode_base64(text)
        except FormatError as error:
            message = f"{name}: the plaintext is not Base64; use ENCODING_UTF8 to read it as text"
            metadata = {"provider": self.id}
            raise GatewayError(PLAINTEXT_NOT_BASE64, message, metadata=metadata, resource=name) from error

    async def generate_data_key(
        self, request: keys.GenerateDataKeyRequest, call: CallContext
    ) -> keys.GenerateDataKeyResponse:
        """Call `create-local-key`."""
        return await self._client.post("symmetric-keys/create-local-key", request.name, {}, messages.data_key, call)

    async def get_symmetric_key(
        self, request: keys.GetSymmetricKeyRequest, call: CallContext
    ) -> keys.GetSymmetricKeyResponse:
        """Call `symmetric-key`, for a named version in API v1.1 or later."""
        version = named_version(request.name)
        client = self._client if version is None else self._client_for_versions
        read = partial(messages.symmetric_key, requested=version)
        return await client.get("symmetric-keys/symmetric-key", request.name, read, call)

    async def sign(self, request: keys.SignRequest, call: CallContext) -> keys.SignResponse:
        """Call `sign`."""
        fields = {"plaintext": messages.text_to_sign(request.plaintext, request.encoding)}
        return await self._client.post("asymmetric-keys/sign", request.name, fields, messages.signed, call)

    async def verify(self, request: keys.VerifyRequest, call: CallContext) -> keys.VerifyResponse:
        """Call `verify`."""
        text = messages.text_to_sign(request.plaintext, request.encoding)
        fields = {"plaintext": text, "signature": request.signature}
        return await self._client.post("asymmetric-keys/verify", request.name, fields, messages.verified, call)

    async def get_private_key(
        self, request: keys.GetPrivateKeyRequest, call: CallContext
    ) -> keys.GetPrivateKeyResponse:
        """Call `privateKey`."""
        read = partial(messages.private_key, requested=named_version(request.name))
        return await self._client.get("asymmetric-keys/privateKey", request.name, read, call)

    async def get_public_key(self, request: keys.GetPublicKeyRequest, call: CallContext) -> keys.GetPublicKeyResponse:
        """Call `publicKey`, which the upstream serves without authentication."""
        read = partial(messages.public_key, requested=named_version(request.name))
        return await self._client.get("asymmetric-keys/publicKey", request.name, read, call)
