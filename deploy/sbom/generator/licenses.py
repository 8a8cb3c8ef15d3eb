"""The license of a package as an SPDX expression, from its metadata, or otherwise from its license text."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# Values of the old field `License` and of classifiers. The classifier `BSD License` does not say which one.
_NAMES: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT": "MIT",
    "MIT License": "MIT",
    "PSF-2.0": "PSF-2.0",
}
_CLASSIFIER: Final = "License :: OSI Approved :: "

# Words that only the text of one license contains.
_TEXTS: Final = (
    ("Apache License Version 2.0", "Apache-2.0"),
    ("Neither the name of", "BSD-3-Clause"),
    ("Permission is hereby granted free of charge", "MIT"),
)


class UnknownLicenseError(Exception):
    """The license of a package is not recognized. The message names the package."""


def license_of_metadata(package: str, expression: str | None, names: Iterable[str], files: Iterable[Path]) -> str:
    """Return the license of a Python package.

    expression: its License-Expression. names: its field `License` and its classifiers. files: its license files.
    """
    if expression:
        return expression
    known = {_NAMES[name] for name in (text.removeprefix(_CLASSIFIER) for text in names) if name in _NAMES}
    return " OR ".join(sorted(known)) or license_of_texts(package, files)


def license_of_texts(package: str, files: Iterable[Path]) -> str:
    """Return the license that the first recognized license file contains. Raises UnknownLicenseError."""
    for file in sorted(files):
        text = re.sub(r"[\s,]+", " ", file.read_text(encoding="utf-8", errors="replace"))
        for words, name in _TEXTS:
            if words in text:
                return name
    raise UnknownLicenseError(f"{package}: no license is recognized; extend deploy/sbom/generator/licenses.py")
