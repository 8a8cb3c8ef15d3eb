"""Generator of all files that follow from the contract in protos/, and checks of the contract and of these files.

The common types of Google come from the installed package googleapis-common-protos. The plugins for Go and TypeScript
come from the places that clients/**/buf.gen.yaml name. clients/envoy_descriptors.py downloads the messages of Envoy,
and clients/kms_descriptors.py those of Kubernetes.
Each module in GENERATORS writes one file or one folder.

    deps       copy the common types of Google to build/protos-deps
    stubs      generate the stubs of all languages, and every other generated file
    docs       generate the pages in docs/ and the dashboards; needs only Python, and no change in protos/ since the
               last `stubs`
    check      fail if a committed generated file differs from what the contract gives
    lint       fail if the contract is not formatted or violates a rule
    breaking   fail if the contract breaks callers of the newest release
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
TEMPLATES = (ROOT / "clients" / "buf.gen.yaml", ROOT / "clients" / "typescript" / "buf.gen.yaml")

# The generators, each with the file or folder that it writes. The others import what the first two write.
GENERATORS = (
    ("clients.python_stubs", "clients/python"),
    ("clients.operations", "gateway/providers/base/operations.py"),
    ("clients.python_services", "clients/python/keyway/services.py"),
    ("clients.lists", "clients"),
    ("clients.retry_policy", "clients"),
    ("clients.problems", "clients"),
    ("clients.java_services", "clients/java/client/src/main/java/dev/keyway"),
    ("clients.service_config", "clients/service-config.json"),
    ("clients.api_reference", "docs/api.md"),
    ("clients.problem_reference", "docs/connection-problems.md"),
    ("clients.provider_reference", "docs/providers.md"),
    ("clients.configuration_reference", "docs/configuration-reference.md"),
    ("clients.metrics_reference", "docs/metrics.md"),
    ("clients.man_pages", "clients/python/man"),
    ("clients.error_reasons", "clients/python/keyway/console/reasons.json"),
    ("clients.envoy_descriptors", "gateway/surfaces/sds/envoy.binpb"),
    ("clients.kms_descriptors", "gateway/surfaces/kms/kms.binpb"),
    ("clients.rest_descriptors", "deploy/envoy/rest.binpb"),
    ("clients.rest_filter", "deploy/envoy/rest.lua"),
    ("clients.openapi", "docs/openapi.json"),
    ("deploy.grafana.generator", "deploy/grafana"),
    ("deploy.sbom.generator", "."),
)

# The generated files, relative to the root of the repository. No file that is written by hand matches.
STUB_PATTERNS = (
    *(f"clients/python/keyway/**/{ending}" for ending in ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")),
    "clients/python/keyway/services.py",
    "clients/python/keyway/lists.py",
    "clients/python/keyway/console/reasons.json",
    "clients/python/keyway/retry_policy.py",
    "clients/python/keyway/problems.py",
    "clients/go/keyway/**/*.pb.go",
    "clients/go/lists.go",
    "clients/go/retry_policy.go",
    "clients/go/problems.go",
    "clients/java/client/src/main/java/dev/keyway/*Service.java",
    "clients/java/client/src/main/java/dev/keyway/RetryPolicy.java",
    "clients/java/client/src/main/java/dev/keyway/Problem.java",
    "clients/typescript/src/gen/**/*.ts",
    "NOTICE",
    "clients/*/NOTICE",
    "clients/python/*.cdx.json",
    "clients/python/man/*.1",
    "clients/service-config.json",
    "deploy/envoy/rest.binpb",
    "deploy/envoy/rest.lua",
    "deploy/grafana/*.json",
    "deploy/sbom/*.json",
    "docs/api.md",
    "docs/configuration-reference.md",
    "docs/connection-problems.md",
    "docs/metrics.md",
    "docs/openapi.json",
    "docs/providers.md",
    "gateway/providers/base/operations.py",
    "gateway/surfaces/kms/kms.binpb",
    "gateway/surfaces/sds/envoy.binpb",
)

# The files that the contract imports, and error_details, whose messages are in its errors.
COMMON_PROTOS = (
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/api/resource.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "google/type/date.proto",
)


def main() -> int:
    commands = {"deps": deps, "stubs": stubs, "docs": docs, "check": check, "lint": lint, "breaking": breaking}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=commands)
    try:
        return commands[parser.parse_args().command]()
    except subprocess.CalledProcessError as error:
        complain(f"{error.cmd[0]} failed; see its output above")
        return 1


def deps() -> int:
    copy_common_protos(DEPS)
    return 0


def stubs() -> int:
    deps()
    # First, in place, what the other generators import.
    for generator, output in GENERATORS[:2]:
        run_generator(generator, output, ROOT)
    with tempfile.TemporaryDirectory() as folder:
        generate_stubs(Path(folder))
        fresh = generated_files(Path(folder))
        for name in generated_files(ROOT).keys() - fresh.keys():
            (ROOT / name).unlink()
        for name, file in fresh.items():
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, ROOT / name)
    return 0


def docs() -> int:
    deps()
    for generator, output in GENERATORS:
        if output.startswith(("docs/", "deploy/", "clients/python/man", "clients/python/keyway/console/")):
            run_generator(generator, output, ROOT)
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
        complain("The generated files do not match the contract; run `make generate`")
    return 1 if stale else 0


def lint() -> int:
    deps()
    formatted = run(tool("buf"), "format", "--diff", "--exit-code", "protos")
    return run(tool("buf"), "lint") or formatted


def breaking() -> int:
    baseline = find_baseline()
    if baseline is None:
        complain("No release and no earlier commit contains a contract; nothing to compare")
        return 0
    complain(f"Comparing with {baseline}")
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
    """Write all generated files below `target`, at their paths relative to the root of the repository."""
    for generator, output in GENERATORS:
        run_generator(generator, output, target)
    install_typescript_plugin()
    for template in TEMPLATES:
        subprocess.run(
            [tool("buf"), "generate", "--template", str(template), "--output", str(target)],
            cwd=ROOT,
            check=True,
        )


def run_generator(generator: str, output: str, target: Path) -> None:
    subprocess.run([sys.executable, "-m", generator, str(target / output)], cwd=ROOT, check=True)


def install_typescript_plugin() -> None:
    """Install the TypeScript plugin if it is missing. Go downloads its plugins itself."""
    folder = ROOT / "clients" / "typescript"
    if not (folder / "node_modules" / ".bin" / "protoc-gen-es").exists():
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, stdout=sys.stderr
        )


def generated_files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for pattern in STUB_PATTERNS for path in folder.glob(pattern)}


def staleness(name: str, fresh: dict[str, Path], committed: dict[str, Path]) -> str:
    if name not in fresh:
        return "is no longer generated"
    return "differs" if name in committed else "is missing"


def find_baseline() -> str | None:
    """Return the newest release before HEAD or, if there is none, the first commit with a contract.

    A shallow clone can lack both. The baseline is then its oldest commit with a contract. In a clone with a single
    commit, only uncommitted changes can be found.
    """
    if not git("rev-list", "--all", "--max-count=1"):
        return None
    # The suffix sorts v1.0.0-rc.1 before v1.0.0.
    newest_first = ("-c", "versionsort.suffix=-", "tag", "--sort=-version:refname")
    tags = git(*newest_first, "--list", "v*", "--merged", "HEAD").split()
    releases = [tag for tag in tags if holds_contract(tag)]
    if releases:
        return releases[0]
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        complain("This clone is shallow and has no release; fetch the complete history to compare with a release")
    commits = git("rev-list", "--first-parent", "--reverse", "HEAD", "--", "protos").split()
    return next(filter(holds_contract, commits), None)


def holds_contract(commit: str) -> bool:
    names = git("ls-tree", "-r", "--name-only", commit, "--", "protos").splitlines()
    return any(name.endswith(".proto") for name in names)


def export_contract(commit: str, folder: Path) -> None:
    """Write the contract of `commit`, with the current buf settings and common types, to `folder`."""
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
    """Return the path of a program in the environment of this Python, which does not need to be activated."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def run(*command: str) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def read_or_none(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None


def complain(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
