"""File names of the command line: from the gateway, for the gateway, and for files next to other files.

A file name of the system is bytes. Python represents bytes that are not UTF-8 as surrogates.
"""

import os
import re
from pathlib import Path
from typing import Final

from keyway.cli.failures import Refused
from keyway.new_files import first_bytes

MAXIMUM_BYTES: Final = 255
"""Maximum length of a file name on Linux and macOS."""

_EXTENSION: Final = re.compile(r"\.(?:pem|crt|cer|cert|der|p7b|p7c|p7s|p7|p12|pfx|key|csr|zip|txt)\Z", re.IGNORECASE)


def local_name(filename: str) -> str:
    """Make a file name from the gateway safe: no directory, not hidden, no unprintable characters, not too long."""
    last = filename.replace("\\", "/").rsplit("/", 1)[-1].lstrip(".-")
    name = _printable(last)
    if not name.strip(" "):
        raise Refused("the gateway returned an invalid file name: pass --output FILE")
    return _cut(name)


def sent_name(path: str) -> str:
    """Return the name of a local file for a request, as text without unprintable characters."""
    return _cut(_printable(Path(path).name.replace("\\", "_")))


def key_path(certificate: str) -> str:
    """Return the path of the private key next to a certificate file: `www.key` for `www.pem`.

    Only an extension of a certificate file is replaced. Otherwise `.key` is appended: `www.example.com.key`.
    """
    path = Path(certificate)
    known = _EXTENSION.search(path.name)
    stem = path.name[: known.start()] if known is not None and known.start() else path.name
    return str(path.with_name(_cut(stem, ".key")))


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "_" for character in name)


def _cut(name: str, extension: str = "") -> str:
    """Return the name with at most MAXIMUM_BYTES. The end of a long name is kept if it is a known extension."""
    if len(os.fsencode(name + extension)) <= MAXIMUM_BYTES:
        return name + extension
    known = _EXTENSION.search(name) if not extension else None
    if known is not None:
        name, extension = name[: known.start()], known[0]
    return first_bytes(name, MAXIMUM_BYTES - len(extension.encode())) + extension
