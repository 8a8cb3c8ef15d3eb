"""`buf curl` against the stack, and the test data that the tests of all methods create with it."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.contract.methods import METHODS, Method
from tests.support.emulators.asteria import Files, self_signed
from tests.support.stack import Gateway, Stack
from tests.support.tools import BufCurl

WARP: Final = "providers/asteria"
CLIENT: Final = f"{WARP}/certificates/client"
PASSWORDS: Final = {"keystorePassword": "store-secret", "privateKeyPassword": "key-secret"}
FULL_NAMES: Final = {method.name: method.full_name for method in METHODS}


class BufCaller:
    """`buf curl` against the stack, with helpers to create and check test data."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self._buf = BufCurl(stack.gateway.address, folder)

    async def __call__(self, method: str, **request: Any) -> Any:
        """Call a method of any service by its short name, and return the JSON response."""
        return (await self._buf.call(FULL_NAMES[method], request)).json()

    async def refused(self, method: str, **request: Any) -> int:
        """Make a call that fails, and return the exit code of `buf`."""
        return (await self._buf.call(FULL_NAMES[method], request)).code

    def through(self, gateway: Gateway) -> BufCurl:
        """Return `buf curl` for another gateway."""
        return BufCurl(gateway.address, self.folder)

    async def created(self) -> Any:
        """Create the client certificate of ASTERIA."""
        answer = await self(
            "CreateCertificate",
            parent=WARP,
            certificateId="client",
            subject={"commonName": "made.example.com", "organization": "株式会社", "country": "JP"},
            keyAlgorithm="EC",
            keySize=256,
            signatureAlgorithm="SHA256withECDSA",
            validityDays=20,
            **PASSWORDS,
        )
        return answer["certificate"]

    async def downloaded(self) -> list[bytes]:
        """Download the chain of the client certificate."""
        answer = await self("DownloadCertificate", name=CLIENT, keystorePassword=PASSWORDS["keystorePassword"])
        return [pem.encode() for pem in answer["certificateChain"]]

    def authority(self, name: str = "Root") -> Files:
        """Create a certificate authority with openssl."""
        return self_signed(self.folder, name)


def row_of(method: Method, functions: Mapping[str, Any]) -> Callable[[BufCaller], Awaitable[None]]:
    """Return the coroutine that calls a method and checks its effect. functions: those of the test module, by name."""
    row: Callable[[BufCaller], Awaitable[None]] | None = functions.get(method.operation)
    assert row is not None, f"write `async def {method.operation}(call: Caller)` in {functions['__file__']}"
    return row


def encoded(content: bytes) -> str:
    """Return the JSON form of bytes."""
    return base64.b64encode(content).decode()


def decoded(text: str) -> bytes:
    """Return the bytes of their JSON form."""
    return base64.b64decode(text, validate=True)
