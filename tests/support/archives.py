"""ZIP archives as an upstream could send them, honest and hostile."""

import io
import warnings
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files, deflated."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def stored(*files: tuple[str, bytes]) -> bytes:
    """An archive of these files, not packed; a name may come twice."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a duplicate name is what is wanted
        for name, content in files:
            archive.writestr(name, content)
    return target.getvalue()
