"""A running Secure Key Manager emulator for each test, and a client for its API and its control port.

The client is plain aiohttp: it shares no code with the gateway's adapter.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.emulators.secure_key_manager import SecureKeyManagerEmulator

APP_KEY = "keymanager-demo"


@dataclass(frozen=True)
class Answer:
    """What a call answered; `header` and `body` are the envelope's."""

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
    """One emulator, and a session to call it with."""

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
    ) -> Answer:
        """Call below the app key's path, and check the envelope's shape."""
        url = f"{self.host.url}/keymanager/{version}/appkey/{app_key}/{path}"
        if fields is not None:
            more["json"] = fields
        more["headers"] = {**self.headers, **more.get("headers", {})}
        async with self.session.request(method, url, ssl=self.tls, **more) as response:
            envelope = await response.json()
        assert envelope.keys() == {"header", "body"}
        assert envelope["header"].keys() == {"resultCode", "resultMessage", "isSuccessful"}
        return Answer(response.status, envelope["header"], envelope["body"], response.content_type)

    async def get(self, path: str, **more: Any) -> Any:
        """The body of a GET that succeeds."""
        return _body(await self.call("GET", path, **more))

    async def post(self, path: str, fields: object = None, **more: Any) -> Any:
        """The body of a POST that succeeds."""
        return _body(await self.call("POST", path, fields, **more))

    async def refusal(self, method: str, path: str, fields: object = None, **more: Any) -> str:
        """The message of a call that fails."""
        answer = await self.call(method, path, fields, **more)
        assert answer.header["isSuccessful"] is False
        assert answer.header["resultCode"] < 0
        assert answer.body is None
        return answer.message

    async def control(self, method: str, path: str, data: object = None) -> tuple[int, Any]:
        """Status and JSON of a control port call."""
        async with self.session.request(method, f"{self.host.control_url}{path}", json=data) as response:
            return response.status, await response.json()

    async def seed(self, data: Mapping[str, object]) -> Any:
        """Seed through the control port."""
        status, answer = await self.control("POST", "/seed", data)
        assert status == 200, answer
        return answer


def _body(answer: Answer) -> Any:
    assert answer.header == {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}
    assert (answer.status, answer.content_type) == (200, "application/json")
    return answer.body


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    """Run the `openssl` command; its output."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@pytest.fixture(scope="session")
def seeded_key_manager_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state file with the default set: copying it is faster than generating RSA keys for each test."""
    path = tmp_path_factory.mktemp("secure-key-manager") / "state.sqlite"

    async def start_and_stop() -> None:
        async with EmulatorHost(SecureKeyManagerEmulator, HostOptions(state=path)):
            pass

    # With a factory, the runner leaves the tests' own event loop alone.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(start_and_stop())
    return path


@pytest_asyncio.fixture
async def key_manager(seeded_key_manager_state: Path, tmp_path: Path) -> AsyncIterator[KeyManager]:
    """An emulator holding the default set."""
    state = Path(shutil.copy(seeded_key_manager_state, tmp_path / "key-manager.sqlite"))
    async with (
        EmulatorHost(SecureKeyManagerEmulator, HostOptions(state=state)) as host,
        aiohttp.ClientSession() as session,
    ):
        yield KeyManager(host, session)
