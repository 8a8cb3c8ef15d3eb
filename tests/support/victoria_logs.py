"""A real VictoriaLogs process, and the collector of deploy/central in front of it. `make victoria-logs` builds it."""

import asyncio
import base64
import contextlib
import signal
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import orjson
import yaml

from tests.support.authority import CertificateAuthority
from tests.support.collector import Collector
from tests.support.ports import free_port
from tests.support.programs import unavailable
from tests.support.waiting import eventually

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = ROOT / "build/victoria-logs"
CONFIGURATION: Final = ROOT / "deploy/central/collector.yaml"
SCRIPT: Final = ROOT / "deploy/central/victoria-logs.sh"
USERNAME: Final = "keyway"
PASSWORD: Final = "s3cret-of-the-store"
TOKEN: Final = "s3cret-of-the-collector"


class VictoriaLogs:
    """`async with VictoriaLogs(folder, authority) as store: …`. Data and address stay the same after a restart."""

    def __init__(self, folder: Path, authority: CertificateAuthority) -> None:
        if not PROGRAM.exists():
            unavailable(f"{PROGRAM.relative_to(ROOT)} is missing (`make victoria-logs` builds it, with Go)")
        self._folder = folder
        self._authority = authority
        self.port = free_port()
        self.endpoint = f"https://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        authority.server().write(folder, "server")
        (folder / "victoria-logs-password").write_text(PASSWORD)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=self._authority.pem.decode())),
            headers={"Authorization": aiohttp.encode_basic_auth(USERNAME, PASSWORD)},
        )
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end(signal.SIGKILL)
        await self._session.close()

    async def start(self) -> None:
        """Start it with the flags of deploy/central, and return when it accepts requests."""
        environment = {
            "VICTORIA_LOGS": str(PROGRAM),
            "VICTORIA_LOGS_SECRETS": str(self._folder),
            "VICTORIA_LOGS_DATA": str(self._folder / "data"),
            "VICTORIA_LOGS_LISTEN": f"127.0.0.1:{self.port}",
            "VICTORIA_LOGS_USERNAME": USERNAME,
            "VICTORIA_LOGS_RETENTION": "100y",  # the calls of the history are years old
        }
        with (self._folder / "victoria-logs.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                SCRIPT, "-delete.enable", env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        await eventually(self._is_ready)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, or kill it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            await process.wait()

    async def query(self, logsql: str) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a query, including those that arrived just now."""
        await self.flush()
        async with self._session.post(f"{self.endpoint}/select/logsql/query", data={"query": logsql}) as response:
            assert response.status == 200, await response.text()
            return [orjson.loads(line) for line in (await response.read()).splitlines()]

    async def flush(self) -> None:
        """Make arrived records visible to queries now, not within a second."""
        async with self._session.get(f"{self.endpoint}/internal/force_flush") as response:
            assert response.status == 200

    async def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows as somebody with the credentials can do it, without the collector."""
        fields = "keyway.audit.journal,keyway.audit.chain,event_name"
        body = b"\n".join(orjson.dumps(row) for row in rows)
        async with self._session.post(
            f"{self.endpoint}/insert/jsonline", params={"_stream_fields": fields}, data=body
        ) as response:
            assert response.status == 200
        await self.flush()

    async def delete(self, logsql_filter: str) -> None:
        """Delete rows, and wait until the task that deletes them has ended, because it can delete rows added later."""
        await self.flush()
        url = f"{self.endpoint}/delete/run_task"
        async with self._session.post(url, data={"filter": logsql_filter}) as response:
            assert response.status == 200, await response.text()

        async def ended() -> bool:
            async with self._session.get(f"{self.endpoint}/delete/active_tasks") as response:
                assert response.status == 200, await response.text()
                active = orjson.loads(await response.read())
            return not active and not await self.query(f"{logsql_filter} | limit 1")

        await eventually(ended)

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, (self._folder / "victoria-logs.log").read_text()
        try:
            # Not /health: the first request with credentials reads the password file, and until that is done, the
            # store rejects others.
            async with self._session.get(f"{self.endpoint}/internal/force_flush") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


class CentralCollector(Collector):
    """The collector of deploy/central with changed addresses only."""

    def __init__(self, folder: Path, authority: CertificateAuthority, store: VictoriaLogs) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder)
        self._scheme = "https"
        authority.server().write(folder, "server")
        (folder / "clients-ca.pem").write_bytes(authority.pem)
        (folder / "victoria-logs-ca.pem").write_bytes(authority.pem)
        (folder / "audit-token").write_text(TOKEN)
        credentials = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode())
        (folder / "victoria-logs-credentials").write_bytes(credentials)
        self.environment = {"OTELCOL_SECRETS": str(folder), "VICTORIA_LOGS": store.endpoint}
        addresses: dict[str, Any] = {
            "receivers": {"otlp/audit": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{self.port}"}}}},
            "service": {"telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "none"}}},
        }
        (folder / "addresses.yaml").write_text(yaml.safe_dump(addresses))
        self.configurations = [str(CONFIGURATION), str(folder / "addresses.yaml")]
        own = authority.issue("keyway")
        self.ship: Mapping[str, Any] = {
            "endpoint": self.endpoint,
            "headers": {"authorization": f"Bearer {TOKEN}"},
            "ca_certificates": authority.pem.decode(),
            "client_certificate": {"certificate": own.chain_pem.decode(), "private_key": own.key_pem.decode()},
        }
        """The settings `audit.ship` of a gateway."""
