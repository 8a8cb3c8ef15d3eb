"""Settings of the `audit` section: the audit journal."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from gateway.config.base import RESTART, FileContent, Located, Settings, as_bytes
from gateway.journal.ship.settings import ShipSettings

_MINIMUM_DIGEST_KEY: Final = 16
_MIB: Final = 1 << 20
_DAY: Final = 24 * 3600

SigningKeyId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]


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
            "Ed25519 private key (PKCS#8 PEM) that signs checkpoints, the manifest, and shipping cursors. Default: a "
            "key that the gateway creates in the directory."
        ),
        json_schema_extra={"x-reload": "segment"},
    )
    signing_key_ids: tuple[SigningKeyId, ...] = Field(
        default=(),
        description=(
            "IDs of the keys that may sign. To change the key, add the ID of the new key, and replace the file. The ID "
            "is the first 16 digits of the SHA-256 of the public key in DER form. Default: only the key that signed "
            "the journal so far."
        ),
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
        default=1.0,
        gt=0,
        description=(
            "Maximum seconds between signed checkpoints while there are new records. An attacker with write access to "
            "the directory who stops the gateway can change records that are not signed yet."
        ),
    )
    segment_bytes: int = Field(
        default=64 * _MIB, ge=4096, description="Size in bytes at which the gateway begins a new journal segment."
    )
    retention: float = Field(
        default=30 * _DAY,
        ge=0,
        description=(
            "Seconds to keep a segment after its last record. Only shipped segments are removed; without ship, see "
            "remove_unshipped."
        ),
    )
    retention_bytes: int | None = Field(
        default=None,
        ge=_MIB,
        description=(
            "Size in bytes of the whole journal, above which the oldest segments are removed before the end of "
            "retention. Default: no limit but minimum_free."
        ),
    )
    minimum_free: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description=(
            "Share of the file system to keep free as a reserve for records that cannot be shipped yet. If less is "
            "free, the oldest segments are removed before the end of retention. 0: no reserve."
        ),
    )
    remove_unshipped: bool = Field(
        default=False,
        description=(
            "Without ship: whether retention, retention_bytes, and minimum_free remove segments although no other copy "
            "exists. If false, nothing is removed, and calls are rejected when the disk is full."
        ),
    )
    compress: bool = Field(
        default=True,
        description=(
            "Whether full segments are compressed with Zstandard, to less than a tenth of their size. Versions without "
            "this setting cannot read them: before you go back to one, run keyway-gateway audit decompress."
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

    @model_validator(mode="after")
    def _ships_or_removes(self) -> Self:
        if self.remove_unshipped and self.ship is not None:
            raise ValueError("remove_unshipped is for a journal without ship; remove one of them")
        return self
