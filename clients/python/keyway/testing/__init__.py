"""For tests of programs that call Keyway: a gateway of their own over emulated upstreams, in a process of its own.

Starts `python -m gateway sandbox`, which has to be installed (`pip install ./clients/python .` in Keyway's repository);
imports nothing of it. In pytest the fixtures
`keyway_sandbox` and `keyway_client` are there as soon as this package is installed.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from keyway.client import Client, connect

COMMAND_VARIABLE: Final = "KEYWAY_SANDBOX_COMMAND"
UPSTREAMS: Final = ("nhn-certificate-manager", "nhn-secure-key-manager", "asteria")
_PATIENCE: Final = 30.0


class SandboxError(Exception):
    """The sandbox did not start, or refused what it was told."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running gateway, at three addresses.

    plain: for everybody, without TLS. mtls: for the caller of `certificate` and `private_key`. jwt: for the caller of
    `token`, who may read no secrets. ca: vouches for the last two. All files are PEM. controls: URLs of the emulators'
    control ports, by upstream.
    """

    plain: str
    mtls: str
    jwt: str
    ca: str
    certificate: str
    private_key: str
    token: str = field(repr=False)
    controls: Mapping[str, str]

    @classmethod
    def read(cls, line: str) -> "Sandbox":
        """What the sandbox says of itself when it is ready."""
        ready = json.loads(line)
        addresses = {name: ready[name] for name in ("plain", "mtls", "jwt", "token", "controls")}
        return cls(**addresses, **ready["tls"])

    def connect(self, **options: Any) -> Client:
        """A client of the plain address; options: as of `keyway.connect`."""
        return connect(self.plain, plaintext=True, **options)

    def fail(self, upstream: str, **fault: Any) -> None:
        """Let the next calls to an upstream fail: `sandbox.fail("asteria", mode="error", code="5101")`.

        mode: `error` in the vendor's own way (`code`, `message`), `html`, `raw` (`status`, `headers`, `body`), `close`,
        `reset`, `stall`, `cut_off`, `redirect`. count: how many calls. path: a regular expression. delay: seconds.
        """
        self.control(upstream, "POST", "/faults", fault)

    def reset(self) -> None:
        """Every upstream as it was at first, and no fault left."""
        for upstream in self.controls:
            self.control(upstream, "POST", "/reset", {})

    def clear_faults(self) -> None:
        """No fault left."""
        for upstream in self.controls:
            self.control(upstream, "DELETE", "/faults")

    def control(self, upstream: str, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """Any request to a control port; `curl` its URL for what there is. Its JSON answer."""
        body = None if data is None else json.dumps(data).encode()
        # A URL of our own sandbox.
        request = urllib.request.Request(self.controls[upstream] + path, body, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SandboxError(f"{upstream}: {error.read().decode(errors='replace').strip()}") from error


def default_command() -> list[str]:
    """What the environment's KEYWAY_SANDBOX_COMMAND says; else the gateway beside this Python."""
    told = os.environ.get(COMMAND_VARIABLE)
    return shlex.split(told) if told else [sys.executable, "-m", "gateway", "sandbox"]


@contextlib.contextmanager
def start_sandbox(command: Sequence[str] | None = None) -> Iterator[Sandbox]:
    """A sandbox that runs until the block ends; also where this process ends without a word."""
    words = list(command or default_command())
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - what the caller asked for
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                said = log.read()[-2000:].decode(errors="replace").strip()
                raise SandboxError(f"the sandbox did not start: {shlex.join(words)}\n{said}{_advice(said)}")
            yield Sandbox.read(line.decode())
        finally:
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _advice(said: str) -> str:
    if not said.endswith("No module named gateway"):
        return ""
    return (
        f"\nThe gateway is not beside this Python. In Keyway's repository: pip install ./clients/python .\n"
        f"Or let {COMMAND_VARIABLE} say what starts it, such as /path/to/keyway/.venv/bin/python -m gateway sandbox"
    )
