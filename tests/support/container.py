"""A running container without a container engine.

The entry point runs as the user of the image and as process 1 of its own process namespace, with a read-only root file
system, writable /tmp and volumes, and its own loopback.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.support.image import Image, machine_python
from tests.support.sandbox import Sandbox


class Container:
    """A running image: `with Container(image, workspace, configuration=…) as container: …`."""

    def __init__(
        self,
        image: Image,
        workspace: Path,
        *,
        command: tuple[str, ...] | None = None,
        mounts: tuple[tuple[Path, str], ...] = (),
    ) -> None:
        self._image = image
        self._printed = workspace / "output"
        self._volumes = {volume: workspace / f"volume{number}" for number, volume in enumerate(image.volumes)}
        root = workspace / "root"
        root.mkdir()
        volumes = [(str(place), volume, False) for volume, place in self._volumes.items()]
        read_only = [(str(place), target, True) for place, target in mounts]
        self._sandbox = Sandbox(
            root=str(root),
            layer=str(image.layer),
            work=str(image.work),
            read_only=True,
            binds=(machine_python(), *volumes, *read_only),
            empty=("/tmp", "/root", "/home"),
            isolated=True,
            user=image.ids,
            folder=image.folder,
            command=image.entrypoint + (image.command if command is None else command),
        )

    def __enter__(self) -> "Container":
        for volume, place in self._volumes.items():
            # Like a container engine, fill a new volume with the content and the owner in the image.
            owner = self._image.path(volume).stat()
            shutil.copytree(self._image.path(volume), place, dirs_exist_ok=True)
            os.chown(place, owner.st_uid, owner.st_gid)
        with self._printed.open("wb") as output:
            self._engine = subprocess.Popen(
                self._sandbox.namespaced(), env=self._image.environment, stdout=output, stderr=output
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Kill the program and its children first. They would survive the end of the engine.
        for child in self._children():
            os.kill(child, signal.SIGKILL)
        self._engine.kill()
        self._engine.wait()

    @property
    def output(self) -> str:
        """The output of the program so far."""
        return self._printed.read_text()

    @property
    def process(self) -> int:
        """The process id of the program, seen from the outside."""
        while self._engine.poll() is None:
            # It is empty shortly after the start, and between the end of the program and the end of its parent.
            if children := self._children():
                return children[0]
        raise AssertionError(f"the container has ended:\n{self.output}")

    def _children(self) -> list[int]:
        """Return the only child of the engine, if it is running."""
        try:
            return [
                int(pid)
                for pid in Path(f"/proc/{self._engine.pid}/task/{self._engine.pid}/children").read_text().split()
            ]
        except (FileNotFoundError, ProcessLookupError):
            return []

    def volume(self, path: str) -> Path:
        """Return the folder of a volume."""
        return self._volumes[path]

    def run(self, *command: str, user: tuple[int, int] | None = None) -> subprocess.CompletedProcess[str]:
        """Run another program in the container, by default as the user of the image."""
        uid, gid = user or self._image.ids
        enter = ["nsenter", f"--target={self.process}", "--mount", "--net", "--pid", "--root", "--wd"]
        return subprocess.run(
            [*enter, f"--setuid={uid}", f"--setgid={gid}", "--", *command],
            env=self._image.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def wait_until_healthy(self, seconds: float = 30.0) -> None:
        """Repeat the HEALTHCHECK command of the image until it succeeds."""
        deadline = time.monotonic() + seconds
        while (result := self.run(*self._image.health)).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"not healthy after {seconds} s: {result.stdout}\n{self.output}")

    def stop(self, seconds: float = 30.0) -> int:
        """Send the stop signal of the image, and return the exit code."""
        os.kill(self.process, signal.Signals[self._image.stop_signal])
        return self.wait(seconds)

    def wait(self, seconds: float = 30.0) -> int:
        """Wait until the program ends, and return the exit code."""
        return self._engine.wait(seconds)

    def status(self) -> dict[str, str]:
        """Return the kernel's status of the program (see proc(5), status)."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
