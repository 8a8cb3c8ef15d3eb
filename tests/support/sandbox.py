"""Puts a root file system together, enters it, and becomes a program in it: `unshare … python sandbox.py SPEC`.

A program of its own, which imports nothing of the project: it runs in new namespaces, where its mounts end with it.
Knows nothing of images; tests.support.image and tests.support.container say what to mount and to run.
"""

import dataclasses
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A root file system and a program.

    root: an empty folder to mount on. layer: what lies over the machine's own `/`, and takes what is written.
    work: a folder that the overlay needs. read_only: nothing can be written outside of `binds` and `empty`.
    binds: (what, where in the root, read-only). empty: folders over which a fresh tmpfs goes.
    isolated: in namespaces of its own for processes and network, with loopback up.
    """

    root: str
    layer: str
    work: str
    read_only: bool
    binds: tuple[tuple[str, str, bool], ...]
    empty: tuple[str, ...]
    isolated: bool
    user: tuple[int, int]
    folder: str
    command: tuple[str, ...]

    def namespaced(self) -> list[str]:
        """The command line that runs this."""
        isolation = ["--net", "--pid", "--fork", "--kill-child"] if self.isolated else []
        spec = json.dumps(dataclasses.asdict(self))
        return ["unshare", "--mount", *isolation, "--", sys.executable, "-I", __file__, spec]

    def enter(self) -> None:
        """Mount everything and become the program. Only for the process that `namespaced` starts."""
        self._mount_root()
        for kind in ("/dev", "/sys"):
            _mount("--rbind", kind, self.root + kind)
        if self.isolated:
            _mount("-t", "proc", "proc", self.root + "/proc")
            _bring_loopback_up()
        else:
            _mount("--rbind", "/proc", self.root + "/proc")
        for folder in self.empty:
            _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", self.root + folder)
        for source, target, read_only in self.binds:
            _mount("--bind", source, self.root + target)
            if read_only:
                _mount("-o", "remount,bind,ro", self.root + target)
        self._become()

    def _mount_root(self) -> None:
        access = "ro" if self.read_only else "rw"
        folders = f"lowerdir=/,upperdir={self.layer},workdir={self.work}"
        _mount("-t", "overlay", "-o", f"{access},{folders}", "overlay", self.root)

    def _become(self) -> None:
        uid, gid = self.user
        os.chroot(self.root)
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        os.chdir(self.folder)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.execvp(self.command[0], self.command)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _bring_loopback_up() -> None:
    set_flags, up = 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, set_flags, struct.pack("16sh14x", b"lo", up))


if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    Sandbox(**spec).enter()
