"""Instruments of the audit journal."""

from typing import Final

from gateway.telemetry.instruments import Description

_DISK: Final = "[Disk space](audit.md#disk-space)"

AUDIT_UNAVAILABLE: Final = Description(
    "keyway.audit.unavailable",
    "gauge",
    "1",
    "1 while the journal accepts no records.",
    (),
    "Alert on 1 at once: the gateway rejects all calls, and its health is NOT_SERVING. The log event "
    f"`audit_journal_unavailable` names the cause, which is usually a full or failing disk. See {_DISK}.",
)
AUDIT_HEAD: Final = Description(
    "keyway.audit.head",
    "gauge",
    "{record}",
    "Sequence number of the last audit record.",
    (),
    "The rate is the number of records per second. The number of a chain never decreases: if it does, somebody "
    "replaced the journal. [Verify](audit.md#verify) it.",
)
AUDIT_SYNC: Final = Description(
    "keyway.audit.sync.duration",
    "gauge",
    "s",
    "Duration of the last sync of the journal to disk.",
    (),
    "With `audit.durability: fsync`, each call waits for a sync. If the value stays above 0.1, move "
    "`audit.directory` to a faster disk.",
)
AUDIT_BACKLOG: Final = Description(
    "keyway.audit.backlog",
    "gauge",
    "{record}",
    "Audit records that are not shipped yet.",
    (),
    "Absent without `audit.ship`. If the value grows, check the collector and the network, and look for the log "
    "events of the shipper. No record is lost while the disk has space.",
)
AUDIT_BACKLOG_AGE: Final = Description(
    "keyway.audit.backlog.age",
    "gauge",
    "s",
    "Age of the oldest audit record that is not shipped yet.",
    (),
    "Absent without `audit.ship`. Normal is up to `audit.ship.rewind` and a few seconds. Alert on 5 minutes; see "
    "`keyway.audit.backlog`.",
)
AUDIT_SIZE: Final = Description(
    "keyway.audit.size",
    "gauge",
    "By",
    "Size of the files of the journal.",
    (),
    "With several workers, each reports the size of its chain. To limit the size, set `audit.retention_bytes`. See "
    f"{_DISK}.",
)
AUDIT_DISK_FREE: Final = Description(
    "keyway.audit.disk.free", "gauge", "By", "Free space of the file system of the journal.", (), f"See {_DISK}."
)
AUDIT_DISK_USED: Final = Description(
    "keyway.audit.disk.used",
    "gauge",
    "1",
    "Used share of the file system of the journal, from 0 to 1.",
    (),
    f"Alert on more than 0.8. Add space, ship the records, or shorten `audit.retention`. See {_DISK}.",
)
AUDIT_DISK_TIME_TO_FULL: Final = Description(
    "keyway.audit.disk.time_to_full",
    "gauge",
    "s",
    "Time until the file system of the journal is full, at the rate of the last hour. Absent while free space grows.",
    (),
    "Also absent during the first minute. Alert on less than one day. With a full disk, the gateway rejects all "
    "calls. Add space, or find what fills the disk.",
)

JOURNAL: Final = (
    AUDIT_UNAVAILABLE,
    AUDIT_HEAD,
    AUDIT_SYNC,
    AUDIT_BACKLOG,
    AUDIT_BACKLOG_AGE,
    AUDIT_SIZE,
    AUDIT_DISK_FREE,
    AUDIT_DISK_USED,
    AUDIT_DISK_TIME_TO_FULL,
)
