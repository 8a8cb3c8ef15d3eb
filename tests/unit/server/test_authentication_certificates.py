"""Authentication by client certificate, over real TLS."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.identity.settings import IdentitySettings
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.identity_server import WhoServer, channel, serving, who


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


@pytest.fixture(scope="module")
async def server(authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WhoServer]:
    async with serving(settings(tmp_path_factory.mktemp("tls"), authority)) as running:
        yield running


def settings(folder: Path, authority: CertificateAuthority) -> IdentitySettings:
    certificate, key = authority.server().write(folder, "server")
    bundle = folder / "bundle.pem"
    bundle.write_bytes(authority.pem)
    return IdentitySettings.model_validate(
        {"certificate_file": certificate, "private_key_file": key, "mtls": {"trust_bundle_file": bundle}}
    )


async def caller(
    server: WhoServer, authority: CertificateAuthority, presented: CertificateAndKey | None
) -> dict[str, Any]:
    async with channel(server.address, authority, presented) as connected:
        return await who(connected)


async def rejection(
    server: WhoServer, authority: CertificateAuthority, presented: CertificateAndKey | None
) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller(server, authority, presented)
    return caught.value.code(), caught.value.details() or ""


ID = "spiffe://example.org/ns/shop/sa/web"


@pytest.mark.parametrize(
    ("names", "name", "kind"),
    [
        ({"subject": "web", "uris": [ID], "hosts": ["web.example"]}, ID, "spiffe"),
        ({"subject": "web", "hosts": ["Web.Example.ORG", "other.example"]}, "web.example.org", "dns"),
        ({"subject": "web", "hosts": ["web.example"], "uris": ["https://web.example/"]}, "web.example", "dns"),
        ({"subject": "Order Service 7"}, "Order Service 7", "common-name"),
        ({"subject": "주문", "addresses": ["10.0.0.1"]}, "주문", "common-name"),
    ],
)
async def test_caller_name_comes_from_the_certificate(
    server: WhoServer, authority: CertificateAuthority, names: dict[str, Any], name: str, kind: str
) -> None:
    found = await caller(server, authority, authority.issue(**names))
    assert (found["name"], found["kind"], found["issuer"]) == (name, kind, "")


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"subject": "web", "uris": [ID, "https://web.example"]},
        {"subject": "web", "uris": [ID, ID + "2"]},
        {"subject": "web", "uris": ["SPIFFE://example.org/web"]},
        {"subject": ID},
        {"subject": "web\nadmin"},
        {"subject": ["web", "admin"]},
        {"subject": "web", "hosts": ["spiffe://example.org/web"]},
    ],
)
async def test_certificate_without_a_usable_name_is_rejected(
    server: WhoServer, authority: CertificateAuthority, names: dict[str, Any]
) -> None:
    found = await rejection(server, authority, authority.issue(**names))
    assert found == (grpc.StatusCode.UNAUTHENTICATED, "the client certificate contains no usable name")


async def test_authority_certificate_is_rejected(server: WhoServer, authority: CertificateAuthority) -> None:
    code, details = await rejection(server, authority, authority.credentials)
    assert (code, details) == (grpc.StatusCode.UNAUTHENTICATED, "the client certificate contains no usable name")


_NOT_FOR_CLIENTS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),)


@pytest.mark.parametrize(
    "presented",
    [
        lambda _authority: None,
        lambda _authority: CertificateAuthority("Other CA").issue("web"),
        lambda _authority: CertificateAuthority("Test CA").issue("web"),
        lambda authority: authority.issue("web", expires_in=timedelta(seconds=-5)),
        lambda authority: authority.issue("web", extensions=_NOT_FOR_CLIENTS),
    ],
    ids=["none", "other authority", "other authority with the same name", "expired", "not for clients"],
)
async def test_untrusted_certificate_is_rejected_by_tls(
    server: WhoServer,
    authority: CertificateAuthority,
    presented: Callable[[CertificateAuthority], CertificateAndKey | None],
) -> None:
    """The handshake fails, so there is no call."""
    code, _ = await rejection(server, authority, presented(authority))
    assert code is grpc.StatusCode.UNAVAILABLE
    assert (await caller(server, authority, authority.issue("web")))["name"] == "web"


async def test_plaintext_connection_is_rejected(server: WhoServer) -> None:
    async with grpc.aio.insecure_channel(server.address) as connected:
        with pytest.raises(grpc.aio.AioRpcError):
            await who(connected)
