"""Facts about NHN Cloud Secure Key Manager for docs/providers.md."""

from typing import Final

from gateway.providers.base.notes import Note, ProviderNotes
from gateway.providers.nhn_secure_key_manager.messages import MAXIMUM_ENCRYPT_BYTES, MAXIMUM_SIGN_BYTES


def _text_limit(maximum: int) -> str:
    """Return the limit of a text. Base64 encodes 3 bytes in 4 characters."""
    return f"At most {maximum:,} bytes, or {maximum // 4 * 3:,} bytes with BASE64."


NOTES: Final = ProviderNotes(
    title="NHN Cloud Secure Key Manager",
    notes=(
        Note("Encrypt.plaintext", _text_limit(MAXIMUM_ENCRYPT_BYTES)),
        Note("Sign.plaintext", _text_limit(MAXIMUM_SIGN_BYTES)),
        Note("Verify.plaintext", _text_limit(MAXIMUM_SIGN_BYTES)),
        Note("Sign", "The vendor does not publish the signature scheme."),
        Note("GetSecret.payload", "The upstream stores text. The payload is the text in UTF-8."),
        Note(
            "GetSymmetricKey.name",
            "The upstream accepts a key version from v1.1 on. With `api_version` v1.0, the gateway reads a named "
            "version through v1.1, and sends `user_access_key` if it is set.",
        ),
        Note("GetSymmetricKey.key_version", "Absent with `api_version` v1.0."),
    ),
)
