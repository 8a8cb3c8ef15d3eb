"""Facts about ASTERIA Warp for docs/providers.md."""

from typing import Final

from gateway.providers.asteria.calls import MINIMUM_PASSWORD_CHARACTERS
from gateway.providers.base.notes import Note, ProviderNotes

_MINIMUM: Final = f"At least {MINIMUM_PASSWORD_CHARACTERS} characters."

NOTES: Final = ProviderNotes(
    title="ASTERIA Warp",
    notes=(
        Note("Certificate.name", "The last segment is `server` or `client`: there are two certificates."),
        Note("TrustedAuthority.name", "The trust store is `server` or `client`: there are two trust stores."),
        Note("CreateCertificate.certificate_id", "`server` or `client`."),
        Note("CreateCertificate.keystore_password", _MINIMUM),
        Note("CreateCertificate.private_key_password", _MINIMUM),
        Note("ImportCertificate.keystore_password", _MINIMUM),
        Note("ImportCertificate.private_key_password", _MINIMUM),
        Note("ImportCertificate.file_password", "Must not be empty."),
        Note("ImportCertificate.keystore", "PKCS#12 or JKS."),
        Note(
            "ListCertificates",
            "Returns only `name` and `display_name`, because the upstream reads a certificate only with a password. "
            "The state is UNSPECIFIED; the filters UNEXPIRED and ALL include it.",
        ),
        Note("GetCertificate.keystore_password", "Required in both views."),
        Note("DownloadCertificate.keystore_password", "Required."),
        Note(
            "DownloadCertificate.include_private_key",
            "Not supported: UNIMPLEMENTED `METHOD_NOT_SUPPORTED_BY_PROVIDER`.",
        ),
        Note("Certificate.domains", "Always empty."),
        Note("Certificate.file_creation_date", "Always absent."),
        Note(
            "Certificate.chain",
            "The list `chainInfo` of the upstream, in its order and spelling. It can contain the issuers.",
        ),
        Note("Fingerprints.sha256", "Always empty."),
    ),
)
