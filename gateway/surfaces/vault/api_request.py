"""One request to the API after authentication: its path, its parameters, and the calls that it makes."""

import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.contract.methods import METHODS_BY_OPERATION
from gateway.contract.resource_names import encode_segment
from gateway.identity.caller import Caller
from gateway.server.in_process import CallOrigin, InProcessCalls
from gateway.server.rpc_context import RpcContext
from gateway.surfaces.vault.errors import VaultError


class CallerCalls:
    """Makes the calls of one request. seconds: until their common deadline. latest: the context of the last call."""

    def __init__(self, calls: InProcessCalls, caller: Caller, origin: CallOrigin, seconds: float) -> None:
        self._calls = calls
        self._origin = origin
        self._deadline = time.monotonic() + seconds
        self.caller = caller
        self.latest: RpcContext | None = None

    async def call(self, operation: str, request: Any) -> Any:
        """Return the response of a method of the contract. Raises GatewayError."""
        method, seconds = METHODS_BY_OPERATION[operation], max(0.0, self._deadline - time.monotonic())
        self.latest = self._calls.context(method, request, self.caller, seconds, origin=self._origin)
        return await self._calls.run(self.latest)


@dataclass(frozen=True, slots=True)
class BodyFields:
    """The members of a JSON object. Members that no operation reads are ignored, as Vault does.

    place: the path of the object, as a prefix of member names in errors; empty for the body.
    """

    values: Mapping[str, Any] = field(repr=False)
    place: str = ""

    def text(self, name: str) -> str:
        """Return a text; empty if it is absent. Raises VaultError."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.problem(name, "must be a string")
        return value

    def base64(self, name: str) -> bytes:
        """Return the bytes of a text in Base64; empty if it is absent. Raises VaultError."""
        try:
            return b64decode(self.text(name), validate=True)
        except (Base64Error, ValueError):
            raise self.problem(name, "must be Base64") from None

    def number(self, name: str) -> int:
        """Return a number, which can be given as text; 0 if it is absent. Raises VaultError."""
        value = self.values.get(name)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            return int(value)
        if value is None or value == "":
            return 0
        if type(value) is not int or value < 0:
            raise self.problem(name, "must be a number of at least 0")
        return value

    def problem(self, name: str, text: str) -> VaultError:
        """Return the error for a member."""
        return VaultError(400, f"{self.place}{name}: {text}")


class Answer(NamedTuple):
    """A successful response. top_level: whether the body repeats the members of `data`, as for `sys/` paths."""

    data: Mapping[str, Any]
    status: int = 200
    top_level: bool = False


@dataclass(frozen=True, slots=True)
class VaultRequest:
    """A request.

    path: the decoded segments after `/v1/`. fields: of the body. query: of the URL. token: as the caller sent it.
    """

    path: Sequence[str]
    fields: BodyFields
    query: Mapping[str, str]
    calls: CallerCalls
    token: str = field(default="", repr=False)

    def resource(self, collection: str, identifier: str) -> str:
        """Return the name of a resource of the provider that is the first segment of the path."""
        return f"providers/{encode_segment(self.path[0])}/{collection}/{encode_segment(identifier)}"
