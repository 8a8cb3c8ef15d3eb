"""A program that mounts a root file system and runs another program in it: `unshare … python sandbox.py SPEC`.

It imports nothing from the project, because it runs in new namespaces, whose mounts end with it. It does not know
images: tests.support.image and tests.support.container tell it what to mount and to run.
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

    root: an empty folder to mount on. layer: the upper folder of the overlay over `/`, which receives all writes.
    work: the work folder of the overlay. read_only: only `binds` and `empty` are writable.
    binds: (source, target in the root, read-only). empty: folders on which to mount a new tmpfs.
    isolated: use new namespaces for processes and network, with an active loopback.
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
        """Return the command line that starts this program."""
        isolation = ["--net", "--pid", "--fork", "--kill-child"] if self.isolated else []
        spec = json.dumps(dataclasses.asdict(self))
        return ["unshare", "--mount", *isolation, "--", sys.executable, "-I", __file__, spec]

    def enter(self) -> None:
        """Mount everything and run the program. Only the process that `namespaced` starts can call this."""
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
