"""The dashboard of the audit journal: records, disk space, shipping, and rejected calls."""

from typing import Final

from deploy.grafana.generator.panels import INSTANCE, Frame, Query, Section, graph, number


def _by_instance(function: str, metric: str) -> Query:
    return Query(f"{function} by (instance) ({metric}{{{INSTANCE}}})", "{{instance}}")


_NOW: Final = Section(
    "Current state",
    (
        number(
            "Journal",
            "If the journal accepts no records, the gateway rejects all calls.",
            f"max(keyway_audit_unavailable{{{INSTANCE}}})",
            colors=((None, "green"), (1, "red")),
            texts=(("0", "accepts records"), ("1", "unavailable")),
        ),
        number("Records", "Records per second.", f"sum(rate(keyway_audit_head{{{INSTANCE}}}[$__rate_interval]))"),
        number(
            "Used disk space",
            "Used share of the file system of a journal. If there are several, the highest value.",
            f"max(keyway_audit_disk_used{{{INSTANCE}}})",
            unit="percentunit",
            colors=((None, "green"), (0.8, "orange"), (0.95, "red")),
        ),
        number(
            "Time to full",
            "Time until a journal disk is full, at the rate of the last hour; the lowest value. No data if the free "
            "space does not decrease.",
            f"min(keyway_audit_disk_time_to_full_seconds{{{INSTANCE}}})",
            unit="s",
            colors=((None, "red"), (86400, "orange"), (604800, "green")),
        ),
        number(
            "Unshipped records",
            "Records that are not shipped yet. No data without audit.ship.",
            f"max by (instance) (keyway_audit_backlog{{{INSTANCE}}})",
        ),
        number(
            "Oldest unshipped record",
            "Age of the oldest record that is not shipped yet.",
            f"max(keyway_audit_backlog_age_seconds{{{INSTANCE}}})",
            unit="s",
            colors=((None, "green"), (60, "orange"), (300, "red")),
        ),
    ),
    width=4,
    height=4,
)
_JOURNAL: Final = Section(
    "Journal",
    (
        graph(
            "Records",
            "Records per second.",
            Query(f"sum by (instance) (rate(keyway_audit_head{{{INSTANCE}}}[$__rate_interval]))", "{{instance}}"),
        ),
        graph(
            "Sync duration",
            "Duration of a sync to disk. With audit.durability: fsync, each call waits for a sync.",
            _by_instance("max", "keyway_audit_sync_duration_seconds"),
            unit="s",
            alert_above=0.1,
        ),
        graph(
            "Journal size", "Size of the files of the journal.", _by_instance("sum", "keyway_audit_size"), unit="bytes"
        ),
        graph(
            "Free disk space",
            "Free space of the file system of the journal.",
            _by_instance("min", "keyway_audit_disk_free"),
            unit="bytes",
        ),
        graph(
            "Used disk space",
            "Used share of the file system of the journal.",
            _by_instance("max", "keyway_audit_disk_used"),
            unit="percentunit",
            maximum=1,
            alert_above=0.8,
        ),
        graph(
            "Unavailable journals",
            "1 if a journal accepts no records.",
            _by_instance("max", "keyway_audit_unavailable"),
            maximum=1,
        ),
    ),
)
_SHIPPING: Final = Section(
    "Shipping and rejected calls",
    (
        graph(
            "Unshipped records",
            "Records that are not shipped yet.",
            _by_instance("sum", "keyway_audit_backlog"),
        ),
        graph(
            "Oldest unshipped record",
            "Age of the oldest record that is not shipped yet.",
            _by_instance("max", "keyway_audit_backlog_age_seconds"),
            unit="s",
            alert_above=300,
        ),
        graph(
            "Rejected calls",
            "Calls per second that fail because of a missing permission, invalid credentials, or the journal.",
            Query(
                "sum by (keyway_reason) (rate(keyway_calls_failed_total{"
                f'{INSTANCE}, keyway_reason=~"PERMISSION_DENIED|UNAUTHENTICATED|AUDIT_.*"}}[$__rate_interval]))',
                "{{keyway_reason}}",
            ),
            unit="reqps",
        ),
    ),
)
DASHBOARD: Final = Frame(
    "keyway-audit",
    "Keyway audit",
    "Audit journals: records, disk space, and shipping; rejected calls.",
    (_NOW, _JOURNAL, _SHIPPING),
)
