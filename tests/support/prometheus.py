"""A real Prometheus that scrapes a gateway every second, with the rules of deploy/prometheus."""

import asyncio
import math
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from tests.support.monitoring import RULES
from tests.support.ports import free_address
from tests.support.programs import prometheus_program
from tests.support.waiting import eventually


class Prometheus:
    """`async with Prometheus(folder, "HOST:PORT") as prometheus: …`. The end of the block kills it."""

    def __init__(self, folder: Path, target: str) -> None:
        self._program = prometheus_program("prometheus")
        self._folder = folder
        self._target = target
        self._address = free_address()

    async def __aenter__(self) -> Self:
        configuration = yaml.safe_load((RULES / "prometheus.yaml").read_text(encoding="utf-8"))
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        configuration["rule_files"] = [str(RULES / name) for name in configuration["rule_files"]]
        configuration["scrape_configs"][0]["static_configs"] = [{"targets": [self._target]}]
        file = self._folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(configuration))
        self._process = await asyncio.create_subprocess_exec(
            *(self._program, f"--config.file={file}", f"--storage.tsdb.path={self._folder / 'tsdb'}"),
            *(f"--web.listen-address={self._address}", "--log.level=error"),
            stdin=asyncio.subprocess.DEVNULL,
        )
        self._session = aiohttp.ClientSession()
        await eventually(self._ready)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query: series with labels (`metric`) and a value."""
        answer = await self._get("query", query=expression)
        series: list[dict[str, Any]] = answer["data"]["result"]
        return series

    async def has_data(self, expression: str) -> bool:
        """Return whether a query has at least one value that is a number."""
        return any(not math.isnan(float(one["value"][1])) for one in await self.query(expression))

    async def rules(self) -> list[dict[str, Any]]:
        """Return all rules with their health and their last error."""
        answer = await self._get("rules")
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    async def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        async with self._session.get(f"http://{self._address}/api/v1/{path}", params=parameters) as response:
            answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer

    async def _ready(self) -> bool:
        assert self._process.returncode is None, "Prometheus ended"
        try:
            async with self._session.get(f"http://{self._address}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False
