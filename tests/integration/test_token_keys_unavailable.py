"""Calls with a token while the keys of its issuer cannot be fetched."""

from pathlib import Path

from keyway.v1 import provider_service_pb2 as providers
from keyway.v1 import provider_service_pb2_grpc
from tests.support.authority import AUDIENCE, ISSUER
from tests.support.ports import free_port
from tests.support.token_gateway import running_token_gateway
from tests.support.trusted import events_in
from tests.support.waiting import eventually
from tests.support.wire import failure_of


async def test_call_is_unavailable_and_retryable(tmp_path: Path) -> None:
    jwt = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": f"http://127.0.0.1:{free_port()}/jwks.json"}
    identity = {"certificate_file": "server.pem", "private_key_file": "server.key", "jwt": jwt}
    async with running_token_gateway(tmp_path, identity=identity) as gateway:
        async with gateway.channel() as channel:
            stub = provider_service_pb2_grpc.ProviderServiceStub(channel)
            metadata = [("authorization", f"Bearer {gateway.files.issuer.token()}")]
            failure = await failure_of(
                stub.ListProviders(providers.ListProvidersRequest(), metadata=metadata, timeout=20)
            )
        await eventually(lambda: has_rejections(tmp_path / "audit"))
        await gateway.process.stopped()
    assert failure.kind == ("UNAVAILABLE", "TOKEN_KEYS_UNAVAILABLE")
    assert failure.retry is not None
    (event,) = events_in(tmp_path / "audit")
    assert event["status_code"] == "UNAVAILABLE"
    assert event["status_detail"] == "TOKEN_KEYS_UNAVAILABLE"


async def has_rejections(directory: Path) -> bool:
    return bool(events_in(directory))
