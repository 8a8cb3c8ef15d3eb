"""Settings of the audit journal."""

from typing import Final, Literal

from pydantic import Field, field_validator

from gateway.config.base import FileContent, Located, Settings, as_bytes
from gateway.journal.ship.settings import ShipSettings

_MINIMUM_DIGEST_KEY: Final = 16
_MIB: Final = 1 << 20
_DAY: Final = 24 * 3600


class AuditSettings(Settings):
    """The `audit` section.

    directory: made where it is missing. durability: `os` leaves it to the operating system when records reach the disk.
    signing_key_file: Ed25519 in PKCS#8 PEM; read again when a segment begins; by default made in the directory.
    digest_key: of the HMAC that stands for secret values; by default made in the directory.
    checkpoint_interval, retention: seconds. Only shipped segments are ever removed.
    ship: where to; without it nothing is shipped.
    """

    directory: Located
    durability: Literal["fsync", "os"] = "fsync"
    signing_key_file: Located | None = None
    digest_key: FileContent | None = None
    checkpoint_records: int = Field(default=10_000, ge=1)
    checkpoint_interval: float = Field(default=60.0, gt=0)
    segment_bytes: int = Field(default=64 * _MIB, ge=4096)
    retention: float = Field(default=30 * _DAY, ge=0)
    ship: ShipSettings | None = None

    _accept_text = field_validator("digest_key", mode="before")(as_bytes)

    @field_validator("digest_key")
    @classmethod
    def _long_enough(cls, value: FileContent | None) -> FileContent | None:
        if value is not None and len(value.get_secret_value()) < _MINIMUM_DIGEST_KEY:
            raise ValueError(f"must have at least {_MINIMUM_DIGEST_KEY} bytes")
        return value
