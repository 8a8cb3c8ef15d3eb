"""A file system without hard links."""

import errno
import os

import pytest

ERRORS = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS]


def forbid_hard_links(monkeypatch: pytest.MonkeyPatch, code: int = errno.EPERM) -> None:
    """Make `link` fail with an error that file systems without hard links return."""

    def link(_source: object, target: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code), str(target))

    monkeypatch.setattr(os, "link", link)
