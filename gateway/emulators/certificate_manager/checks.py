"""Checks of an uploaded file against its registered certificate, and of a stored file: codes 52003 to 52006."""

import datetime as dt

from gateway.emulators.certificate_manager import assumptions, errors, pem
from gateway.emulators.certificate_manager.multipart import UploadedFile
from gateway.emulators.certificate_manager.state import Certificate


def accept(file: UploadedFile, certificate: Certificate, now: dt.datetime) -> pem.CertificateFile:
    """Return the parsed file, if it passes all checks in the order of the documented codes."""
    if not file.name.lower().endswith(assumptions.FILE_NAME_SUFFIX):
        raise errors.CertificateManagerError(errors.NOT_PEM)
    try:
        content = pem.read(file.content)
    except pem.NotPemError as error:
        raise errors.CertificateManagerError(errors.NOT_PEM) from error
    if certificate.name.lower() not in {name.lower() for name in content.names}:
        raise errors.CertificateManagerError(errors.OTHER_NAME)
    if content.expires <= now:
        raise errors.CertificateManagerError(errors.EXPIRED)
    if not _fits_authority(content, certificate.registered_authority):
        raise errors.CertificateManagerError(errors.OTHER_AUTHORITY)
    return content


def check_stored(content: bytes, now: dt.datetime) -> None:
    """Raise the documented failure for a stored file that is broken (52003) or has expired (52005)."""
    try:
        stored = pem.read(content)
    except pem.NotPemError as error:
        raise errors.CertificateManagerError(errors.NOT_PEM) from error
    if stored.expires <= now:
        raise errors.CertificateManagerError(errors.EXPIRED)


def _fits_authority(content: pem.CertificateFile, registered: str | None) -> bool:
    return bool(content.issuer_names) if registered is None else registered in content.issuer_names
