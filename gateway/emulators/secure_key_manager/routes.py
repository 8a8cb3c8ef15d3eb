"""The HTTP routes: the ten calls under `/keymanager/{version}/appkey/{appkey}`, and the response envelope.

Determines the order of the checks and the response of each call.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.emulators.base import Clock, json_response
from gateway.emulators.secure_key_manager import access, asymmetric, errors, symmetric, user_data
from gateway.emulators.secure_key_manager.access import RequestOrigin
from gateway.emulators.secure_key_manager.assumptions import (
    API_VERSIONS,
    MAXIMUM_ENCRYPT_BYTES,
    MAXIMUM_SIGN_BYTES,
)
from gateway.emulators.secure_key_manager.errors import KeyManagerError, KeyManagerFailure
from gateway.emulators.secure_key_manager.state import Item, KeyManagerState, KeyState, KeyVersion, Kind
from gateway.emulators.secure_key_manager.texts import MalformedError, hexadecimal, to_base64

Body = Mapping[str, str | int | bool]
Call = Callable[[web.Request], Awaitable[Body]]

_ROOT = f"/keymanager/{{version:{'|'.join(API_VERSIONS).replace('.', '[.]')}}}/appkey/{{appkey:[^/]+}}"
_KEY = "{keyid:[^/]+}"  # braces and all
_VERSIONLESS = "v1.0"
"""The API version whose `symmetric-key` neither accepts nor returns `keyVersion`."""


def failure_response(failure: KeyManagerFailure, status: int) -> web.Response:
    """Return the envelope of a failure."""
    header = {"resultCode": failure.result_code, "resultMessage": failure.message, "isSuccessful": False}
    return json_response({"header": header, "body": None}, status)


class KeyManagerRoutes:
    """The calls, over one installation's state."""

    def __init__(self, state: KeyManagerState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def install(self, application: web.Application) -> None:
        """Add the calls and the middleware that converts failures to envelopes."""
        application.middlewares.append(self._failures())
        for method, path, call in self._calls():
            application.router.add_route(method, f"{_ROOT}/{path}", _answering(call))

    def _calls(self) -> Sequence[tuple[str, str, Call]]:
        return (
            ("GET", "confirm", self._confirm),
            ("GET", f"secrets/{_KEY}", self._secret),
            ("POST", f"symmetric-keys/{_KEY}/encrypt", self._encrypt),
            ("POST", f"symmetric-keys/{_KEY}/decrypt", self._decrypt),
            ("POST", f"symmetric-keys/{_KEY}/create-local-key", self._create_local_key),
            ("GET", f"symmetric-keys/{_KEY}/symmetric-key", self._symmetric_key),
            ("POST", f"asymmetric-keys/{_KEY}/sign", self._sign),
            ("POST", f"asymmetric-keys/{_KEY}/verify", self._verify),
            ("GET", f"asymmetric-keys/{_KEY}/privateKey", self._private_key),
            ("GET", f"asymmetric-keys/{_KEY}/publicKey", self._public_key),
        )

    async def _confirm(self, request: web.Request) -> Body:
        self._check_credentials(request)
        caller = RequestOrigin.of(request)
        return {
            "clientIp": caller.ip_address,
            "clientMacHeader": caller.mac_address,
            "clientSentCerfificate": caller.certificate is not None,  # spelled as in the vendor's sample
        }

    async def _secret(self, request: web.Request) -> Body:
        return {"secret": self._item(request, Kind.SECRET).secret or ""}

    async def _encrypt(self, request: web.Request) -> Body:
        version = self._version(self._item(request, Kind.SYMMETRIC), None)
        (text,) = await user_data.text_fields(request, "plaintext")
        data = user_data.plaintext(text, MAXIMUM_ENCRYPT_BYTES)
        ciphertext = symmetric.encrypt(version.material, version.number, data)
        return {"ciphertext": ciphertext, "keyVersion": version.number}

    async def _decrypt(self, request: web.Request) -> Body:
        item = self._item(request, Kind.SYMMETRIC)
        (text,) = await user_data.text_fields(request, "ciphertext")
        try:
            ciphertext = symmetric.Ciphertext.parse(text)
            return self._unwrap(item, ciphertext) if ciphertext.version is None else self._open(item, ciphertext)
        except MalformedError as error:
            raise KeyManagerError(errors.INVALID_USER_DATA) from error

    async def _create_local_key(self, request: web.Request) -> Body:
        version = self._version(self._item(request, Kind.SYMMETRIC), None)
        data_key = symmetric.generate()
        return {
            "localKeyPlaintext": to_base64(data_key),
            "localKeyCiphertext": symmetric.wrap_data_key(version.material, data_key),
            "keyVersion": version.number,
        }

    async def _symmetric_key(self, request: web.Request) -> Body:
        item = self._item(request, Kind.SYMMETRIC)
        if request.match_info["version"] == _VERSIONLESS:
            return {"symmetricKey": hexadecimal(self._version(item, None).material)}
        version = self._version(item, user_data.key_version(request))
        return {"symmetricKey": hexadecimal(version.material), "keyVersion": version.number}

    async def _sign(self, request: web.Request) -> Body:
        version = self._version(self._item(request, Kind.ASYMMETRIC), None)
        (text,) = await user_data.text_fields(request, "plaintext")
        data = user_data.plaintext(text, MAXIMUM_SIGN_BYTES)
        return {
            "signature": asymmetric.sign(version.material, version.number, data),
            "keyVersion": version.number,
        }

    async def _verify(self, request: web.Request) -> Body:
        item = self._item(request, Kind.ASYMMETRIC)
        text, signature_text = await user_data.text_fields(request, "plaintext", "signature")
        data = user_data.plaintext(text, MAXIMUM_SIGN_BYTES)
        try:
            signature = asymmetric.Signature.parse(signature_text)
        except MalformedError as error:
            raise KeyManagerError(errors.INVALID_USER_DATA) from error
        if self._state.version(item, signature.version) is None:
            return {"result": False, "keyVersion": self._version(item, None).number}
        version = self._version(item, signature.version)
        return {"result": asymmetric.matches(version.material, data, signature), "keyVersion": version.number}

    async def _private_key(self, request: web.Request) -> Body:
        item = self._item(request, Kind.ASYMMETRIC)
        version = self._version(item, user_data.key_version(request))
        return _key_body("PrivateKey", version.material, version.number)

    async def _public_key(self, request: web.Request) -> Body:
        item = self._item(request, Kind.ASYMMETRIC, authenticated=False)
        version = self._version(item, user_data.key_version(request))
        return _key_body("PublicKey", asymmetric.public_key(version.material), version.number)

    def _check_credentials(self, request: web.Request) -> str:
        app_key, now = request.match_info["appkey"], self._clock.now()
        access.check_credentials(self._state, request.match_info["version"], app_key, request.headers, now)
        return app_key

    def _item(self, request: web.Request, kind: Kind, *, authenticated: bool = True) -> Item:
        """Return the active secret or key in the path, if its key store permits the caller."""
        app_key = self._check_credentials(request)
        item = self._state.item(app_key, request.match_info["keyid"])
        if item is None or item.kind is not kind:
            raise KeyManagerError(errors.INVALID_KEY_ID)
        store = self._state.key_store(app_key, item.key_store)
        if authenticated and store is not None:
            access.check_key_store(store, RequestOrigin.of(request))
        if item.state is not KeyState.ACTIVE:
            raise KeyManagerError(errors.INVALID_KEY_STATUS)
        return item

    def _version(self, item: Item, number: int | None) -> KeyVersion:
        """Return the active version with this number; None means the current version."""
        version = self._state.version(item, number)
        if version is None:
            raise KeyManagerError(errors.INVALID_KEY_VERSION)
        return _active(version)

    def _open(self, item: Item, ciphertext: symmetric.Ciphertext) -> Body:
        """Decrypt a text with the version stated in its ciphertext."""
        version = self._state.version(item, ciphertext.version)
        if version is None:
            raise KeyManagerError(errors.INVALID_USER_DATA)
        plaintext = symmetric.decrypt(_active(version).material, ciphertext)
        return {"plaintext": plaintext, "keyVersion": version.number}

    def _unwrap(self, item: Item, ciphertext: symmetric.Ciphertext) -> Body:
        """Decrypt a data key with the version that recognizes it, newest first."""
        for version in reversed(self._state.versions(item)):
            data_key = symmetric.unwrap_data_key(version.material, ciphertext)
            if data_key is not None:
                return {"plaintext": to_base64(data_key), "keyVersion": _active(version).number}
        raise KeyManagerError(errors.INVALID_USER_DATA)

    def _failures(self) -> Middleware:
        @web.middleware
        async def envelop(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except KeyManagerError as error:
                failure = error.failure
            except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
                failure = errors.URL_NOT_FOUND
            return failure_response(failure, 200 if self._state.failures_as_200 else failure.status)

        return envelop


def _answering(call: Call) -> Handler:
    """Return an aiohttp handler that wraps a call's body in a success envelope."""

    async def answer(request: web.Request) -> web.Response:
        header = {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}
        return json_response({"header": header, "body": dict(await call(request))})

    return answer


def _active(version: KeyVersion) -> KeyVersion:
    if version.state is not KeyState.ACTIVE:
        raise KeyManagerError(errors.INVALID_KEY_VERSION_STATUS)
    return version


def _key_body(key_type: str, der: bytes, number: int) -> Body:
    return {"keyType": key_type, "key": hexadecimal(der), "encodedKey": to_base64(der), "keyVersion": number}
