"""A real OpenTelemetry Collector process that writes what it receives to files. `make collector` builds it."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml

from tests.support.ports import free_port
from tests.support.waiting import eventually

PROGRAM: Final = Path(__file__).parents[2] / "build/otelcol"
_SIGNALS: Final = ("logs", "traces", "metrics")


@dataclass(frozen=True, slots=True)
class CollectorTls:
    """PEM files. clients: the authority of accepted client certificates, or None to require no certificate."""

    certificate: Path
    private_key: Path
    clients: Path | None = None


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """A log record, span, or metric of the output with its resource. Attributes are plain values."""

    resource: Mapping[str, Any]
    scope: str
    attributes: Mapping[str, Any]
    value: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of a span or metric, or the event name of a log record."""
        name: str = self.value.get("name") or self.value.get("eventName", "")
        return name

    @property
    def body(self) -> Any:
        """The body of a log record."""
        return _plain(self.value["body"])


class Collector:
    """`async with Collector(folder) as collector: …`. Its output and its address stay the same after a kill.

    flush_interval: how often it writes to its files. A kill loses acknowledged data that it has not written.
    token: clients must send it as `authorization: Bearer …`.
    A test can add a configuration to `configurations` before the start. It must listen on `port`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flush_interval: str = "100ms",
        token: str | None = None,
        tls: CollectorTls | None = None,
        receiver: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self._scheme = "https" if tls is not None else "http"
        self.port = free_port()
        grpc: dict[str, Any] = {"endpoint": f"127.0.0.1:{self.port}", **(receiver or {})}
        if token is not None:
            grpc["auth"] = {"authenticator": "bearertokenauth"}
        if tls is not None:
            grpc["tls"] = {"cert_file": str(tls.certificate), "key_file": str(tls.private_key)}
            if tls.clients is not None:
                grpc["tls"]["client_ca_file"] = str(tls.clients)
        config: dict[str, Any] = {
            "receivers": {"otlp": {"protocols": {"grpc": grpc}}},
            "exporters": {
                f"file/{kind}": {
                    "path": str(self.output(kind)),
                    "append": True,  # a restart would truncate it
                    "flush_interval": flush_interval,
                }
                for kind in _SIGNALS
            },
            "service": {
                "telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "none"}},
                "pipelines": {kind: {"receivers": ["otlp"], "exporters": [f"file/{kind}"]} for kind in _SIGNALS},
            },
        }
        if token is not None:
            config["extensions"] = {"bearertokenauth": {"token": token}}
            config["service"]["extensions"] = ["bearertokenauth"]
        path = folder / "collector.yaml"
        path.write_text(yaml.safe_dump(config))
        self.configurations: list[str] = [str(path)]
        self.environment: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    @property
    def endpoint(self) -> str:
        """The address for exporters."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def output(self, kind: str) -> Path:
        """Return the file with its `logs`, `traces`, or `metrics`."""
        return self._folder / f"{kind}.jsonl"

    async def start(self) -> None:
        """Start it, and return when it accepts connections."""
        assert PROGRAM.exists(), f"{PROGRAM} is missing: run `make collector`"
        with (self._folder / "collector.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM,
                *(f"--config={configuration}" for configuration in self.configurations),
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await eventually(self._listens)

    async def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, (self._folder / "collector.log").read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    async def kill(self) -> None:
        """End it like a crash: data that it has not written is lost."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Stop it like an operator."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.send_signal(number)
            await process.wait()

    def pause(self) -> None:
        """Make it hang: connections stay open, but it does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after a pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def logs(self) -> Sequence[ExportedItem]:
        """Return the log records written so far."""
        return await self._items("logs", "resourceLogs", "scopeLogs", "logRecords")

    async def spans(self) -> Sequence[ExportedItem]:
        """Return the spans written so far."""
        return await self._items("traces", "resourceSpans", "scopeSpans", "spans")

    async def metrics(self) -> Sequence[ExportedItem]:
        """Return the metrics written so far. `value` holds the data points."""
        return await self._items("metrics", "resourceMetrics", "scopeMetrics", "metrics")

    async def _items(self, kind: str, *levels: str) -> Sequence[ExportedItem]:
        return await asyncio.to_thread(lambda: list(_read(self.output(kind), *levels)))


def _read(path: Path, resources: str, scopes: str, items: str) -> Iterator[ExportedItem]:
    """Split the file into documents. A killed collector leaves a partial line, and the next collector appends to it."""
    if not path.exists():
        return
    start = f'{{"{resources}":'
    for piece in path.read_text(errors="replace").split(start)[1:]:
        try:
            exported = json.loads(start + piece)
        except json.JSONDecodeError:
            continue
        for resource in exported[resources]:
            who = _attributes(resource.get("resource", {}))
            for scope in resource.get(scopes, ()):
                name = scope.get("scope", {}).get("name", "")
                for item in scope.get(items, ()):
                    yield ExportedItem(who, name, _attributes(item), item)


def _attributes(value: Mapping[str, Any]) -> dict[str, Any]:
    return {attribute["key"]: _plain(attribute["value"]) for attribute in value.get("attributes", ())}


def _plain(value: Mapping[str, Any]) -> Any:
    """Return the plain value of an OTLP AnyValue in JSON, which writes 64-bit integers as text."""
    for kind, content in value.items():
        match kind:
            case "intValue":
                return int(content)
            case "arrayValue":
                return [_plain(item) for item in content.get("values", ())]
            case "kvlistValue":
                return {item["key"]: _plain(item["value"]) for item in content.get("values", ())}
            case _:
                return content
    return None
