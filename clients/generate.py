"""Generates the committed stubs and the API reference from the contract in protos/, and checks contract and stubs.

Knows nothing of what the contract says. Google's common types come from the installed
googleapis-common-protos package; Python's compiler and its plugins from the environment that this
runs in, the other languages' plugins from where clients/**/buf.gen.yaml say.

    deps       copy Google's common types to build/protos-deps
    stubs      generate the stubs of all languages that have theirs committed, and docs/api.md
    check      fail where the stubs in the work tree are not what the contract gives
    lint       fail where the contract is not formatted or breaks a rule
    breaking   fail where the contract breaks callers of the newest release
"""

import argparse
import io
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
DEPS = ROOT / "build" / "protos-deps"
PYTHON_STUBS = Path("clients/python")
REFERENCE = ROOT / "clients" / "api_reference.py"
PYTHON_SERVICES = Path("clients/python/keyway/services.py")
TEMPLATES = (ROOT / "clients" / "buf.gen.yaml", ROOT / "clients" / "typescript" / "buf.gen.yaml")

# What is generated, and nothing that is written by hand, from the repository's root.
STUB_PATTERNS = (
    *(f"clients/python/keyway/**/{ending}" for ending in ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")),
    "clients/python/keyway/services.py",
    "clients/go/keyway/**/*.pb.go",
    "clients/typescript/src/gen/**/*.ts",
    "docs/api.md",
)

# What the contract imports, and error_details, which its errors carry.
COMMON_PROTOS = (
    "google/api/field_behavior.proto",
    "google/api/resource.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "google/type/date.proto",
)


def main() -> int:
    commands = {"deps": deps, "stubs": stubs, "check": check, "lint": lint, "breaking": breaking}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=commands)
    try:
        return commands[parser.parse_args().command]()
    except subprocess.CalledProcessError as error:
        complain(f"{error.cmd[0]} failed: what it printed says why.")
        return 1


def deps() -> int:
    copy_common_protos(DEPS)
    return 0


def stubs() -> int:
    deps()
    for stale in generated_files(ROOT).values():
        stale.unlink()
    generate_stubs(ROOT)
    return 0


def check() -> int:
    deps()
    with tempfile.TemporaryDirectory() as folder:
        generate_stubs(Path(folder))
        fresh, committed = generated_files(Path(folder)), generated_files(ROOT)
        stale = [
            name
            for name in sorted(fresh.keys() | committed.keys())
            if read_or_none(fresh.get(name)) != read_or_none(committed.get(name))
        ]
        for name in stale:
            complain(f"{name} {staleness(name, fresh, committed)}")
    if stale:
        complain("The stubs are not what protos/ gives: run `python clients/generate.py stubs`.")
    return 1 if stale else 0


def lint() -> int:
    deps()
    formatted = run(tool("buf"), "format", "--diff", "--exit-code", "protos")
    return run(tool("buf"), "lint") or formatted


def breaking() -> int:
    baseline = find_baseline()
    if baseline is None:
        complain("No release and no earlier commit holds a contract: there is nothing to break.")
        return 0
    complain(f"Comparing with {baseline}.")
    deps()
    with tempfile.TemporaryDirectory() as folder:
        export_contract(baseline, Path(folder))
        return run(tool("buf"), "breaking", "--against", folder)


def copy_common_protos(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for name in COMMON_PROTOS:
        package, _, file = name.rpartition("/")
        source = resources.files(package.replace("/", ".")).joinpath(file)
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())


def generate_stubs(target: Path) -> None:
    """Writes the stubs of all languages and the reference below `target`, at the paths that they have below ROOT."""
    generate_python_stubs(target / PYTHON_STUBS)
    subprocess.run([sys.executable, str(REFERENCE), str(target / "docs" / "api.md")], check=True)
    generate_module("clients.python_services", target / PYTHON_SERVICES)
    install_typescript_plugin()
    for template in TEMPLATES:
        subprocess.run(
            [tool("buf"), "generate", "--template", str(template), "--output", str(target)],
            cwd=ROOT,
            check=True,
        )


def generate_module(generator: str, target: Path) -> None:
    """Runs one of the generators beside this file."""
    subprocess.run([sys.executable, "-m", generator, str(target)], cwd=ROOT, check=True)


def install_typescript_plugin() -> None:
    """Go fetches a plugin that is missing when it is called; npm has to be asked."""
    folder = ROOT / "clients" / "typescript"
    if not (folder / "node_modules" / ".bin" / "protoc-gen-es").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, stdout=sys.stderr)


def generate_python_stubs(target: Path) -> None:
    """Writes messages, services, and the types of both."""
    target.mkdir(parents=True, exist_ok=True)
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            *(f"--proto_path={PROTOS}", f"--proto_path={DEPS}"),
            *(f"--python_out={target}", f"--grpc_python_out={target}"),
            *(f"--plugin={tool('protoc-gen-mypy')}", f"--mypy_out=quiet:{target}"),
            *(f"--plugin={tool('protoc-gen-mypy_grpc')}", f"--mypy_grpc_out=quiet:{target}"),
            *sources,
        ],
        check=True,
    )
    drop_empty_service_modules(target)


def drop_empty_service_modules(target: Path) -> None:
    """Removes what protoc writes for files without a service: modules that hold nothing."""
    for source in PROTOS.rglob("*.proto"):
        if not any(line.startswith("service ") for line in source.read_text().splitlines()):
            stem = target / source.relative_to(PROTOS).with_suffix("")
            for ending in ("_pb2_grpc.py", "_pb2_grpc.pyi"):
                stem.with_name(stem.name + ending).unlink()


def generated_files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for pattern in STUB_PATTERNS for path in folder.glob(pattern)}


def staleness(name: str, fresh: dict[str, Path], committed: dict[str, Path]) -> str:
    if name not in fresh:
        return "is no longer generated"
    return "differs" if name in committed else "is missing"


def find_baseline() -> str | None:
    """The newest release behind HEAD; before the first one, the first commit with a contract.

    A shallow clone may hold neither. Then it is the oldest commit there is, and in a clone of one
    commit only changes that are not committed can be found.
    """
    if not git("rev-list", "--all", "--max-count=1"):
        return None
    # The suffix puts v1.0.0-rc.1 before v1.0.0, not after it.
    newest_first = ("-c", "versionsort.suffix=-", "tag", "--sort=-version:refname")
    tags = git(*newest_first, "--list", "v*", "--merged", "HEAD").split()
    releases = [tag for tag in tags if holds_contract(tag)]
    if releases:
        return releases[0]
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        complain("This clone is shallow and holds no release: fetch all history to compare with one.")
    commits = git("rev-list", "--first-parent", "--reverse", "HEAD", "--", "protos").split()
    return next(filter(holds_contract, commits), None)


def holds_contract(commit: str) -> bool:
    names = git("ls-tree", "-r", "--name-only", commit, "--", "protos").splitlines()
    return any(name.endswith(".proto") for name in names)


def export_contract(commit: str, folder: Path) -> None:
    """Lays out `commit`'s contract, with today's settings and common types, for buf."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit, "--", "protos"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    shutil.copy(ROOT / "buf.yaml", folder)
    copy_common_protos(folder / DEPS.relative_to(ROOT))


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def tool(name: str) -> str:
    """The program beside this Python: the environment need not be activated."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def run(*command: str) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def read_or_none(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None


def complain(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
