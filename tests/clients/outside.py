"""Programs outside the repository that depend on a client, as the README of the client describes.

For each language, it runs the installation commands of clients/LANGUAGE/README.md in a temporary folder, and the first
program of that page against a sandbox. It also checks the types of the Python client in a fresh environment.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.clients.languages import LANGUAGES, ROOT

OUTPUT: Final = "order 42 with version 2\n"
GATEWAY: Final = "127.0.0.1:50051"
PYRIGHT: Final = "pyright@1.1.405"
TIMEOUT: Final = 600
POM: Final = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>orders</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
{dependency}
  </dependencies>
</project>
"""
TSCONFIG: Final = {
    "compilerOptions": {
        "module": "nodenext",
        "target": "es2023",
        "lib": ["es2024", "esnext.disposable"],
        "strict": True,
        "types": ["node"],
        "outDir": "built",
        "rootDir": ".",
    },
    "include": ["*.ts", "*.mts", "*.cts"],
}


class Failed(Exception):
    """A command outside the repository failed."""


def checked(languages: list[str], address: str) -> Iterator[tuple[str, str, str]]:
    """Yield a name, the language, and a reason for each check; the reason is empty if the check passed."""
    for language in languages:
        with tempfile.TemporaryDirectory(prefix=f"keyway-outside-{language}-") as name:
            try:
                CHECKS[language](Path(name), Readme(language, address))
            except (Failed, OSError, subprocess.TimeoutExpired) as error:
                yield "a program outside the repository", language, str(error)
            else:
                yield "a program outside the repository", language, ""


class Readme:
    """The README of a client. address: replaces the address of the gateway in its programs."""

    def __init__(self, language: str, address: str) -> None:
        self.text = (LANGUAGES[language].path / "README.md").read_text(encoding="utf-8")
        self.install = self.text.partition("## Install\n")[2].partition("\n## ")[0]
        self.address = address

    def commands(self, number: int, **paths: str) -> list[str]:
        """The shell commands of a code block in the section on installation. paths: text to replace, by key."""
        block = re.findall(r"```sh\n(.*?)```", self.install, re.DOTALL)[number]
        for placeholder, path in PLACEHOLDERS.items():
            block = block.replace(placeholder, paths.get(path, placeholder))
        return [line for line in block.splitlines() if line]

    def block(self, kind: str) -> str:
        """The first code block of a kind in the section on installation."""
        return str(re.findall(rf"```{kind}\n(.*?)```", self.install, re.DOTALL)[0])

    def program(self, kind: str) -> str:
        """The program of the section on the first call."""
        section = self.text.partition("## First call\n")[2]
        return str(re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)[0]).replace(GATEWAY, self.address)


PLACEHOLDERS: Final = {
    "https://git.example.org/keyway.git@main": "repository",
    "/path/to/keyway-client": "tarball",
    "/path/to/keyway": "clone",
}


def python(folder: Path, readme: Readme) -> None:
    repository = git_repository(folder / "repository")
    run(folder, sys.executable, "-m", "venv", "venv")
    environment = {"PATH": f"{folder}/venv/bin:{os.environ['PATH']}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # pip accepts URLs of local repositories since version 24.
    shell(folder, "pip install --quiet --upgrade 'pip>=24'", environment)
    for command in readme.commands(1, repository=f"file://{repository}@main"):
        shell(folder, command, environment)
    (folder / "first_call.py").write_text(readme.program("python"))
    expect(shell(folder, "python first_call.py", environment))
    shell(folder, f"pip install --quiet mypy=={mypy_version()}", environment)
    shutil.copy(ROOT / "tests/clients/python/typed_program.py", folder)
    shell(folder, "mypy --strict typed_program.py", environment)
    shell(folder, f"npx --yes {PYRIGHT} --pythonpath venv/bin/python typed_program.py", environment)


def go(folder: Path, readme: Readme) -> None:
    run(folder, "go", "mod", "init", "example.org/orders")
    (folder / "main.go").write_text(readme.program("go"))
    for command in readme.commands(0, clone=str(ROOT)):
        shell(folder, command)
    expect(run(folder, "go", "run", "."))


def java(folder: Path, readme: Readme) -> None:
    for command in readme.commands(0):
        shell(LANGUAGES["java"].path, command)
    program = readme.program("java").replace("package dev.keyway.examples;", "package org.example;")
    source = folder / "src/main/java/org/example/FirstCall.java"
    source.parent.mkdir(parents=True)
    source.write_text(program)
    (folder / "pom.xml").write_text(POM.format(dependency=readme.block("xml")))
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.10.0:copy-dependencies"
    run(folder, "mvn", "-q", "-B", "-ntp", "package", plugin)
    expect(run(folder, "java", "-cp", "target/classes:target/dependency/*", "org.example.FirstCall"))


def typescript(folder: Path, readme: Readme) -> None:
    package = LANGUAGES["typescript"].path
    shutil.rmtree(package / "dist", ignore_errors=True)
    for command in readme.commands(0):
        shell(package, f"{command} --pack-destination {folder}" if command.startswith("npm pack") else command)
    run(folder, "npm", "init", "--yes")
    for command in readme.commands(1, tarball=str(folder / "keyway-client")):
        shell(folder, command)
    versions = json.loads((package / "package.json").read_text())["devDependencies"]
    tools = [f"{name}@{versions[name]}" for name in ("typescript", "@types/node")]
    run(folder, "npm", "install", "--save-dev", "--ignore-scripts", *tools)
    module = readme.program("js")
    common = module.replace(
        'import { connect } from "@keyway/client";', 'const { connect } = require("@keyway/client");'
    )
    wrapped = (
        f"{common.partition('const name')[0]}(async () => {{\nconst name{common.partition('const name')[2]}}})();\n"
    )
    (folder / "module.mjs").write_text(module)
    (folder / "common.cjs").write_text(wrapped)
    (folder / "typed.mts").write_text(module)
    # `import … = require` is how TypeScript types a CommonJS import.
    (folder / "typed_common.cts").write_text(
        wrapped.replace("const { connect } = require", "import keyway = require").replace(
            "connect({", "keyway.connect({"
        )
    )
    (folder / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    run(folder, "npx", "tsc")
    for program in ("module.mjs", "common.cjs", "built/typed.mjs", "built/typed_common.cjs"):
        expect(run(folder, "node", program))


CHECKS: Final[dict[str, Callable[[Path, Readme], None]]] = {
    "python": python,
    "go": go,
    "java": java,
    "typescript": typescript,
}


def git_repository(folder: Path) -> Path:
    """A Git repository with the Python client at the same path as here, on the branch main."""
    names = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard", "clients/python").splitlines()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    run(folder, "git", "add", ".")
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    run(folder, "git", *author, "commit", "--quiet", "--message", "Client")
    return folder


def mypy_version() -> str:
    return run(ROOT, sys.executable, "-m", "mypy", "--version").split()[1]


def expect(output: str) -> None:
    if output != OUTPUT:
        raise Failed(f"printed {output!r} instead of {OUTPUT!r}")


def shell(folder: Path, command: str, environment: Any = None) -> str:
    return run(folder, "sh", "-c", command, environment=environment)


def run(folder: Path, *command: str, environment: Any = None) -> str:
    """Run a command and return its standard output. Raises Failed if it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
