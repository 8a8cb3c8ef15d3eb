"""Generator of the Python stubs: `python -m clients.python_stubs FOLDER`.

It runs the oldest supported grpcio-tools, which requirements-stubs.lock pins, in a separate environment. Generated code
requires a protobuf and a grpcio that are at least as new as the tools that generated it. Therefore, the pinned version
determines which versions the Python client supports.
"""

import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PROTOS: Final = ROOT / "protos"
DEPS: Final = ROOT / "build" / "protos-deps"
LOCK: Final = ROOT / "requirements-stubs.lock"
TOOLS: Final = ROOT / "build" / "stubs-venv"
# The newest Python for which the pinned grpcio-tools has wheels. uv finds it or downloads it.
NEWEST_PYTHON: Final = (3, 13)


def main() -> int:
    generate_python_stubs(Path(sys.argv[1]))
    return 0


def generate_python_stubs(target: Path) -> None:
    """Write the messages, the services, and their types below `target`."""
    target.mkdir(parents=True, exist_ok=True)
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    run(
        *(str(tools_python()), "-m", "grpc_tools.protoc"),
        *(f"--proto_path={PROTOS}", f"--proto_path={DEPS}"),
        *(f"--python_out={target}", f"--grpc_python_out={target}"),
        *(f"--plugin={program('protoc-gen-mypy')}", f"--mypy_out=quiet:{target}"),
        *(f"--plugin={program('protoc-gen-mypy_grpc')}", f"--mypy_grpc_out=quiet:{target}"),
        *sources,
    )
    remove_empty_service_modules(target)


def tools_python() -> Path:
    """Return the Python of the environment with the pinned tools. Create it if it is missing or has another lock."""
    python, marker = TOOLS / "bin" / "python", TOOLS / "lock.sha256"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not (marker.exists() and marker.read_text() == digest and python.exists()):
        create_environment(python)
        marker.write_text(digest)
    return python


def create_environment(python: Path) -> None:
    """Install the pinned tools into a new environment."""
    own_is_supported = sys.version_info[:2] <= NEWEST_PYTHON
    interpreter = sys.executable if own_is_supported else ".".join(map(str, NEWEST_PYTHON))
    run(program("uv"), "venv", "--quiet", "--clear", "--python", interpreter, str(TOOLS))
    install = ("pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:")
    run(program("uv"), *install, "--python", str(python), "--requirement", str(LOCK))


def remove_empty_service_modules(target: Path) -> None:
    """Remove the empty modules that protoc writes for files without a service."""
    for source in PROTOS.rglob("*.proto"):
        if not any(line.startswith("service ") for line in source.read_text().splitlines()):
            stem = target / source.relative_to(PROTOS).with_suffix("")
            for ending in ("_pb2_grpc.py", "_pb2_grpc.pyi"):
                stem.with_name(stem.name + ending).unlink()


def program(name: str) -> str:
    """Return the path of a program that is installed in the environment of this Python."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
