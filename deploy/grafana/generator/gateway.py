"""The dashboard of the gateways: calls, processes, and reloads."""

from typing import Final

from deploy.grafana.generator.panels import CALL_FAULTS, INSTANCE, Frame, Query, Section, graph, number, rows

_RATE: Final = f"rate(rpc_server_call_duration_seconds_count{{{INSTANCE}}}[$__rate_interval])"
_FAULTS: Final = f"rate(rpc_server_call_duration_seconds_count{{{INSTANCE}, {CALL_FAULTS}}}[$__rate_interval])"
_BUCKETS: Final = f"rate(rpc_server_call_duration_seconds_bucket{{{INSTANCE}}}[$__rate_interval])"


def _quantile(share: str, by: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{by}) ({_BUCKETS}))"


_NOW: Final = Section(
    "Current state",
    (
        number(
            "Gateways",
            "Gateways that Prometheus can scrape.",
            f'sum(up{{job="keyway", {INSTANCE}}})',
            colors=((None, "red"), (1, "green")),
        ),
        number(
            "Workers",
            "Processes that serve calls.",
            f"count(keyway_calls_in_flight{{{INSTANCE}}})",
            colors=((None, "red"), (1, "green")),
        ),
        number("Calls", "Calls per second.", f"sum({_RATE})", unit="reqps"),
        number(
            "Error ratio",
            "Share of calls that fail because of the gateway or an upstream. Errors that callers cause do not count.",
            f"(sum({_FAULTS}) or vector(0)) / sum({_RATE})",
            unit="percentunit",
            colors=((None, "green"), (0.01, "orange"), (0.05, "red")),
        ),
        number(
            "99th percentile",
            "1 % of the calls take longer.",
            _quantile("0.99"),
            unit="s",
            colors=((None, "green"), (1, "orange"), (5, "red")),
        ),
        number(
            "Gateway certificate",
            "Days until the TLS certificate of a gateway expires. If there are several gateways, the lowest value.",
            f"min(keyway_server_certificate_expiry_days{{{INSTANCE}}})",
            unit="d",
            colors=((None, "red"), (1, "orange"), (7, "green")),
        ),
    ),
    width=4,
    height=4,
)
_ALERTS: Final = Section(
    "Alerts",
    (
        rows(
            "Alerts",
            "Firing and pending alerts. docs/operations.md has a runbook for each alert.",
            'ALERTS{alertname=~"Keyway.+"}',
            value="Active",
        ),
    ),
)
_CALLS: Final = Section(
    "Calls",
    (
        graph(
            "Calls by method",
            "Calls per second, including failed and rejected calls.",
            Query(f"sum by (rpc_method) ({_RATE})", "{{rpc_method}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Calls by status",
            "Calls per second by gRPC status.",
            Query(f"sum by (rpc_response_status_code) ({_RATE})", "{{rpc_response_status_code}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Failed calls by reason",
            "Failed calls per second by error reason. docs/troubleshooting.md explains each reason.",
            Query(
                f"sum by (keyway_reason) (rate(keyway_calls_failed_total{{{INSTANCE}}}[$__rate_interval]))",
                "{{keyway_reason}}",
            ),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Duration",
            "Median, 90th percentile, and 99th percentile of the duration of calls.",
            Query(_quantile("0.5"), "50 %"),
            Query(_quantile("0.9"), "90 %"),
            Query(_quantile("0.99"), "99 %"),
            unit="s",
        ),
        graph(
            "Duration by method, 99th percentile",
            "1 % of the calls of a method take longer.",
            Query(_quantile("0.99", ", rpc_method"), "{{rpc_method}}"),
            unit="s",
            alert_above=5,
        ),
        graph(
            "Errors by method",
            "Calls per second that fail because of the gateway or an upstream.",
            Query(f"sum by (rpc_method, error_type) ({_FAULTS})", "{{rpc_method}} {{error_type}}"),
            unit="reqps",
        ),
        graph(
            "Calls in flight",
            "If the value reaches limits.server_concurrency, the gateway rejects calls.",
            Query(f"sum by (instance) (keyway_calls_in_flight{{{INSTANCE}}})", "{{instance}}"),
        ),
        graph(
            "Upstream requests per call",
            "Cache hits and rejected calls need no upstream request. A high value means retries or long lists.",
            Query(
                f"sum by (rpc_method) (rate(keyway_call_attempts_sum{{{INSTANCE}}}[$__rate_interval]))"
                f" / sum by (rpc_method) (rate(keyway_call_attempts_count{{{INSTANCE}}}[$__rate_interval]))",
                "{{rpc_method}}",
            ),
        ),
        graph(
            "Connections to the Vault API",
            "Only for gateways with vault_api. The limit is vault_api.maximum_connections.",
            Query(f"sum by (instance) (keyway_vault_connections{{{INSTANCE}}})", "{{instance}}"),
        ),
        graph(
            "Refused connections to the Vault API",
            "Connections per second that were closed because of a limit.",
            Query(
                f"sum by (instance) (rate(keyway_vault_connections_refused_total{{{INSTANCE}}}[$__rate_interval]))",
                "{{instance}}",
            ),
        ),
    ),
)
_PROCESSES: Final = Section(
    "Processes",
    (
        graph(
            "Workers that accept calls",
            "Only for gateways with several workers.",
            Query(f"keyway_workers_available{{{INSTANCE}}}", "{{instance}}"),
        ),
        graph(
            "Replaced workers",
            "Workers that died and were replaced, since the start of the gateway.",
            Query(f"keyway_workers_replaced_total{{{INSTANCE}}}", "{{instance}}"),
        ),
        graph(
            "Event loop lag",
            "All calls of a process wait for its event loop.",
            Query(f"keyway_event_loop_lag_seconds{{{INSTANCE}}}", "{{instance}} {{worker}}"),
            unit="s",
            alert_above=0.5,
        ),
        graph(
            "CPU",
            "CPUs that a process uses. A process can use at most one CPU for calls.",
            Query(
                "sum by (instance, worker) "
                f'(rate(process_cpu_time_seconds_total{{job="keyway", {INSTANCE}}}[$__rate_interval]))',
                "{{instance}} {{worker}}",
            ),
            alert_above=0.9,
        ),
        graph(
            "Memory",
            "Resident memory. All processes share the memory limit of the container.",
            Query(f'process_memory_usage_bytes{{job="keyway", {INSTANCE}}}', "{{instance}} {{worker}}"),
            unit="bytes",
            stacked=True,
        ),
        graph(
            "Open files",
            "Open files of a process, as a share of its limit.",
            Query(
                f"process_unix_file_descriptor_count{{{INSTANCE}}}"
                f" / keyway_process_file_descriptor_limit{{{INSTANCE}}}",
                "{{instance}} {{worker}}",
            ),
            unit="percentunit",
            alert_above=0.8,
        ),
    ),
)
_RELOADS: Final = Section(
    "Versions and reloads",
    (
        rows(
            "Versions",
            "Number of processes by version of the gateway and of Python.",
            f"count by (instance, service_version, process_runtime_version) (keyway_build_info{{{INSTANCE}}})",
            value="Processes",
        ),
        graph(
            "Failed reloads",
            "1 if the gateway rejected a changed file, and still uses its last valid content.",
            Query(
                f"max by (instance, keyway_reload_source) (keyway_reload_failed{{{INSTANCE}}})",
                "{{instance}} {{keyway_reload_source}}",
            ),
        ),
        graph(
            "Time since the last reload",
            "The value restarts at 0 when the gateway loads a changed file.",
            Query(
                f"max by (instance, keyway_reload_source) (keyway_reload_age_seconds{{{INSTANCE}}})",
                "{{instance}} {{keyway_reload_source}}",
            ),
            unit="s",
        ),
    ),
)
DASHBOARD: Final = Frame(
    "keyway-gateway",
    "Keyway gateway",
    "Calls, processes, and reloads of the gateways.",
    (_NOW, _ALERTS, _CALLS, _PROCESSES, _RELOADS),
)
