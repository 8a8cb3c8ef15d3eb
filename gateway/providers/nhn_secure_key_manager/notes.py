"""Facts about NHN Cloud Secure Key Manager for docs/providers.md."""

from typing import Final

from gateway.providers.base.notes import Note, ProviderNotes

NOTES: Final = ProviderNotes(
    title="NHN Cloud Secure Key Manager",
    notes=(
        Note("Encrypt.plaintext", "At most 32 KB (32,768 bytes) of text, which is 24,576 bytes with BASE64."),
        Note("Sign.plaintext", "At most 245 bytes of text, which is 183 bytes with BASE64."),
        Note("Verify.plaintext", "At most 245 bytes of text, which is 183 bytes with BASE64."),
        Note("Sign", "The vendor does not publish the signature scheme."),
        Note("GetSecret.payload", "The upstream stores text. The payload is its bytes in UTF-8."),
        Note(
            "GetSymmetricKey.name",
            "The upstream accepts a key version since v1.1. With `api_version` v1.0, the gateway reads a named version "
            "through v1.1.",
        ),
        Note("GetSymmetricKey.key_version", "Absent in v1.0."),
    ),
)
