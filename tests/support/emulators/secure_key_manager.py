"""A client of the API and the control port of the Secure Key Manager emulator.

It uses plain aiohttp and shares no code with the adapter of the gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gateway.emulators.host import EmulatorHost

APP_KEY = "keymanager-demo"


@dataclass(frozen=True)
class KeyManagerAnswer:
    """The response to a call. `header` and `body` are parts of the envelope."""

    status: int
    header: dict[str, Any]
    body: Any
    content_type: str

    @property
    def message(self) -> str:
        """`resultMessage`."""
        return str(self.header["resultMessage"])


@dataclass
class KeyManager:
    """One emulator with a client session."""

    host: EmulatorHost
    session: aiohttp.ClientSession
    tls: Any = True
    headers: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        fields: object = None,
        *,
        version: str = "v1.0",
        app_key: str = APP_KEY,
        **more: Any,
    ) -> KeyManagerAnswer:
        """Send a request below the path of the app key, and check the format of the envelope."""
        url = f"{self.host.url}/keymanager/{version}/appkey/{app_key}/{path}"
        if fields is not None:
            more["json"] = fields
        more["headers"] = {**self.headers, **more.get("headers", {})}
        async with self.session.request(method, url, ssl=self.tls, **more) as response:
            envelope = await response.json()
        assert envelope.keys() == {"header", "body"}
        assert envelope["header"].keys() == {"resultCode", "resultMessage", "isSuccessful"}
        return KeyManagerAnswer(response.status, envelope["header"], envelope["body"], response.content_type)

    async def get(self, path: str, **more: Any) -> Any:
        """Send a GET request that succeeds, and return the body."""
        return _body(await self.call("GET", path, **more))

    async def post(self, path: str, fields: object = None, **more: Any) -> Any:
        """Send a POST request that succeeds, and return the body."""
        return _body(await self.call("POST", path, fields, **more))

    async def refusal(self, method: str, path: str, fields: object = None, **more: Any) -> str:
        """Send a request that fails, and return the message."""
        answer = await self.call(method, path, fields, **more)
        assert answer.header["isSuccessful"] is False
        assert answer.header["resultCode"] < 0
        assert answer.body is None
        return answer.message

    async def control(self, method: str, path: str, data: object = None) -> tuple[int, Any]:
        """Call the control port, and return the status and the JSON."""
        async with self.session.request(method, f"{self.host.control_url}{path}", json=data) as response:
            return response.status, await response.json()

    async def seed(self, data: Mapping[str, object]) -> Any:
        """Seed through the control port."""
        status, answer = await self.control("POST", "/seed", data)
        assert status == 200, answer
        return answer


def _body(answer: KeyManagerAnswer) -> Any:
    assert answer.header == {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}
    assert (answer.status, answer.content_type) == (200, "application/json")
    return answer.body
