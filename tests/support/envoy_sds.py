"""Envoy's Secret Discovery Service of a gateway: the gateway, certificates at the emulator, and a small client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import grpc

from gateway import app
from gateway.server.gateway_server import GatewayServer
from gateway.surfaces.sds import envoy_messages as envoy
from gateway.surfaces.sds.envoy_messages import SECRET_TYPE_URL, SERVICE
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.certificate_manager import PROVIDER, register
from tests.support.ports import free_address
from tests.support.stack import CERTIFICATE_MANAGER, Stack
from tests.support.trusted import POLICIES, Trusted

EDGE: Final = "spiffe://example.org/edge"
ALLOWED: Final = "edge-"
"""The prefix of the certificates that EDGE may download."""
SECONDS: Final = 30.0
POLLER: Final = {"enabled": True, "interval": 1, "watch_interval": 1, "jitter": 0}

_POLICY: Final = """
@id("edge-downloads")
permit (
  principal == Keyway::Caller::"spiffe://example.org/edge",
  action in [
    Keyway::Action::"DownloadCertificateWithPrivateKey", Keyway::Action::"ListTrustedAuthorities",
    Keyway::Action::"GetTrustedAuthority"
  ],
  resource
) when { resource.name like "*/certificates/edge-*" || resource.name like "*/trustStores/*" };
"""


def certificate_name(name: str) -> str:
    """Return the resource name of a certificate."""
    return f"{PROVIDER}/certificates/{name}"


class SdsScene:
    """A gateway with the service over the emulators. options: of the section `envoy_sds`."""

    def __init__(self, folder: Path, stack: Stack, **options: Any) -> None:
        self.stack = stack
        self.address = free_address().replace("127.0.0.1", "localhost")
        providers = [stack.provider(provider, poller=POLLER) for provider in ("nhn-certs", "asteria")]
        self.trusted = Trusted(folder, stack, envoy_sds={"listen": self.address, **options}, providers=providers)
        self.policies = folder / "policies.cedar"
        self.policies.write_text(POLICIES + _POLICY)
        self.authority = CertificateAuthority("Issuer of the secrets")

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[GatewayServer]:
        """Run the gateway."""
        async with app.gateway(self.trusted.settings()) as server:
            yield server

    async def renew(self, name: str, *, key_of: CertificateAndKey | None = None) -> CertificateAndKey:
        """Store a new certificate at the emulator, and return it. key_of: whose key the file has instead of its own."""
        leaf = self.authority.issue(hosts=[f"{name}.example.com"])
        file = leaf.chain_pem + self.authority.pem + (key_of or leaf).key_pem
        await register(self.stack.controls[CERTIFICATE_MANAGER], name, file)
        return leaf

    @contextlib.asynccontextmanager
    async def connected(self, caller: str = EDGE) -> AsyncIterator["SdsClient"]:
        """Connect a node."""
        options = (("grpc.use_local_subchannel_pool", 1),)
        credentials = self.trusted.channel_credentials(caller)
        async with grpc.aio.secure_channel(self.address, credentials, options=options) as channel:
            yield SdsClient(channel)

    def events(self, operation: str) -> list[dict[str, Any]]:
        """Return the recorded outcomes of a method, such as `AcceptSecret`."""
        return [
            event
            for event in self.trusted.events()
            if event["metadata"]["event_code"] == "outcome" and event["api"]["operation"].endswith(f"/{operation}")
        ]


class SdsClient:
    """The methods of the service on one connection."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def delta(self, *names: str, held: Mapping[str, str] | None = None, node: str = "edge-1") -> "DeltaClient":
        """Open a stream of the incremental variant. held: the versions that the node has."""
        return DeltaClient(self._channel, names, held or {}, node)

    def world(self, *names: str, held: str = "", node: str = "edge-1") -> "WorldClient":
        """Open a stream of the other variant. held: the version that the node has."""
        return WorldClient(self._channel, names, held, node)

    async def fetch(self, *names: str) -> Mapping[str, Any]:
        """Return secrets by name, without a stream."""
        call: Any = self._channel.unary_unary(
            f"/{SERVICE}/FetchSecrets",
            request_serializer=envoy.DiscoveryRequest.SerializeToString,
            response_deserializer=envoy.DiscoveryResponse.FromString,
        )
        request = envoy.DiscoveryRequest(resource_names=names, type_url=SECRET_TYPE_URL)
        return secrets_in(each for each in (await call(request, timeout=SECONDS)).resources)


