"""Authentication by bearer token, over real TLS: the messages for callers, and the log for operators."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from gateway.errors import GatewayError
from gateway.identity.caller import ANONYMOUS
from gateway.identity.errors import AuthenticationError
from gateway.identity.settings import IdentitySettings
from gateway.server.authenticators import AnonymousAuthenticator, authenticator
from tests.support.authority import AUDIENCE, ISSUER, CertificateAuthority, TokenIssuer
from tests.support.identity_server import WhoServer, channel, serving, who

AUTHORITY = CertificateAuthority()
ISSUING = TokenIssuer()


def settings(folder: Path, content: bytes, **options: Any) -> IdentitySettings:
    certificate, key = AUTHORITY.server().write(folder, "server")
    file = folder / "jwks.json"
    file.write_bytes(content)
    jwt = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": file, **options}
    return IdentitySettings.model_validate({"certificate_file": certificate, "private_key_file": key, "jwt": jwt})


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WhoServer]:
    async with serving(settings(tmp_path_factory.mktemp("tls"), ISSUING.jwks())) as running:
        yield running


@pytest.fixture(scope="module")
async def connected(server: WhoServer) -> AsyncIterator[grpc.aio.Channel]:
    async with channel(server.address, AUTHORITY) as made:
        yield made


async def rejection(connected: grpc.aio.Channel, token: str | None, **options: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await who(connected, token, **options)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    return caught.value.details() or ""


async def test_token_subject_is_the_caller(connected: grpc.aio.Channel) -> None:
    token = ISSUING.token(groups=["shop"], scope="read")
    expected = {"name": "orders", "kind": "jwt", "issuer": ISSUER, "groups": ["shop"], "scopes": ["read"]}
    for scheme in ("Bearer ", "bearer ", "BEARER  "):
        assert await who(connected, metadata=[("authorization", scheme + token)]) == expected


async def test_messages_do_not_reveal_which_check_failed(connected: grpc.aio.Channel) -> None:
    good = ISSUING.token()
    assert await rejection(connected, None) == "no bearer token was sent"
    assert await rejection(connected, None, metadata=[("authorization", f"Basic {good}")]) == "no bearer token was sent"
    assert await rejection(connected, None, metadata=[("authorization", "")]) == "no bearer token was sent"
    malformed = "the bearer token is malformed"
    for token in ("", "x", "a.b.c", good + "=", "A" * 9000):
        assert await rejection(connected, token) == malformed
    twice = [("authorization", f"Bearer {good}")] * 2
    assert await rejection(connected, None, metadata=twice) == malformed
    assert await rejection(connected, ISSUING.token(exp=1)) == "the bearer token has expired"
    for token in (
        ISSUING.token(aud="other"),
        ISSUING.token(iss="other"),
        ISSUING.token(nbf=2**33),
        TokenIssuer().token(),
        TokenIssuer(key_id="unknown").token(),
        good[:-4] + "AAAA",
    ):
        assert await rejection(connected, token) == "the bearer token is invalid"


async def test_rejections_are_logged_once_per_second_without_the_token(
    connected: grpc.aio.Channel, server: WhoServer
) -> None:
    token = ISSUING.token(aud="other")
    server.authenticator._rejection_log._next_line_at = 0.0  # type: ignore[attr-defined]
    server.authenticator._rejection_log._suppressed = 0  # type: ignore[attr-defined]
    with capture_logs() as logged:
        for _ in range(5):
            await rejection(connected, token)
    assert [(line["event"], line["error"], line["suppressed"]) for line in logged] == [
        ("caller_rejected", "aud does not contain the configured audience", 0)
    ]
    assert logged[0]["peer"].startswith("ipv4:127.0.0.1:")
    assert not any(part in str(logged) for part in token.split("."))


async def test_client_certificate_is_not_requested(server: WhoServer, tmp_path: Path) -> None:
    """A client that has a certificate does not send it."""
    async with channel(server.address, AUTHORITY, CertificateAuthority("Other").issue("web")) as connected:
        assert (await who(connected, ISSUING.token()))["name"] == "orders"
        assert await rejection(connected, None) == "no bearer token was sent"


async def test_token_with_an_unknown_key_reloads_the_key_file(tmp_path: Path) -> None:
    identity = settings(tmp_path, ISSUING.jwks())
    successor = TokenIssuer(key_id="k2")
    async with serving(identity) as running, channel(running.address, AUTHORITY) as connected:
        await who(connected, ISSUING.token())
        assert await rejection(connected, successor.token()) == "the bearer token is invalid"
        (tmp_path / "new.json").write_bytes(ISSUING.jwks(successor))
        (tmp_path / "new.json").replace(tmp_path / "jwks.json")
        assert (await who(connected, successor.token()))["name"] == "orders"
        assert (await who(connected, ISSUING.token()))["name"] == "orders"


async def test_rejection_has_the_reason_as_its_cause(server: WhoServer) -> None:
    class Context:
        def peer(self) -> str:
            return "ipv4:192.0.2.1:1"

    metadata = (("authorization", "Bearer " + ISSUING.token(iss="other")),)
    with pytest.raises(GatewayError) as caught:
        await server.authenticator.authenticate(Context(), metadata)  # type: ignore[arg-type]
    cause = caught.value.__cause__
    assert isinstance(cause, AuthenticationError)
    assert cause.reason == "iss is not the configured issuer"


async def test_caller_is_anonymous_without_identity() -> None:
    anonymous = authenticator(None)
    assert isinstance(anonymous, AnonymousAuthenticator)
    async with serving(None) as running, grpc.aio.insecure_channel(running.address) as connected:
        assert (await who(connected))["kind"] == ANONYMOUS.kind == "anonymous"
