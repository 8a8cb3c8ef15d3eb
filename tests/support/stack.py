"""The whole product on free ports: the seeded emulators, and a gateway over them with a client for each service."""

import contextlib
from collections.abc import Mapping
from typing import Any

import aiohttp
import grpc
from grpc_health.v1 import health_pb2_grpc

from gateway import app, gateway_settings
from gateway.demo import DEMO_PROVIDERS, Ports, emulators
from gateway.emulators.host import EmulatorHost
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import SETTINGS
from keyway.v1 import (
    audit_service_pb2_grpc,
    certificate_service_pb2_grpc,
    key_service_pb2_grpc,
    provider_service_pb2_grpc,
)
from tests.support.once import ONCE

CERTIFICATE_MANAGER = "nhn-certificate-manager"
KEY_MANAGER = "nhn-secure-key-manager"
ASTERIA = "asteria"

_ANSWER_LIMIT = (("grpc.max_receive_message_length", 64 * 1024 * 1024),)


class ControlClient:
    """The control port of one emulator."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def call(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """Send a control request and return the JSON response. Raise ValueError if it is rejected."""
        async with self._session.request(method, self._url + path, json=data) as response:
            answer = await response.json()
            if response.status != 200:
                raise ValueError(f"control port: {answer}")
            return answer

    async def fail(self, **fault: Any) -> None:
        """Arm a fault (see gateway.emulators.faults.InjectedFault)."""
        await self.call("POST", "/faults", fault)

    async def seed(self, data: Mapping[str, Any]) -> Any:
        """Add objects."""
        return await self.call("POST", "/seed", data)

    async def advance(self, seconds: float) -> None:
        """Shift the emulator's clock, from the true time."""
        await self.call("POST", "/clock", {"offset_seconds": seconds})

    async def requests(self) -> list[dict[str, Any]]:
        """Return every request since the last reset, oldest first."""
        answer = await self.call("GET", "/history")
        requests: list[dict[str, Any]] = answer["requests"]
        return requests

    async def forget_requests(self) -> None:
        """Empty the history."""
        await self.call("DELETE", "/history")

    async def reset(self) -> None:
        """Restore the default objects."""
        await self.call("POST", "/reset", {"seed": True})


class Gateway:
    """A running gateway with a client for each service: `async with Gateway(settings) as gateway: …`."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Gateway":
        server = await self._exits.enter_async_context(app.gateway(self._settings))
        self.address = server.address
        self.channel = await self._exits.enter_async_context(
            grpc.aio.insecure_channel(server.address, options=_ANSWER_LIMIT)
        )
        self.certificates = certificate_service_pb2_grpc.CertificateServiceStub(self.channel)
        self.keys = key_service_pb2_grpc.KeyServiceStub(self.channel)
        self.providers = provider_service_pb2_grpc.ProviderServiceStub(self.channel)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()


class Stack:
    """Emulators and a gateway with the demo providers over them. A test can add gateways."""

    def __init__(self) -> None:
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Stack":
        self.emulators: Mapping[str, EmulatorHost] = await self._exits.enter_async_context(emulators(None, Ports.FREE))
        self.session = await self._exits.enter_async_context(aiohttp.ClientSession())
        self.controls = {kind: ControlClient(host.control_url, self.session) for kind, host in self.emulators.items()}
        self.gateway = await self._exits.enter_async_context(Gateway(self.settings()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    def provider(self, provider_id: str, **overrides: Any) -> dict[str, Any]:
        """Return the configuration of a demo provider with changes.

        There are no retries, no breaker, and no poller, so a test sees the result of each single failure.
        """
        (settings,) = (provider for provider in DEMO_PROVIDERS if provider["id"] == provider_id)
        return {**settings, **ONCE, "endpoint": self.emulators[settings["type"]].url, **overrides}

    def settings(self, *providers: Mapping[str, Any], **options: Any) -> GatewaySettings:
        """Return settings of a gateway on a free port, by default with the demo providers and the largest messages."""
        chosen = providers or [self.provider(provider["id"]) for provider in DEMO_PROVIDERS]
        own = {"listen": "127.0.0.1:0", "drain_delay": 0, "maximum_message_bytes": 16 << 20}
        tree = {**own, "providers": list(chosen), **options}
        return gateway_settings.parse(tree, SETTINGS)

    async def reset(self) -> None:
        """Reset every emulator to its state after the first start."""
        for control in self.controls.values():
            await control.reset()
