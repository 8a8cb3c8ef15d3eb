"""Support for tests of programs that call Keyway: a gateway with emulated upstreams in a separate process.

It starts `keyway-gateway sandbox` and imports nothing from the gateway. Install both with
`pip install ./clients/python .` in the Keyway repository. pytest finds the fixtures `keyway_sandbox` and
`keyway_client` of the installed package.
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
_TIMEOUT: Final = 30.0


class SandboxError(Exception):
    """The sandbox did not start, or rejected a control request."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running gateway with three listeners.

    plain: without TLS and authentication. mtls: requires `certificate` and `private_key`. jwt: requires `token`, whose
    caller cannot read secrets. ca: CA bundle used to verify `mtls` and `jwt`. All files are PEM.
    controls: URLs of the control ports of the emulators, by upstream.
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
        """Parse the line of JSON that the sandbox prints when it is ready."""
        ready = json.loads(line)
        addresses = {name: ready[name] for name in ("plain", "mtls", "jwt", "token", "controls")}
        return cls(**addresses, **ready["tls"])

    def connect(self, **options: Any) -> Client:
        """Return a client of the `plain` listener. options: arguments of `keyway.connect`."""
        return connect(self.plain, plaintext=True, **options)

    def fail(self, upstream: str, **fault: Any) -> None:
        """Make the next calls to an upstream fail: `sandbox.fail("asteria", mode="error", code="5101")`.

        mode: `error` in the vendor's format (`code`, `message`), `html`, `raw` (`status`, `headers`, `body`), `close`,
        `reset`, `stall`, `cut_off`, `redirect`. count: number of calls. path: a regular expression. delay: in seconds.
        """
        self.control(upstream, "POST", "/faults", fault)

    def reset(self) -> None:
        """Reset all upstreams to their initial state, without faults."""
        for upstream in self.controls:
            self.control(upstream, "POST", "/reset", {})

    def clear_faults(self) -> None:
        """Remove all faults."""
        for upstream in self.controls:
            self.control(upstream, "DELETE", "/faults")

    def control(self, upstream: str, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """Send a request to a control port; return its JSON response. `GET /` of the port lists the requests."""
        body = None if data is None else json.dumps(data).encode()
        # The URL belongs to this sandbox.
        request = urllib.request.Request(self.controls[upstream] + path, body, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                message = error.read().decode(errors="replace").strip()
            raise SandboxError(f"{upstream}: {message}") from error


def default_command() -> list[str]:
    """Return the command in KEYWAY_SANDBOX_COMMAND; default: the gateway in the environment of this Python."""
    command = os.environ.get(COMMAND_VARIABLE)
    return shlex.split(command) if command else [sys.executable, "-m", "gateway", "sandbox"]


@contextlib.contextmanager
def start_sandbox(command: Sequence[str] | None = None) -> Iterator[Sandbox]:
    """Start a sandbox that runs until the end of the block, or of this process."""
    words = list(command or default_command())
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - the command of the caller
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                output = log.read()[-2000:].decode(errors="replace").strip()
                raise SandboxError(f"the sandbox did not start: {shlex.join(words)}\n{output}{_advice(output)}")
            yield Sandbox.read(line.decode())
        finally:
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _advice(output: str) -> str:
    if not output.endswith("No module named gateway"):
        return ""
    return (
        f"\nThe gateway is not installed. Run `pip install ./clients/python .` in the Keyway repository, or set\n"
        f"{COMMAND_VARIABLE} to its command, such as /path/to/keyway/.venv/bin/keyway-gateway sandbox"
    )
