"""A gateway with two workers, and calls that an auditor of one provider may see or not."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.audit_queries import FULL_AUDITOR, indexed, queryable
from tests.support.processes import Process
from tests.support.stack import Stack
from tests.support.trusted import ORDERS, CallerStubs, Trusted, receipt_of, request_id_of

KEYS_LOG = "auditLogs/nhn-keys"
VISIBLE = "providers/nhn-keys/keys/orders-key"
HIDDEN = "providers/nhn-certs/certificates/hidden.example.com"
OTHER_SPELLINGS = ("nhn-ｋeys", "nhn-keys\u200b", "NHN-KEYS", "nhn-ｃerts", "nhn-ke\u0301ys")
MARKERS = (b"nhn-certs", b"hidden", "ｃerts".encode(), "ｋeys".encode(), b"NHN-KEYS", b"asteria")
"""Text of the calls that the auditor of nhn-keys may not see."""
CONNECTIONS = 6


@dataclass(frozen=True)
class AuditScene:
    """A gateway with two workers and a history.

    visible: the request IDs of calls that only name nhn-keys. hidden: the request IDs and receipts of the others.
    """

    trusted: Trusted
    address: str
    visible: frozenset[str]
    hidden: Sequence[tuple[str, str]]

    @contextlib.asynccontextmanager
    async def caller(self, name: str) -> AsyncIterator[Sequence[CallerStubs]]:
        """Connect a caller to all workers."""
        async with contextlib.AsyncExitStack() as stack:
            connections = (self.trusted.caller(self.address, name, own_connection=True) for _ in range(CONNECTIONS))
            yield [await stack.enter_async_context(connection) for connection in connections]


async def made(calls: Sequence[Any]) -> AsyncIterator[tuple[str, str]]:
    """Make the calls. Yield the request ID and the receipt of each, successful or not."""
    for call in calls:
        with contextlib.suppress(grpc.aio.AioRpcError):
            await call
        metadata = await call.trailing_metadata()
        yield request_id_of(metadata), str(receipt_of(metadata))


def visible_calls(caller: CallerStubs) -> Sequence[Any]:
    return [
        caller.keys.Encrypt(keys.EncryptRequest(name=VISIBLE, plaintext=b"x")),
        caller.keys.Encrypt(keys.EncryptRequest(name="providers/nhn-keys/keys/cafe\u0301", plaintext=b"x")),
        caller.keys.GetSecret(keys.GetSecretRequest(name="providers/nhn-keys/secrets/none")),
    ]


def hidden_calls(caller: CallerStubs) -> Sequence[Any]:
    download = certificates.DownloadCertificateRequest(
        name="providers/nhn-certs/certificates/www.example.com", include_private_key=True
    )
    batch = keys.BatchEncryptRequest(
        requests=[
            keys.EncryptRequest(name=VISIBLE, plaintext=b"x"),
            keys.EncryptRequest(name="providers/nhn-certs/keys/hidden", plaintext=b"x"),
        ]
    )
    names = [f"providers/{provider}/keys/hidden" for provider in OTHER_SPELLINGS]
    return [
        get_certificate(caller),
        caller.certificates.DownloadCertificate(download),
        caller.certificates.ListCertificates(certificates.ListCertificatesRequest(parent="providers/-")),
        caller.keys.BatchEncrypt(batch),
        *(caller.keys.Encrypt(keys.EncryptRequest(name=name, plaintext=b"x")) for name in names),
    ]


def get_certificate(caller: CallerStubs) -> Any:
    return caller.certificates.GetCertificate(certificates.GetCertificateRequest(name=HIDDEN))


@contextlib.asynccontextmanager
async def served_scene(folder: Path, stack: Stack) -> AsyncIterator[AuditScene]:
    """Yield the gateway, when its index contains the history."""
    trusted = queryable(folder, stack)
    trusted.configuration["workers"] = 2
    async with Process(folder, "serve", "--config", trusted.write()) as process:
        address = await process.address()
        visible, hidden = [], []
        for _ in range(3):
            async with trusted.caller(address, own_connection=True) as operator:
                visible += [request async for request, _ in made(visible_calls(operator))]
                hidden += [each async for each in made(hidden_calls(operator))]
        async with trusted.caller(address, ORDERS) as orders:
            hidden += [each async for each in made([get_certificate(orders)])]
        async with trusted.caller(address, None) as unauthenticated:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await get_certificate(unauthenticated)
        async with trusted.caller(address, FULL_AUDITOR) as auditor:
            await indexed(auditor, *visible, *(request for request, _ in hidden))
        yield AuditScene(trusted, address, frozenset(visible), hidden)
