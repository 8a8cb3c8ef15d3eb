"""A gateway with mutual TLS, a policy, and a journal over the running emulators."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import yaml

from gateway.gateway_settings import GatewaySettings, load
from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import chain_folder, read_records
from gateway.providers.catalog import SETTINGS
from keyway.v1 import (
    audit_service_pb2_grpc,
    certificate_service_pb2_grpc,
    key_service_pb2_grpc,
    provider_service_pb2_grpc,
)
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.ocsf import ocsf_violations
from tests.support.stack import Gateway, Stack

DOMAIN = "spiffe://example.org"
OPERATOR, ORDERS, AUDITOR, UNAUTHORIZED = (
    f"{DOMAIN}/{name}" for name in ("operator", "orders", "auditor", "unauthorized")
)

POLICIES = """
@id("operators-do-everything")
permit (principal == Keyway::Caller::"spiffe://example.org/operator", action, resource);
@id("operators-read-keys")
permit (
  principal == Keyway::Caller::"spiffe://example.org/operator",
  action in [
    Keyway::Action::"GetSecret", Keyway::Action::"GetSymmetricKey", Keyway::Action::"GetPrivateKey",
    Keyway::Action::"DownloadCertificateWithPrivateKey"
  ],
  resource
);
@id("orders-use-their-keys")
permit (
  principal == Keyway::Caller::"spiffe://example.org/orders",
  action in [Keyway::Action::"Encrypt", Keyway::Action::"Decrypt"],
  resource
) when { resource.id like "orders-*" };
@id("auditors-read-metadata")
permit (
  principal == Keyway::Caller::"spiffe://example.org/auditor", action in Keyway::Action::"ReadMetadata", resource
);
"""


class CallerStubs:
    """The services for one caller."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.certificates = certificate_service_pb2_grpc.CertificateServiceStub(channel)
        self.keys = key_service_pb2_grpc.KeyServiceStub(channel)
        self.providers = provider_service_pb2_grpc.ProviderServiceStub(channel)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(channel)


class Trusted:
    """The files of such a gateway, and connections for any caller.

    `configuration` is the content of its configuration file. A test can change it before it starts the gateway.
    """

    def __init__(self, folder: Path, stack: Stack, **options: Any) -> None:
        self.folder = folder
        self.audit = folder / "audit"
        self.authority = CertificateAuthority()
        self.authority.server().write(folder, "server")
        (folder / "callers-ca.pem").write_bytes(self.authority.pem)
        (folder / "policies.cedar").write_text(POLICIES)
        self._credentials: dict[str, CertificateAndKey] = {}
        self.configuration: dict[str, Any] = {
            "listen": "localhost:0",
            "drain_delay": 0,
            "identity": {
                "certificate_file": "server.pem",
                "private_key_file": "server.key",
                "mtls": {"trust_bundle_file": "callers-ca.pem"},
            },
            "policy": {"policy_files": ["policies.cedar"]},
            "limits": {"caller": {"rate": 100_000, "burst": 100_000, "concurrency": 10_000}},
            "audit": {"directory": "audit"},
            "providers": [stack.provider(provider) for provider in ("nhn-certs", "nhn-keys", "asteria")],
            **options,
        }

    def write(self) -> Path:
        """Write the configuration file."""
        path = self.folder / "keyway.yaml"
        path.write_text(yaml.safe_dump(self.configuration))
        return path

    def settings(self) -> GatewaySettings:
        """Return the settings in that file."""
        return load(self.write(), SETTINGS)

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Run the gateway, and return its address."""
        async with Gateway(self.settings()) as gateway:
            yield gateway.address

    def issue(self, name: str, **options: Any) -> None:
        """Issue the certificate of a caller that has not connected yet. options: of `CertificateAuthority.issue`."""
        self._credentials[name] = self.authority.issue(uris=[name], **options)

    def channel_credentials(self, name: str | None) -> grpc.ChannelCredentials:
        """Return the credentials of a caller with or without a certificate."""
        if name is None:
            return grpc.ssl_channel_credentials(self.authority.pem)
        if name not in self._credentials:
            self._credentials[name] = self.authority.issue(uris=[name])
        credentials = self._credentials[name]
        return grpc.ssl_channel_credentials(self.authority.pem, credentials.key_pem, credentials.chain_pem)

    @contextlib.asynccontextmanager
    async def caller(
        self, address: str, name: str | None = OPERATOR, *, own_connection: bool = False
    ) -> AsyncIterator[CallerStubs]:
        """Connect one caller to a gateway at HOST:PORT. own_connection: shared with no other channel of the caller."""
        options = (
            ("grpc.max_receive_message_length", 64 << 20),
            ("grpc.use_local_subchannel_pool", int(own_connection)),
        )
        async with grpc.aio.secure_channel(address, self.channel_credentials(name), options=options) as channel:
            yield CallerStubs(channel)

    def events(self) -> list[dict[str, Any]]:
        """Return every recorded event so far."""
        return events_in(self.audit)


def events_in(directory: Path, worker: int = 0) -> list[dict[str, Any]]:
    """Return the events of one chain, oldest first."""
    folder = chain_folder(directory, worker)
    if not folder.exists():
        return []
    return [stored.record.value() for stored in read_records(folder) if stored.record.kind == "event"]


def record_of(directory: Path, request_id: str) -> Mapping[str, dict[str, Any]]:
    """Return the records of one call, by `intent` and `outcome`, which must conform to OCSF."""
    record = {
        event["metadata"]["event_code"]: event
        for event in events_in(directory)
        if event["api"].get("request", {}).get("uid") == request_id
    }
    for event in record.values():
        assert ocsf_violations(event) == []
    return record


def request_id_of(metadata: Any) -> str:
    """Return the request id in the trailers of a call."""
    return str(dict(metadata)["keyway-request-id"])


def receipt_of(metadata: Any) -> Receipt:
    """Return the receipt in the trailers of a call."""
    return Receipt.parse(str(dict(metadata)["keyway-audit-receipt"]))


def as_text(events: list[dict[str, Any]]) -> str:
    """Return searchable text."""
    return json.dumps(events, ensure_ascii=False)
