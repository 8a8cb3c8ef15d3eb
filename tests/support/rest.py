"""REST/JSON through a real Envoy with the shipped configuration, in front of the gateways of the sandbox."""

import base64
import contextlib
import io
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from google.protobuf import json_format
from yarl import URL

from clients.contract_reader import Contract
from clients.http_rules import Binding
from clients.rest_bindings import bound_methods
from deploy.envoy.rest_demo import rest_demo
from gateway.contract.methods import METHODS
from tests.support import programs
from tests.support.ports import free_port
from tests.support.waiting import eventually

_SECONDS: Final = aiohttp.ClientTimeout(total=60)
_BY_NAME: Final = {method.full_name: method for method in METHODS}


@dataclass(frozen=True)
class RestResponse:
    """The response to an HTTP request."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """Return the JSON in the body."""
        return json.loads(self.text)

    @property
    def reason(self) -> str:
        """The reason in the ErrorInfo of an error; empty without one."""
        details = self.json()["details"] if self.status >= 400 else ()
        return next((detail["reason"] for detail in details if detail["@type"].endswith(".ErrorInfo")), "")


@dataclass(frozen=True)
class Rest:
    """A running Envoy. ready: what the sandbox says. folder: of the gateway, with curlrc and ca.pem."""

    url: str
    ready: Mapping[str, Any]
    folder: Path
    session: aiohttp.ClientSession
    _bindings: Mapping[str, list[Binding]]

    async def send(self, verb: str, target: str, body: Any = None, **headers: str) -> RestResponse:
        """Send a request with the token of the sandbox. target: path and query. body: text, or a value for JSON."""
        text = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        # As a file: aiohttp warns about large bodies that are not.
        data = text if text is None else io.BytesIO(text.encode() if isinstance(text, str) else text)
        own = {"authorization": f"Bearer {self.ready['token']}", "content-type": "application/json"}
        sent = {**own, **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = URL(f"{self.url}{target}", encoded=True)  # unchanged
        async with self.session.request(verb, url, data=data, headers=sent) as response:
            return RestResponse(response.status, response.headers.copy(), await response.text())

    async def call(self, method: str, request: Mapping[str, Any], **headers: str) -> RestResponse:
        """Call a method of the contract, such as `keyway.v1.KeyService/Encrypt`. request: as ProtoJSON."""
        message: Any = json_format.ParseDict(dict(request), _BY_NAME[method].request())
        for binding in self._bindings[method]:
            if (target := _target(binding, message)) is not None and _fits(binding, message):
                fields = json_format.MessageToDict(message)
                fields.pop(binding.path_field or "", None)
                query = "" if binding.has_body else _query(fields)
                body = fields if binding.has_body else None
                return await self.send(binding.verb, target + query, body, **headers)
        raise LookupError(f"no binding of {method} fits {request}")

    async def control(self, emulator: str, path: str, body: Any) -> None:
        """Send a request to the control port of an emulator."""
        async with self.session.post(f"{self.ready['controls'][emulator]}{path}", json=body) as response:
            assert response.status < 300, await response.text()

    async def get_indexed(self, target: str) -> RestResponse:
        """Send a query of audit records until the index has the answer."""
        found: list[RestResponse] = []

        async def succeeds() -> bool:
            found.append(await self.send("GET", target))
            return found[-1].status == 200 and found[-1].json().get("records") != []

        await eventually(succeeds, seconds=60)
        return found[-1]

    async def remove_faults(self) -> None:
        """Remove the faults of all emulators."""
        for url in self.ready["controls"].values():
            async with self.session.delete(f"{url}/faults") as response:
                assert response.status < 300, await response.text()


def _target(binding: Binding, message: Any) -> str | None:
    """Return the path of a request; None if its name does not fit the template."""
    if binding.path_field is None:
        return binding.pattern
    name = getattr(message, binding.path_field)
    before, _, rest = binding.template.partition("{" + binding.path_field + "=")
    pattern, _, after = rest.partition("}")
    segments = name.split("/")
    expected = pattern.split("/")
    if len(segments) != len(expected):
        return None
    if any(want not in ("*", got) or not got for want, got in zip(expected, segments, strict=True)):
        return None
    return before + "/".join(quote(segment, safe="") for segment in segments) + after


def _fits(binding: Binding, message: Any) -> bool:
    """Return whether the binding can carry the request: secrets are not in URLs."""
    secret = [field for field in message.DESCRIPTOR.fields if field.GetOptions().debug_redact]
    return binding.has_body or not any(getattr(message, field.name) for field in secret)


def _query(fields: Mapping[str, Any]) -> str:
    pairs = [f"{name}={quote(value, safe='')}" for name, value in _flattened(fields)]
    return "?" + "&".join(pairs) if pairs else ""


def _flattened(fields: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            found += _flattened(value, f"{prefix}{name}.")
            continue
        for item in value if isinstance(value, list) else [value]:
            text = str(item).lower() if isinstance(item, bool) else str(item)
            found.append((prefix + name, text))
    return found


def encoded(data: bytes) -> str:
    """Return bytes as they are in JSON."""
    return base64.b64encode(data).decode()


@contextlib.asynccontextmanager
async def running_rest(folder: Path) -> AsyncIterator[Rest]:
    """Run the gateways and Envoy. The test is skipped without Envoy."""
    program, port = programs.envoy(), free_port()
    bindings = {f"{method.service}/{method.name}": list(method.bindings) for method in bound_methods(Contract.read())}
    async with rest_demo(program, folder, port) as ready:
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, timeout=_SECONDS) as session:
            yield Rest(f"https://localhost:{port}", ready, folder, session, bindings)
