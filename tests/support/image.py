"""A builder that runs the steps of a Dockerfile without a container engine, each stage in its own root file system.

A root is an overlay: the writes of the steps go to a folder (the layer of the stage) above the unchanged file system of
the machine, which stands in for the base image. The Python that runs the tests stands in for the Python of the base
image, at the same path, /usr/local. Mounting needs root: see tests/support/programs.py.
"""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from tests.support.dockerfile import (
    Stage,
    Step,
    context_files,
    copy_of,
    exec_form,
    health_command,
    key_values,
    read_stages,
)
from tests.support.sandbox import Sandbox

PYTHON_PREFIX: Final = Path("/usr/local")
_BASE_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    # Stands in for the ldconfig of the base image.
    "LD_LIBRARY_PATH": "/usr/local/lib",
}
# The settings with which this machine reaches its package index. They are not part of the image.
_PASSED_ON: Final = re.compile(r"PIP_\w+|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(https?|no|all)_proxy", re.IGNORECASE)


class BuildError(Exception):
    """A failed step and its output."""


@dataclasses.dataclass
class Image:
    """A finished stage: the folder with everything that its steps wrote, and its settings for running."""

    base: str
    place: Path
    environment: dict[str, str] = dataclasses.field(default_factory=lambda: dict(_BASE_ENVIRONMENT))
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    volumes: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    health: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def layer(self) -> Path:
        """The folder with everything that the steps wrote."""
        return self.place / "layer"

    @property
    def work(self) -> Path:
        """The work folder that the overlay needs. The layer can be mounted only once at a time."""
        return self.place / "work"

    @property
    def ids(self) -> tuple[int, int]:
        """The numbers of the user and the group."""
        uid, _, gid = self.user.partition(":")
        return int(uid), int(gid)

    def path(self, place: str) -> Path:
        """Return the location of an absolute path in the layer."""
        return self.layer / place.lstrip("/")


def machine_python() -> tuple[str, str, bool]:
    """Return the mount that stands in for the Python of the base image."""
    return (sys.base_prefix, str(PYTHON_PREFIX), True)


def build(context: Path, workspace: Path) -> Image:
    """Run every stage of the Dockerfile in the context, and return the image of the last one."""
    builder = _Builder(context, workspace)
    for stage in read_stages(context / "Dockerfile"):
        builder.run(stage)
    return builder.last


class _Builder:
    def __init__(self, context: Path, workspace: Path) -> None:
        self._context = context
        self._workspace = workspace
        self._files = list(context_files(context))
        self._stages: dict[str, Image] = {}

    @property
    def last(self) -> Image:
        return list(self._stages.values())[-1]

    def run(self, stage: Stage) -> None:
        image = Image(stage.base, self._workspace / stage.name)
        for name in ("layer", "work", "root"):
            (image.place / name).mkdir(parents=True)
        for step in stage.steps:
            if step.name == "RUN":
                self._run_command(step, image)
            elif step.name == "COPY":
                self._copy(step, image)
            else:
                _SETTERS[step.name](image, step)
        self._stages[stage.name] = image

    def _run_command(self, step: Step, image: Image) -> None:
        sandbox = Sandbox(
            root=str(image.place / "root"),
            layer=str(image.layer),
            work=str(image.work),
            read_only=False,
            binds=(machine_python(), *_name_resolution()),
            # Hide the checkout: a step sees only what COPY copied.
            empty=(str(self._context), "/tmp"),
            isolated=False,
            user=image.ids,
            folder=image.folder,
            command=("/bin/sh", "-c", step.value),
        )
        environment = _index_settings(os.environ) | {"HOME": "/root"} | image.environment
        done = subprocess.run(
            sandbox.namespaced(),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BuildError(f"line {step.line}: RUN {step.value}\n{done.stdout}")

    def _copy(self, step: Step, image: Image) -> None:
        copy = copy_of(step)
        target = image.path(str(PurePosixPath(image.folder, copy.target)))
        into_folder = copy.target.endswith("/") or len(copy.sources) > 1
        for source in copy.sources:
            if copy.stage is not None:
                _copy_tree(self._stages[copy.stage].path(source), target)
                continue
            named = [file for file in self._files if file.is_relative_to(source)]
            if not named:
                raise BuildError(f"line {step.line}: {source} is not in the build context: see .dockerignore")
            for file in named:
                below = file.relative_to(source)
                place = target / below if below.parts else (target / file.name if into_folder else target)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._context / file, place)


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def _index_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if _PASSED_ON.fullmatch(name)}


def _name_resolution() -> tuple[tuple[str, str, bool], ...]:
    """Return the target of /etc/resolv.conf, which can be on a file system that the overlay does not show."""
    path = Path("/etc/resolv.conf").resolve()
    return ((str(path.parent), str(path.parent), True),) if path.is_relative_to("/run") and path.exists() else ()


def _set_environment(image: Image, step: Step) -> None:
    image.environment |= key_values(step, image.environment)


def _set_labels(image: Image, step: Step) -> None:
    image.labels |= key_values(step, image.environment)


def _set_folder(image: Image, step: Step) -> None:
    image.folder = step.value
    image.path(step.value).mkdir(parents=True, exist_ok=True)


_SETTERS: Final[Mapping[str, Callable[[Image, Step], None]]] = {
    "ENV": _set_environment,
    "LABEL": _set_labels,
    "WORKDIR": _set_folder,
    "USER": lambda image, step: setattr(image, "user", step.value),
    "VOLUME": lambda image, step: setattr(image, "volumes", exec_form(step)),
    "STOPSIGNAL": lambda image, step: setattr(image, "stop_signal", step.value),
    "HEALTHCHECK": lambda image, step: setattr(image, "health", health_command(step)),
    "ENTRYPOINT": lambda image, step: setattr(image, "entrypoint", exec_form(step)),
    "CMD": lambda image, step: setattr(image, "command", exec_form(step)),
}
