"""The use of one key by one request: encryption and decryption of its texts, directly or in envelopes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.surfaces.vault import errors
from gateway.surfaces.vault.api_request import BodyFields, VaultRequest
from gateway.surfaces.vault.ciphertexts import VaultCiphertext, invalid_ciphertext, of_upstream, shown_version
from gateway.surfaces.vault.errors import VaultError
from gateway.surfaces.vault.sealing import RequestSealer
from keyway.v1 import key_service_pb2 as keys

_BASE64: Final = keys.ENCODING_BASE64


@dataclass(frozen=True, slots=True)
class TransitItem:
    """One text of a request.

    bound: the data that is sealed with it; empty if the upstream encrypts the text itself.
    wanted_version: the version of the key to encrypt with; 0 for the current one.
    """

    fields: BodyFields = field(repr=False)
    bound: bytes = field(repr=False)
    wanted_version: int = 0


@dataclass(frozen=True, slots=True)
class EncryptedText:
    """A ciphertext in Vault's notation, and the version of the key."""

    ciphertext: str
    version: int


Plain = bytes | VaultError
Sealed = EncryptedText | VaultError


class KeyUse:
    """Encrypts and decrypts with one key for one request. The results are in the order of the items.

    key: its full name. is_batch: whether the texts are the items of a batch. Each item can fail separately.
    """

    def __init__(self, request: VaultRequest, key: str, *, is_batch: bool) -> None:
        self._calls = request.calls
        self._key = key
        self._is_batch = is_batch
        self._sealer = RequestSealer(request.calls, key)

    async def encrypt(self, items: Sequence[TransitItem], plaintexts: Sequence[Plain]) -> list[Sealed]:
        """Return the ciphertext of each plaintext, or the error."""
        results: dict[int, Sealed] = {}
        direct: dict[int, bytes] = {}
        for index, (item, plain) in enumerate(zip(items, plaintexts, strict=True)):
            if isinstance(plain, VaultError):
                results[index] = plain
            elif item.bound:
                results[index] = await self._seal(plain, item.bound)
            else:
                direct[index] = plain
        if direct:
            results |= dict(zip(direct, await self._encrypt_direct([*direct.values()]), strict=True))
        return [_of_version(item, results[index]) for index, item in enumerate(items)]

    async def decrypt(self, items: Sequence[TransitItem]) -> list[Plain]:
        """Return the plaintext of each item, or the error."""
        results: dict[int, Plain] = {}
        direct: dict[int, VaultCiphertext] = {}
        for index, item in enumerate(items):
            try:
                ciphertext = VaultCiphertext.parse(item.fields.text("ciphertext"))
                if ciphertext.envelope is None and not item.bound:
                    direct[index] = ciphertext
                else:
                    results[index] = await self._open(ciphertext, item.bound)
            except VaultError as error:
                results[index] = error
        if direct:
            results |= dict(zip(direct, await self._decrypt_direct([*direct.values()]), strict=True))
        return [results[index] for index in range(len(items))]

    async def _seal(self, plaintext: bytes, bound: bytes) -> Sealed:
        try:
            ciphertext, version = await self._sealer.seal(plaintext, bound)
        except GatewayError as error:
            return errors.of_gateway(error)
        return EncryptedText(ciphertext, shown_version(version))

    async def _open(self, ciphertext: VaultCiphertext, bound: bytes) -> bytes:
        """Return the content of an envelope. Raises VaultError."""
        if ciphertext.envelope is None:
            raise invalid_ciphertext()  # the upstream encrypted it, without the data of this request
        try:
            return await self._sealer.open(ciphertext, bound)
        except GatewayError as error:
            raise errors.of_gateway(error) from None

    async def _encrypt_direct(self, plaintexts: Sequence[bytes]) -> list[Sealed]:
        requests = [keys.EncryptRequest(name=self._key, plaintext=each, encoding=_BASE64) for each in plaintexts]
        return [_encrypted(each) for each in await self._all("encrypt", requests)]

    async def _decrypt_direct(self, ciphertexts: Sequence[VaultCiphertext]) -> list[Plain]:
        requests = [
            keys.DecryptRequest(name=self._key, ciphertext=each.content, encoding=_BASE64) for each in ciphertexts
        ]
        found = await self._all("decrypt", requests)
        return [_decrypted(ciphertext, each) for ciphertext, each in zip(ciphertexts, found, strict=True)]

    async def _all(self, operation: str, requests: Sequence[Any]) -> list[Any]:
        """Return the response to each request, or the error."""
        try:
            if not self._is_batch:
                return [await self._calls.call(operation, requests[0])]
            batch: Any = keys.BatchEncryptRequest if operation == "encrypt" else keys.BatchDecryptRequest
            response = await self._calls.call(f"batch_{operation}", batch(requests=requests))
        except GatewayError as error:
            return [errors.of_gateway(error)] * len(requests)
        return [errors.of_item(each.error) if each.HasField("error") else each.response for each in response.results]


def _encrypted(response: Any) -> Sealed:
    if isinstance(response, VaultError):
        return response
    version = response.key_version if response.HasField("key_version") else None
    try:
        return EncryptedText(of_upstream(response.ciphertext, version), shown_version(version))
    except VaultError as error:
        return error


def _decrypted(ciphertext: VaultCiphertext, response: Any) -> Plain:
    if isinstance(response, VaultError):
        return response
    try:
        ciphertext.check_version(response.key_version if response.HasField("key_version") else None)
    except VaultError as error:
        return error
    plaintext: bytes = response.plaintext
    return plaintext


def _of_version(item: TransitItem, result: Sealed) -> Sealed:
    """Return the result, or an error if its key version is not the one that the item requests."""
    if isinstance(result, VaultError) or item.wanted_version in (0, result.version):
        return result
    return item.fields.problem("key_version", f"only the current version, {result.version}, can encrypt")
