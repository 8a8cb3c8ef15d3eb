"""Ciphertexts in Vault's notation: `vault:v{version}:{content}`.

The content is what the upstream returned, or, after a prefix, an envelope of docs/envelope-format.md. Envelopes bind
associated data, which upstreams do not support. Programs split a ciphertext at its colons, so the content has none.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final

from gateway.surfaces.vault.errors import VaultError

_SEALED: Final = "KWE1."
_FORM: Final = re.compile(r"vault:v([0-9]{1,9}):([^:\s]+)", re.ASCII)
_LABEL: Final = b"keyway.dev/vault/v1"
_LENGTH_BYTES: Final = 4
DEFAULT_VERSION: Final = 1
"""The version in ciphertexts of upstreams that return none. Vault's versions begin with 1."""


@dataclass(frozen=True, slots=True)
class VaultCiphertext:
    """A ciphertext. envelope: None if `content` is a ciphertext of the upstream."""

    version: int
    content: str
    envelope: bytes | None

    @classmethod
    def parse(cls, text: str) -> "VaultCiphertext":
        """Parse a ciphertext. Raises VaultError."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise VaultError(400, "ciphertext: must be vault:v{version}:{ciphertext}")
        version, content = int(found[1]), found[2]
        if not content.startswith(_SEALED):
            return cls(version, content, None)
        try:
            return cls(version, content, b64decode(content.removeprefix(_SEALED), validate=True))
        except (Base64Error, ValueError):
            raise invalid_ciphertext() from None

    def check_version(self, used: int | None) -> None:
        """Raise VaultError if the upstream used another version of the key than the ciphertext names."""
        if used is not None and used != self.version:
            raise invalid_ciphertext()


def of_upstream(content: str, version: int | None) -> str:
    """Return the notation of a ciphertext that the upstream returned. Raises VaultError."""
    text = f"vault:v{shown_version(version)}:{content}"
    if _FORM.fullmatch(text) is None or content.startswith(_SEALED):
        raise VaultError(500, "the provider returned a ciphertext that Vault's notation cannot contain")
    return text


def of_envelope(envelope: bytes, version: int | None) -> str:
    """Return the notation of an envelope. version: of the key that encrypted its data key."""
    return f"vault:v{shown_version(version)}:{_SEALED}{b64encode(envelope).decode()}"


def shown_version(version: int | None) -> int:
    """Return the version that responses contain."""
    return DEFAULT_VERSION if version is None else version


def invalid_ciphertext() -> VaultError:
    """Return the error for a ciphertext that cannot be decrypted. It does not state the cause."""
    return VaultError(400, "invalid ciphertext, or another key, context, or associated_data")


def bound_data(context: bytes, associated_data: bytes) -> bytes:
    """Return the associated data of the envelope for both parameters of a request. Raises VaultError.

    Without a context, it is the associated data itself, so that the envelopes of Keyway's clients can be exchanged.
    """
    if associated_data.startswith(_LABEL):
        raise VaultError(400, f"associated_data: must not begin with {_LABEL.decode()}")
    if not context:
        return associated_data
    return _LABEL + len(context).to_bytes(_LENGTH_BYTES) + context + associated_data
