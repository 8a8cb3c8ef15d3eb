"""Settings of the `audit` section: the audit journal."""

from typing import Final, Literal

from pydantic import Field, field_validator

from gateway.config.base import RESTART, FileContent, Located, Settings, as_bytes
from gateway.journal.ship.settings import ShipSettings

_MINIMUM_DIGEST_KEY: Final = 16
_MIB: Final = 1 << 20
_DAY: Final = 24 * 3600


class AuditSettings(Settings):
    """The audit journal."""

    directory: Located = Field(
        description="Directory of the journal. The gateway creates it if it does not exist.", json_schema_extra=RESTART
    )
    durability: Literal["fsync", "os"] = Field(
        default="fsync",
        description=(
            "fsync: the gateway syncs records to disk before the response is sent. os: the operating system decides "
            "when to write records to disk, so a power failure can lose the last ones."
        ),
    )
    signing_key_file: Located | None = Field(
        default=None,
        description=(
            "Ed25519 private key (PKCS#8 PEM) that signs checkpoints. Default: a key that the gateway creates in the "
            "directory."
        ),
        json_schema_extra={"x-reload": "segment"},
    )
    digest_key: FileContent | None = Field(
        default=None,
        description=(
            "HMAC key, at least 16 bytes. In records, HMACs with this key replace secret values. Default: a key that "
            "the gateway creates in the directory."
        ),
    )
    checkpoint_records: int = Field(
        default=10_000, ge=1, description="Number of records after which the gateway writes a signed checkpoint."
    )
    checkpoint_interval: float = Field(
        default=60.0,
        gt=0,
        description="Seconds between signed checkpoints while there are new records.",
    )
    segment_bytes: int = Field(
        default=64 * _MIB, ge=4096, description="Size in bytes at which the gateway begins a new journal segment."
    )
    retention: float = Field(
        default=30 * _DAY,
        ge=0,
        description=(
            "Seconds to keep a segment after its last record. Only shipped segments are removed; without ship, all "
            "segments are kept."
        ),
    )
    ship: ShipSettings | None = Field(
        default=None, description="Collector to which records are shipped. Default: records are not shipped."
    )

    _accept_text = field_validator("digest_key", mode="before")(as_bytes)

    @field_validator("digest_key")
    @classmethod
    def _long_enough(cls, value: FileContent | None) -> FileContent | None:
        if value is not None and len(value.get_secret_value()) < _MINIMUM_DIGEST_KEY:
            raise ValueError(f"must have at least {_MINIMUM_DIGEST_KEY} bytes")
        return value
