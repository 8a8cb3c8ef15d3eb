"""Reads a Dockerfile into stages of typed steps, and a .dockerignore into a test of paths.

Covers the instructions that the project's own Dockerfile uses, and refuses any other: a step that is not understood
must not go unchecked. Runs nothing; tests.support.image does.
"""

import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from dockerfile_parse import DockerfileParser
from dockerfile_parse.parser import image_from
from dockerfile_parse.util import WordSplitter, extract_key_values

KNOWN: Final = {
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK"),
    *("LABEL", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


class Step(NamedTuple):
    """One instruction: its name, what follows the name with continued lines joined, and where it stands."""

    name: str
    value: str
    line: int


class Stage(NamedTuple):
    """One FROM and the steps under it."""

    name: str
    base: str
    steps: tuple[Step, ...]


class Copy(NamedTuple):
    """A COPY step. `stage` is None where it copies from the build context."""

    stage: str | None
    sources: tuple[str, ...]
    target: str


def read_stages(path: Path) -> tuple[Stage, ...]:
    """The stages in their order. An ARG before the first FROM keeps its default."""
    arguments: dict[str, str] = {}
    found: list[tuple[str, str, list[Step]]] = []
    for step in _steps(path):
        if step.name == "FROM":
            image, name = image_from(WordSplitter(step.value, args=arguments).dequote())
            found.append((name or str(len(found)), str(image), []))
        elif found:
            found[-1][2].append(step)
        else:
            arguments.update(key_values(step, arguments))
    return tuple(Stage(name, image, tuple(steps)) for name, image, steps in found)


def key_values(step: Step, variables: Mapping[str, str]) -> dict[str, str]:
    """The pairs of an ENV, LABEL or ARG, with variables replaced."""
    pairs = extract_key_values(env_replace=True, args={}, envs=dict(variables), instruction_value=step.value)
    return {str(key): str(value) for key, value in pairs}


def exec_form(step: Step, value: str | None = None) -> tuple[str, ...]:
    """The words of a JSON array; the shell form is refused, since a shell would stand between signals and program."""
    try:
        words = json.loads(step.value if value is None else value)
    except ValueError as error:
        raise ValueError(f"line {step.line}: {step.name} must be a JSON array") from error
    return tuple(map(str, words))


def health_command(step: Step) -> tuple[str, ...]:
    """The command of a HEALTHCHECK, without its options."""
    _, _, command = step.value.partition("CMD ")
    return exec_form(step, command)


def copy_of(step: Step) -> Copy:
    """What a COPY says."""
    words = step.value.split()
    options = [word for word in words if word.startswith("--")]
    sources = [word for word in words if not word.startswith("--")]
    if any(not option.startswith("--from=") for option in options) or len(sources) < 2:
        raise ValueError(f"line {step.line}: a COPY that the tests can't run")
    stage = options[0].removeprefix("--from=") if options else None
    return Copy(stage, tuple(sources[:-1]), sources[-1])


def context_files(root: Path) -> Iterator[PurePosixPath]:
    """What is sent to the build: the files below `root` that its .dockerignore leaves."""
    rules = IgnoreRules((root / ".dockerignore").read_text())
    for folder, folders, files in os.walk(root):
        here = PurePosixPath(Path(folder).relative_to(root))
        # A folder is left out as a whole only where nothing below it can be named again by a `!` line.
        folders[:] = [
            name for name in folders if not (rules.ignore(here / name) and not rules.reach_below(here / name))
        ]
        yield from (here / name for name in sorted(files) if not rules.ignore(here / name))


class IgnoreRules:
    """A .dockerignore. As in Docker the last matching line counts, and a line matches what is below it too."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        patterns = [line for line in lines if line and not line.startswith("#")]
        self._rules = [(_pattern(line.removeprefix("!")), not line.startswith("!")) for line in patterns]
        self._kept = [PurePosixPath(line.removeprefix("!")) for line in patterns if line.startswith("!")]

    def ignore(self, path: PurePosixPath) -> bool:
        """Whether the path is left out."""
        names = [str(path), *(str(parent) for parent in path.parents)]
        ignored = False
        for matches, ignores in self._rules:
            if any(matches(name) for name in names):
                ignored = ignores
        return ignored

    def reach_below(self, folder: PurePosixPath) -> bool:
        """Whether a `!` line names something below the folder."""
        return any(kept.is_relative_to(folder) or "*" in str(kept) for kept in self._kept)


def _pattern(text: str) -> Callable[[str], object]:
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    expression = re.sub(
        r"\*\*/|\*\*|\*|\?|\[[^]]+\]|.",
        lambda found: pieces.get(found[0]) or (found[0] if len(found[0]) > 1 else re.escape(found[0])),
        text.strip("/"),
    )
    return re.compile(expression).fullmatch


def _steps(path: Path) -> Iterator[Step]:
    for item in DockerfileParser(fileobj=io.StringIO(path.read_text()), env_replace=False).structure:
        step = Step(item["instruction"], item["value"], item["startline"] + 1)
        if step.name == "COMMENT":
            continue
        if step.name not in KNOWN:
            raise ValueError(f"line {step.line}: the tests can't run {step.name}")
        yield step
