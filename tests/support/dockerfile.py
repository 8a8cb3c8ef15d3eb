"""A parser that turns a Dockerfile into stages of typed steps, and a .dockerignore into a filter of paths.

It supports the instructions that the Dockerfile of this project uses, and rejects all others, so that no step goes
unchecked. tests.support.image runs the steps.
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
    """One instruction: its name, its value with continued lines joined, and its line number."""

    name: str
    value: str
    line: int


class Stage(NamedTuple):
    """One FROM and its steps."""

    name: str
    base: str
    steps: tuple[Step, ...]


class Copy(NamedTuple):
    """A COPY step. `stage` is None if it copies from the build context."""

    stage: str | None
    sources: tuple[str, ...]
    target: str


def read_stages(path: Path) -> tuple[Stage, ...]:
    """Return the stages in order. An ARG before the first FROM keeps its default."""
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
    """Return the pairs of an ENV, LABEL, or ARG, with variables replaced."""
    pairs = extract_key_values(env_replace=True, args={}, envs=dict(variables), instruction_value=step.value)
    return {str(key): str(value) for key, value in pairs}


def exec_form(step: Step, value: str | None = None) -> tuple[str, ...]:
    """Return the words of a JSON array. The shell form is rejected, because its shell would not forward signals."""
    try:
        words = json.loads(step.value if value is None else value)
    except ValueError as error:
        raise ValueError(f"line {step.line}: {step.name} must be a JSON array") from error
    return tuple(map(str, words))


def health_command(step: Step) -> tuple[str, ...]:
    """Return the command of a HEALTHCHECK without its options."""
    _, _, command = step.value.partition("CMD ")
    return exec_form(step, command)


def copy_of(step: Step) -> Copy:
    """Parse a COPY."""
    words = step.value.split()
    options = [word for word in words if word.startswith("--")]
    sources = [word for word in words if not word.startswith("--")]
    if any(not option.startswith("--from=") for option in options) or len(sources) < 2:
        raise ValueError(f"line {step.line}: the tests cannot run this COPY")
    stage = options[0].removeprefix("--from=") if options else None
    return Copy(stage, tuple(sources[:-1]), sources[-1])


def context_files(root: Path) -> Iterator[PurePosixPath]:
    """Return the build context: the files below `root` that its .dockerignore does not exclude."""
    rules = IgnoreRules((root / ".dockerignore").read_text())
    for folder, folders, files in os.walk(root):
        here = PurePosixPath(Path(folder).relative_to(root))
        # A folder is skipped as a whole only if no `!` line can include something below it.
        folders[:] = [
            name for name in folders if not (rules.ignore(here / name) and not rules.reach_below(here / name))
        ]
        yield from (here / name for name in sorted(files) if not rules.ignore(here / name))


class IgnoreRules:
    """A .dockerignore. As in Docker, the last matching line decides. A line also matches everything below its path."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        patterns = [line for line in lines if line and not line.startswith("#")]
        self._rules = [(_pattern(line.removeprefix("!")), not line.startswith("!")) for line in patterns]
        self._kept = [PurePosixPath(line.removeprefix("!")) for line in patterns if line.startswith("!")]

    def ignore(self, path: PurePosixPath) -> bool:
        """Return whether the path is excluded."""
        names = [str(path), *(str(parent) for parent in path.parents)]
        ignored = False
        for matches, ignores in self._rules:
            if any(matches(name) for name in names):
                ignored = ignores
        return ignored

    def reach_below(self, folder: PurePosixPath) -> bool:
        """Return whether a `!` line includes something below the folder."""
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
            raise ValueError(f"line {step.line}: the tests cannot run {step.name}")
        yield step
