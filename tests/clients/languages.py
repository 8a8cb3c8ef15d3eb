"""The clients: their build and test commands, and their conformance runners."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "clients"
GO = BUILD / "keyway-conformance"


@dataclass(frozen=True)
class Language:
    """A client. folder: below clients/. build, test: commands in the folder. runner: a command in the root.

    tests_from_root: whether the test commands run in the root.
    example: the program of the first call, below the folder. example_command: runs it in the folder.
    """

    folder: str
    runner: tuple[str, ...]
    build: tuple[tuple[str, ...], ...] = ()
    test: tuple[tuple[str, ...], ...] = ()
    example: str = ""
    example_command: tuple[str, ...] = ()

    tests_from_root: bool = False

    @property
    def path(self) -> Path:
        return ROOT / "clients" / self.folder

    @property
    def test_folder(self) -> Path:
        return ROOT if self.tests_from_root else self.path


# The folders have locks or exact versions, which the tools use.
LANGUAGES = {
    "python": Language(
        "python",
        runner=(sys.executable, "-m", "tests.clients.python.runner"),
        example="examples/first_call.py",
        example_command=(sys.executable, "examples/first_call.py"),
        test=(
            (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/clients/python"),
            (sys.executable, "-m", "tests.clients.oldest"),
        ),
        tests_from_root=True,
    ),
    "go": Language(
        "go",
        runner=(str(GO),),
        build=(("go", "vet", "./..."), ("go", "build", "-o", str(GO), "./cmd/keyway-conformance")),
        example="examples/first_call/main.go",
        example_command=("go", "run", "./examples/first_call"),
        test=(("go", "test", "./..."),),
    ),
    "java": Language(
        "java",
        runner=("java", "-jar", str(ROOT / "clients/java/conformance/target/keyway-conformance.jar")),
        build=(("mvn", "-B", "-q", "-ntp", "-DskipTests", "package"),),
        example="examples/src/main/java/dev/keyway/examples/FirstCall.java",
        example_command=(
            *("java", "-cp", "examples/target/*:conformance/target/lib/*"),
            "dev.keyway.examples.FirstCall",
        ),
        test=(("mvn", "-B", "-q", "-ntp", "verify"),),
    ),
    "typescript": Language(
        "typescript",
        runner=("node", str(ROOT / "clients/typescript/dist/conformance/main.js")),
        build=(("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"), ("npm", "run", "--silent", "build")),
        example="examples/first-call.ts",
        example_command=("node", "dist/examples/first-call.js"),
        test=(("npm", "test", "--silent"),),
    ),
}
