"""Processes of the sandbox and of the runners."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.clients.languages import ROOT

TIMEOUT = 300


class Sandbox:
    """A running `keyway-gateway sandbox`. environment: the variables for the runners."""

    def __init__(self, ready: Any, environment: Any) -> None:
        self.ready = ready
        self.environment = environment

    def reset(self) -> None:
        """Reset all emulators."""
        for url in self.ready["controls"].values():
            request = urllib.request.Request(f"{url}/reset", b"{}", method="POST")
            with urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()

    def run(self, language: Any, *arguments: Any, data: Any = None, variables: Any = None) -> Any:
        """Run the runner of a language to its end. variables: more environment variables."""
        return subprocess.run(
            [*language.runner, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment, **(variables or {})},
            input=data,
            stdin=None if data is not None else subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )


@contextlib.contextmanager
def sandbox(cases: Any) -> Iterator[Any]:
    """Start a sandbox that runs until the end of the block, or of this process, which closes its standard input."""
    with tempfile.TemporaryDirectory(prefix="keyway-conformance-") as name:
        folder = Path(name)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "sandbox"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the sandbox did not start:\n{(folder / 'log').read_text()}")
            (folder / "sandbox.json").write_bytes(line)
            (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False))
            files = {"KEYWAY_SANDBOX": "sandbox.json", "KEYWAY_CASES": "cases.json"}
            yield Sandbox(json.loads(line), {name: str(folder / file) for name, file in files.items()})
        finally:
            process.stdin.close()
            process.wait(30)
