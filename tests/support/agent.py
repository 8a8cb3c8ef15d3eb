"""`keyway agent` as a process, the certificates that it keeps, and programs that watch what it does."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml
from cryptography.hazmat.primitives.hashes import SHA256

from keyway.agent.control import ControlError, ask
from keyway.agent.status import metrics_text
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.certificate_manager import certificate, register
from tests.support.stack import CERTIFICATE_MANAGER, Stack
from tests.support.tls_servers import pair_matches
from tests.support.waiting import eventually

HOST: Final = "www.agent.example.com"
_EXAMPLES: Final = Path(__file__).parents[2] / "deploy" / "agent"
_END_SECONDS: Final = 60.0


DAYS: Final[dict[str, Any]] = {"expires_in": timedelta(days=90)}
"""Far from expiry, so that the agent waits for jitter and windows."""


class RenewedCertificate:
    """A certificate at the emulator of Certificate Manager, under a private authority. `issued`: all, oldest first."""

    def __init__(self, stack: Stack, name: str = HOST) -> None:
        self._control = stack.controls[CERTIFICATE_MANAGER]
        self.name = name
        self.resource = certificate(name)
        self.authority = CertificateAuthority("Agent Test CA")
        self.issued: list[CertificateAndKey] = []

    async def renew(self, host: str = "", **options: Any) -> CertificateAndKey:
        """Issue a certificate, by default for the name, and replace the file at the provider."""
        issued = self.authority.issue("agent", hosts=[host or self.name], **options)
        await self.store(issued.chain_pem + self.authority.pem + issued.key_pem)
        self.issued.append(issued)
        return issued

    async def store(self, content: bytes) -> None:
        """Replace the file at the provider by any content."""
        await register(self._control, self.name, content)


class AgentFolder:
    """The configuration file of an agent for one certificate. options: of the certificate."""

    def __init__(self, folder: Path, address: str, resource: str, **options: Any) -> None:
        self.folder = folder
        self.config = folder / "agent.yaml"
        self.directory = folder / "certificates" / "www"
        self.state_directory = folder / "state"
        self.certificate: dict[str, Any] = {
            "name": "www",
            "certificate": resource,
            "hosts": [HOST],
            "directory": "certificates/www",
            "outputs": [
                {"file": "fullchain.pem", "content": ["certificate", "chain"]},
                {"file": "private.key", "content": ["private_key"]},
            ],
            **options,
        }
        self.settings: dict[str, Any] = {
            "gateway": {"address": address},
            "state_directory": "state",
            "health_file": "health.json",
            "poll_interval": 1,
            "jitter": 0,
            "certificates": [self.certificate],
        }

    def take_example(self, name: str) -> None:
        """Use an example of `deploy/agent`, with the gateway, the certificate, and the folders of the test."""
        example = yaml.safe_load((_EXAMPLES / f"{name}.yaml").read_text())
        own = {key: self.certificate[key] for key in ("certificate", "hosts", "directory")}
        (certificate,) = example["certificates"]
        certificate |= own
        for key in ("maintenance", "metrics_address"):
            example.pop(key, None)
        self.certificate = certificate
        self.settings = {**example, **{key: self.settings[key] for key in self.settings if key != "certificates"}}

    @property
    def current(self) -> Path:
        """The link to the current version."""
        return self.directory / "current"

    def file(self, name: str = "fullchain.pem") -> bytes:
        """Return the content of a current file."""
        return (self.current / name).read_bytes()

    def write(self) -> Path:
        """Write the configuration file."""
        self.config.write_text(yaml.safe_dump(self.settings))
        return self.config

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command of `keyway agent`; return its exit code and its output."""
        name, *others = arguments
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "keyway_cli", "agent", name, "--file", str(self.config), *others),
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(_END_SECONDS):
            output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    def has(self, issued: CertificateAndKey) -> bool:
        """Return whether the current files are this pair."""
        return self.file().startswith(issued.chain_pem) and pair_matches(self.file(), self.file("private.key"))


async def installed_without_server(files: AgentFolder, issued: CertificateAndKey) -> None:
    """Install the first version with an agent, before the server that needs the files is started."""
    files.certificate |= {"check": None, "reload": None, "verify": None}
    async with RunningAgent(files) as agent:
        await agent.until_installed(issued)
        assert await agent.stop() == 0


class RunningAgent:
    """`keyway agent run` as a process. The end of the block kills it. `log`: its output, one line each."""

    def __init__(self, files: AgentFolder) -> None:
        self.files = files
        self.log: list[str] = []

    async def __aenter__(self) -> Self:
        self.files.write()
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "keyway_cli", "agent", "run", "--file", str(self.files.config)),
            cwd=self.files.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.files.folder), "KEYWAY_TOKEN": "not-for-commands"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode().rstrip("\n"))

    async def kill(self) -> None:
        """End the process with SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def stop(self) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.terminate()
        async with asyncio.timeout(_END_SECONDS):
            code = await self.process.wait()
        await self._reading
        return code

    async def ask(self, **request: Any) -> Mapping[str, Any]:
        """Send a request to the control socket. Raises ControlError."""
        return await asyncio.to_thread(ask, self.files.state_directory, request)

    async def status(self) -> Mapping[str, Any]:
        """Return the status of the certificate."""
        status: Mapping[str, Any] = (await self.ask(command="status"))["certificates"][0]
        return status

    async def until(self, condition: Callable[[Mapping[str, Any]], bool], seconds: float = 60.0) -> Mapping[str, Any]:
        """Wait for a status of the certificate, and return it."""
        found: dict[str, Any] = {}

        async def holds() -> bool:
            with contextlib.suppress(ControlError, OSError, ValueError):
                found.clear()
                found.update(await self.status())
                return condition(found)
            return False

        await eventually(holds, seconds, otherwise=lambda: f"{json.dumps(found)}\n" + "\n".join(self.log[-20:]))
        return found

    async def until_installed(self, issued: CertificateAndKey) -> Mapping[str, Any]:
        """Wait until a certificate is installed and in service."""
        wanted = issued.certificate.fingerprint(SHA256()).hex()
        return await self.until(lambda found: found["fingerprint"] == wanted and found["state"] == "installed")

    async def until_watching(self) -> None:
        """Wait until the gateway announces changes."""

        async def watching() -> bool:
            return bool((await self.ask(command="status"))["watching"])

        await eventually(watching, 60.0, otherwise=lambda: "\n".join(self.log[-20:]))

    async def until_failed(self, reason: str) -> str:
        """Wait for a failure with this reason in the status, the log, and the metrics; return its message."""

        def failed(found: Mapping[str, Any]) -> bool:
            return any(problem["reason"] == reason for problem in found["problems"])

        found = await self.until(failed)
        message: str = next(each["message"] for each in found["problems"] if each["reason"] == reason)
        tree = {"healthy": False, "watching": False, "certificates": [found]}
        assert f'keyway_agent_failure{{name="{found["name"]}",reason="{reason}"}} 1' in metrics_text(tree).splitlines()

        async def is_logged() -> bool:
            return any(message in line for line in self.log)

        await eventually(is_logged, otherwise=lambda: "\n".join(self.log[-20:]))
        return message
