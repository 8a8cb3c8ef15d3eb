"""Test of the Python client with the oldest versions of its dependencies: `python -m tests.clients.oldest`.

It installs the client with the lower bounds of its pyproject.toml into a separate environment, and runs the client's
tests there. The gateway for the tests runs in the environment of this module.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / "build" / "clients" / "oldest"
PYTHON = ENVIRONMENT / "bin" / "python"
UV = Path(sysconfig.get_path("scripts")) / "uv"
# The tests need these packages; the client does not.
TOOLS = ("opentelemetry-sdk", "pyjwt", "pytest", "pytest-asyncio", "pytest-timeout", "pytest-xdist")
# The command line has newer requirements of its own, and the lower bounds do not concern it.
# A finalizer of the oldest grpcio reports errors of calls that the test has already seen.
UNRAISABLE = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning")
TESTS = (*UNRAISABLE, "--noconftest", "--ignore=tests/clients/python/cli", "tests/clients/python")


def main() -> int:
    install()
    print("\n".join(f"{name} {version(name)}" for name in ("grpcio", "protobuf")), flush=True)
    command = shlex.join((sys.executable, "-m", "gateway", "sandbox"))
    settings = {**os.environ, "KEYWAY_SANDBOX_COMMAND": command}
    pytest = (str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider")
    return subprocess.run((*pytest, *TESTS), cwd=ROOT, env=settings, check=False).returncode


def install() -> None:
    uv("venv", "--clear", "--python", sys.executable, str(ENVIRONMENT))
    pip = ("pip", "install", "--python", str(PYTHON))
    uv(*pip, "--resolution", "lowest-direct", "./clients/python[envelope]")
    uv(*pip, *(f"{name}=={metadata.version(name)}" for name in TOOLS))


def uv(*arguments: str) -> None:
    subprocess.run((str(UV), "--quiet", *arguments), cwd=ROOT, check=True)


def version(distribution: str) -> str:
    code = f"from importlib import metadata; print(metadata.version({distribution!r}))"
    return subprocess.run((str(PYTHON), "-c", code), check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
