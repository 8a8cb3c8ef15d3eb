"""deploy/collector.yaml with changed addresses only: audit records are separate from telemetry."""

from pathlib import Path
from typing import Any, Final

import grpc
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from gateway.journal.ship.lag import shipping_lag
from gateway.journal.ship.process import ShipperProcess
from gateway.journal.ship.settings import ShipSettings
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.chains import ChainWriter
from tests.support.collector import Collector
from tests.support.ports import free_port
from tests.support.waiting import eventually

CONFIGURATION: Final = Path(__file__).parents[2] / "deploy/collector.yaml"


class Deployed(Collector):
    """The production pipeline, which forwards telemetry to `backend`."""

    def __init__(self, folder: Path, authority: CertificateAuthority, backend: Collector) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.telemetry_port = free_port()
        authority.server().write(folder, "server")
        (folder / "clients-ca.pem").write_bytes(authority.pem)
        (folder / "audit-token").write_text("s3cret")
        self.environment = {
            "OTELCOL_SECRETS": str(folder),
            "OTELCOL_STATE": str(folder),
            "TELEMETRY_BACKEND": backend.endpoint.removeprefix("http://"),
        }
        addresses: dict[str, Any] = {
            "receivers": {
                name: {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}
                for name, port in (("otlp/audit", self.port), ("otlp/telemetry", self.telemetry_port))
            },
            "exporters": {"otlp_grpc/telemetry": {"tls": {"insecure": True}}},
            "service": {"telemetry": {"metrics": {"level": "none"}}},
        }
        (folder / "addresses.yaml").write_text(yaml.safe_dump(addresses))
        self.configurations = [str(CONFIGURATION), str(folder / "addresses.yaml")]

    def output(self, kind: str) -> Path:
        """Return the file that the pipeline writes. It contains only audit records."""
        return self._folder / "audit/audit.jsonl"


async def test_audit_records_and_telemetry_have_separate_pipelines(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    own = authority.issue("keyway")
    writer = ChainWriter(tmp_path / "audit/worker-0")
    writer.append(20)
    async with Collector(tmp_path) as backend, Deployed(tmp_path / "deployed", authority, backend) as collector:
        settings = ShipSettings.model_validate(
            {
                "endpoint": f"https://127.0.0.1:{collector.port}",
                "headers": {"authorization": "Bearer s3cret"},
                "ca_certificates": authority.pem,
                "client_certificate": {"certificate": own.chain_pem, "private_key": own.key_pem},
                "rewind": 1.5,
            }
        )
        async with ShipperProcess(tmp_path / "audit", settings):

            async def all_safe() -> bool:
                return all(behind.records == 0 for behind in shipping_lag(tmp_path / "audit").values())

            await eventually(all_safe)
        await send_log(collector.telemetry_port, authority, own)

        async def arrived() -> bool:
            return len(await backend.logs()) > 0

        await eventually(arrived)
        assert [item.body for item in await backend.logs()] == ["not an audit record"]
        shipped = [item.attributes["keyway.audit.sequence"] for item in await collector.logs()]
    assert list(dict.fromkeys(shipped)) == list(range(1, 21))
    assert {item.scope for item in await collector.logs()} == {"keyway.audit"}


async def send_log(port: int, authority: CertificateAuthority, own: CertificateAndKey) -> None:
    credentials = grpc.ssl_channel_credentials(authority.pem, own.key_pem, own.chain_pem)
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "not an audit record"
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        stub: Any = LogsServiceStub(channel)  # type: ignore[no-untyped-call]
        await stub.Export(request, timeout=10)
