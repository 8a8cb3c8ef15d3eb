"""Valid and hostile ZIP archives, as an upstream could send them."""

import io
import warnings
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a compressed archive of the files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def stored(*files: tuple[str, bytes]) -> bytes:
    """Return an uncompressed archive of the files. A name can occur twice."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the duplicate name is intended
        for name, content in files:
            archive.writestr(name, content)
    return target.getvalue()