class _StreamClient:
    """One stream, which ends with the block."""

    def __init__(self, channel: grpc.aio.Channel, method: str, request: Any, response: Any, first: Any) -> None:
        open_stream: Any = channel.stream_stream(
            f"/{SERVICE}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        self._open = open_stream
        self._first = first
        self.call: Any = None

    async def __aenter__(self) -> Self:
        self.call = self._open()
        await self.send(self._first)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()

    async def read(self) -> Any:
        """Return the next response."""
        async with asyncio.timeout(SECONDS):
            response = await self.call.read()
        assert response is not grpc.aio.EOF, f"the stream ended: {await self.call.code()} {await self.call.details()}"
        return response

    async def send(self, message: Any) -> None:
        """Send a message. If the stream has ended, nothing happens: the status and the next read state why."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self.call.write(message)


class DeltaClient(_StreamClient):
    """A stream of DeltaSecrets."""

    def __init__(self, channel: grpc.aio.Channel, names: Iterable[str], held: Mapping[str, str], node: str) -> None:
        first = envoy.DeltaDiscoveryRequest(
            type_url=SECRET_TYPE_URL, resource_names_subscribe=names, initial_resource_versions=held
        )
        first.node.id = node
        super().__init__(channel, "DeltaSecrets", envoy.DeltaDiscoveryRequest, envoy.DeltaDiscoveryResponse, first)

    async def accept(self, response: Any) -> None:
        """Confirm a response."""
        await self.send(envoy.DeltaDiscoveryRequest(type_url=SECRET_TYPE_URL, response_nonce=response.nonce))

    async def reject(self, response: Any, error: str) -> None:
        """Reject a response."""
        message = envoy.DeltaDiscoveryRequest(type_url=SECRET_TYPE_URL, response_nonce=response.nonce)
        message.error_detail.message = error
        await self.send(message)

    async def accepted(self) -> Mapping[str, Any]:
        """Return the secrets in the next response, by name, after confirming it."""
        response = await self.read()
        await self.accept(response)
        return secrets_in(each.resource for each in response.resources)


class WorldClient(_StreamClient):
    """A stream of StreamSecrets."""

    def __init__(self, channel: grpc.aio.Channel, names: Iterable[str], held: str, node: str) -> None:
        self._names = tuple(names)
        self._version = held
        first = self._request()
        first.node.id = node
        super().__init__(channel, "StreamSecrets", envoy.DiscoveryRequest, envoy.DiscoveryResponse, first)

    def _request(self, **fields: Any) -> Any:
        return envoy.DiscoveryRequest(
            type_url=SECRET_TYPE_URL, resource_names=self._names, version_info=self._version, **fields
        )

    async def accept(self, response: Any) -> None:
        """Confirm a response."""
        self._version = response.version_info
        await self.send(self._request(response_nonce=response.nonce))

    async def reject(self, response: Any, error: str) -> None:
        """Reject a response."""
        message = self._request(response_nonce=response.nonce)
        message.error_detail.message = error
        await self.send(message)


async def end_of(stream: Any, seconds: float = SECONDS) -> tuple[grpc.StatusCode, str]:
    """Return the status of a stream when it has ended."""
    async with asyncio.timeout(seconds):
        return await stream.call.code(), await stream.call.details()


def secrets_in(resources: Iterable[Any]) -> Mapping[str, Any]:
    """Return the secrets of a response, by name."""
    secrets = [envoy.Secret.FromString(each.value) for each in resources if each.type_url == SECRET_TYPE_URL]
    return {each.name: each for each in secrets}
