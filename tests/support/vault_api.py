"""A gateway with Vault's HTTP API over the emulators, and a small client."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway import app
from gateway.server.gateway_server import GatewayServer
from tests.support.authority import AUDIENCE, ISSUER, TokenIssuer
from tests.support.ports import free_address
from tests.support.stack import Stack
from tests.support.trusted import POLICIES, Trusted

SHOP, WEB, READER, APP = "shop", "web", "reader", "app"
"""The subjects of tokens: one uses keys, one reads secrets and private keys, one reads metadata, and one does all of
that.
"""
KEYS: Final = "nhn-keys"
CERTIFICATES: Final = "nhn-certs"
TOKEN: Final = "X-Vault-Token"

_POLICY: Final = """
@id("shop-uses-keys")
permit (principal == Keyway::Caller::"sub:shop", action in Keyway::Action::"UseKeys", resource)
when { resource.id like "orders-*" || resource.id like "demo-*" };
@id("shop-reads-public-keys")
permit (principal == Keyway::Caller::"sub:shop", action == Keyway::Action::"GetPublicKey", resource);
@id("web-reads-private-material")
permit (
  principal == Keyway::Caller::"sub:web",
  action in [Keyway::Action::"DownloadCertificateWithPrivateKey", Keyway::Action::"GetSecret"],
  resource
);
@id("app-does-everything")
permit (principal == Keyway::Caller::"sub:app", action, resource);
@id("app-reads-private-material")
permit (
  principal == Keyway::Caller::"sub:app",
  action in [Keyway::Action::"DownloadCertificateWithPrivateKey", Keyway::Action::"GetSecret"],
  resource
);
@id("reader-reads-metadata")
permit (
  principal == Keyway::Caller::"sub:reader",
  action in [Keyway::Action::"ReadMetadata", Keyway::Action::"DownloadCertificate"],
  resource
);
"""


@dataclass(frozen=True, slots=True)
class ApiReply:
    """A response."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        """The data of a successful response."""
        assert self.status == 200, self.body
        return self.body["data"]

    @property
    def error(self) -> str:
        """The text of a failed response."""
        (text,) = self.body["errors"]
        return str(text)


class VaultScene:
    """A gateway with the API. Callers of the API have tokens, or with `mtls`, certificates like callers over gRPC.

    options: of the section `vault_api`.
    """

    server: GatewayServer

    def __init__(self, folder: Path, stack: Stack, *, mtls: bool = False, **options: Any) -> None:
        self.folder = folder
        self.address = free_address().replace("127.0.0.1", "localhost")
        self.issuer = TokenIssuer()
        (folder / "jwks.json").write_bytes(self.issuer.jwks())
        files = {"certificate_file": "server.pem", "private_key_file": "server.key"}
        jwt = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": "jwks.json"}
        identity = {} if mtls else {"identity": {**files, "jwt": jwt}}
        section = {"listen": self.address, **identity, **options}
        self.trusted = Trusted(folder, stack, vault_api=section)
        (folder / "policies.cedar").write_text(POLICIES + _POLICY)

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"https://{self.address}"

    @property
    def authority_file(self) -> Path:
        """The certificate of the authority that issued the certificate of the listener."""
        path = self.folder / "api-ca.pem"
        path.write_bytes(self.trusted.authority.pem)
        return path

    def token(self, subject: str = SHOP, **changes: Any) -> str:
        """Return a token."""
        return self.issuer.token(sub=subject, **changes)

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[GatewayServer]:
        """Run the gateway."""
        async with app.gateway(self.trusted.settings()) as self.server:
            yield self.server

    def tls(self, caller: str | None = None) -> ssl.SSLContext:
        """Return the context of a client. caller: whose certificate it presents."""
        context = ssl.create_default_context(cadata=self.trusted.authority.pem.decode())
        if caller is not None:
            context.load_cert_chain(*self.trusted.authority.issue(uris=[caller]).write(self.folder, "api-caller"))
        return context

    @contextlib.asynccontextmanager
    async def client(
        self, subject: str | None = SHOP, *, certificate: str | None = None
    ) -> AsyncIterator["VaultClient"]:
        """Connect a caller, by default one with a token."""
        headers = {TOKEN: self.token(subject)} if subject is not None else {}
        connector = aiohttp.TCPConnector(ssl=self.tls(certificate))
        async with aiohttp.ClientSession(self.url, headers=headers, connector=connector) as session:
            yield VaultClient(session)

    def outcomes(self, operation: str) -> list[dict[str, Any]]:
        """Return the recorded outcomes of a method, such as `Encrypt`."""
        return [
            event
            for event in self.trusted.events()
            if event["metadata"]["event_code"] == "outcome" and event["api"]["operation"].endswith(f"/{operation}")
        ]


class VaultClient:
    """Makes requests on the connections of one caller."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str, **options: Any) -> ApiReply:
        """Read a path below `/v1/`."""
        return await self.request("GET", path, **options)

    async def put(self, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> ApiReply:
        """Write to a path below `/v1/`."""
        return await self.request("PUT", path, json=body or {}, **options)

    async def request(self, method: str, path: str, **options: Any) -> ApiReply:
        """Make a request."""
        async with self._session.request(method, f"/v1/{path}", **options) as response:
            body = await response.json() if method != "HEAD" else None
            return ApiReply(response.status, body, response.headers)
