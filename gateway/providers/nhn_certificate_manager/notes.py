"""Facts about NHN Cloud Certificate Manager for docs/providers.md."""

from typing import Final

from gateway.providers.base.notes import Note, ProviderNotes
from gateway.providers.nhn_certificate_manager.messages import MAXIMUM_UPLOAD_BYTES

NOTES: Final = ProviderNotes(
    title="NHN Cloud Certificate Manager",
    notes=(
        Note("UploadCertificate", "Available only with `api_version` v1.0."),
        Note(
            "UploadCertificate.content", f"At most {MAXIMUM_UPLOAD_BYTES // 1024} KB ({MAXIMUM_UPLOAD_BYTES:,} bytes)."
        ),
        Note("GetCertificate.view", "FULL downloads the file of the certificate and parses it."),
        Note("GetCertificate.keystore_password", "Ignored."),
        Note("DownloadCertificate.keystore_password", "Ignored."),
        Note("DownloadCertificate.include_private_key", "Supported. The file of the certificate contains the key."),
        Note("Certificate.authority", "Can be empty in the BASIC view if no authority is registered."),
        Note(
            "Certificate.domains",
            "Set in the BASIC view from `api_version` v1.2 on, and in the FULL view with every version.",
        ),
        Note("Certificate.file_creation_date", "Set in both views."),
    ),
)
