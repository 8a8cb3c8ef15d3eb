"""The dashboard of the providers: calls, requests to upstreams, circuit breakers, retries, and caches."""

from typing import Final

from deploy.grafana.generator.panels import CALL_FAULTS, PROVIDER, Frame, Query, Section, graph, number

_RATE: Final = f"rate(http_client_request_duration_seconds_count{{{PROVIDER}}}[$__rate_interval])"
_ERRORS: Final = f'rate(http_client_request_duration_seconds_count{{{PROVIDER}, error_type!=""}}[$__rate_interval])'
_BUCKETS: Final = f"rate(http_client_request_duration_seconds_bucket{{{PROVIDER}}}[$__rate_interval])"
_CALL_RATE: Final = f"rate(rpc_server_call_duration_seconds_count{{{PROVIDER}}}[$__rate_interval])"
_CALL_FAULTS: Final = f"rate(rpc_server_call_duration_seconds_count{{{PROVIDER}, {CALL_FAULTS}}}[$__rate_interval])"
_CALL_BUCKETS: Final = f"rate(rpc_server_call_duration_seconds_bucket{{{PROVIDER}}}[$__rate_interval])"
_LEGEND: Final = "{{keyway_provider}}"


def _by_provider(function: str, metric: str) -> Query:
    return Query(f"{function} by (keyway_provider) ({metric}{{{PROVIDER}}})", _LEGEND)


def _quantile(share: str) -> Query:
    return Query(f"histogram_quantile({share}, sum by (le, keyway_provider) ({_BUCKETS}))", _LEGEND)


_STATE: Final = Section(
    "Current state",
    (
        number(
            "Open circuit breakers",
            "Number of providers whose upstream the gateway does not contact, because it failed too often.",
            f"count(max by (keyway_provider) (keyway_provider_breaker_overall{{{PROVIDER}}}) == 2) or vector(0)",
            colors=((None, "green"), (1, "red")),
        ),
        number("Requests", "Requests to upstreams per second.", f"sum({_RATE})", unit="reqps"),
        number(
            "Failed requests",
            "Share of failed requests, including requests that were retried successfully.",
            f"(sum({_ERRORS}) or vector(0)) / sum({_RATE})",
            unit="percentunit",
            colors=((None, "green"), (0.05, "orange"), (0.2, "red")),
        ),
        number(
            "99th percentile",
            "1 % of the requests take longer.",
            f"histogram_quantile(0.99, sum by (le) ({_BUCKETS}))",
            unit="s",
            colors=((None, "green"), (1, "orange"), (5, "red")),
        ),
    ),
    width=6,
    height=4,
)
_CALLS: Final = Section(
    "Calls to the gateway",
    (
        graph(
            "Calls",
            "Calls per second, including cache hits.",
            Query(f"sum by (keyway_provider) ({_CALL_RATE})", _LEGEND),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Error ratio",
            "Share of calls that fail because of the gateway or the upstream.",
            Query(f"sum by (keyway_provider) ({_CALL_FAULTS}) / sum by (keyway_provider) ({_CALL_RATE})", _LEGEND),
            unit="percentunit",
            alert_above=0.05,
        ),
        graph(
            "Failed calls by reason",
            "Failed calls per second. docs/troubleshooting.md explains each reason.",
            Query(
                "sum by (keyway_provider, keyway_reason) "
                f"(rate(keyway_calls_failed_total{{{PROVIDER}}}[$__rate_interval]))",
                "{{keyway_provider}} {{keyway_reason}}",
            ),
            unit="reqps",
        ),
        graph(
            "Call duration, median",
            "Half of the calls take longer.",
            Query(f"histogram_quantile(0.5, sum by (le, keyway_provider) ({_CALL_BUCKETS}))", _LEGEND),
            unit="s",
        ),
        graph(
            "Call duration, 99th percentile",
            "1 % of the calls take longer.",
            Query(f"histogram_quantile(0.99, sum by (le, keyway_provider) ({_CALL_BUCKETS}))", _LEGEND),
            unit="s",
        ),
    ),
)
_REQUESTS: Final = Section(
    "Requests to upstreams",
    (
        graph(
            "Requests",
            "Requests per second, including retries.",
            Query(f"sum by (keyway_provider) ({_RATE})", _LEGEND),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Failed requests",
            "Share of failed requests.",
            Query(f"sum by (keyway_provider) ({_ERRORS}) / sum by (keyway_provider) ({_RATE})", _LEGEND),
            unit="percentunit",
            alert_above=0.2,
        ),
        graph(
            "Errors",
            "Failed requests per second by HTTP status or error reason.",
            Query(f"sum by (keyway_provider, error_type) ({_ERRORS})", "{{keyway_provider}} {{error_type}}"),
            unit="reqps",
        ),
        graph("Request duration, median", "Half of the requests take longer.", _quantile("0.5"), unit="s"),
        graph("Request duration, 99th percentile", "1 % of the requests take longer.", _quantile("0.99"), unit="s"),
        graph(
            "Requests by HTTP status",
            "Requests per second. Requests without a status received no response.",
            Query(
                f"sum by (keyway_provider, http_response_status_code) ({_RATE})",
                "{{keyway_provider}} {{http_response_status_code}}",
            ),
            unit="reqps",
        ),
    ),
)
_PROTECTION: Final = Section(
    "Circuit breakers, connections, and retries",
    (
        graph(
            "Circuit breakers",
            "The most severe state over all workers: 0 closed, 1 half-open, 2 open.",
            _by_provider("max", "keyway_provider_breaker_overall"),
            maximum=2,
        ),
        graph(
            "Workers with an open circuit breaker",
            "If only some workers have one, the upstream fails intermittently, or the other workers had no calls.",
            _by_provider("sum", "keyway_provider_breaker_open_workers"),
        ),
        graph(
            "Circuit breaker by worker",
            "The state in each worker: 0 closed, 1 half-open, 2 open.",
            Query(
                f"max by (keyway_provider, worker) (keyway_provider_breaker{{{PROVIDER}}})",
                "{{keyway_provider}} {{worker}}",
            ),
            maximum=2,
        ),
        graph(
            "Requests in flight",
            "If the value reaches maximum_connections of the provider, further requests wait.",
            _by_provider("sum", "keyway_provider_requests_in_flight"),
        ),
        graph(
            "Waiting requests",
            "Requests that wait for a connection.",
            _by_provider("sum", "keyway_provider_requests_queued"),
        ),
        graph(
            "Retries",
            "Retries per second.",
            Query(f"sum by (keyway_provider) (rate(keyway_provider_retries{{{PROVIDER}}}[$__rate_interval]))", _LEGEND),
            unit="reqps",
        ),
        graph(
            "Retry budget",
            "Remaining retries, in the worker with the fewest. At 0, the gateway does not retry.",
            _by_provider("min", "keyway_provider_retry_budget"),
        ),
    ),
)
_CACHE: Final = Section(
    "Caches",
    (
        graph(
            "Cache hit ratio",
            "Share of reads that are cache hits. No data for providers without a cache.",
            Query(
                f"sum by (keyway_provider) (rate(keyway_cache_hits{{{PROVIDER}}}[$__rate_interval]))"
                f" / (sum by (keyway_provider) (rate(keyway_cache_hits{{{PROVIDER}}}[$__rate_interval]))"
                f" + sum by (keyway_provider) (rate(keyway_cache_misses{{{PROVIDER}}}[$__rate_interval])))",
                _LEGEND,
            ),
            unit="percentunit",
            maximum=1,
        ),
        graph(
            "Cache size",
            "Approximate size of the cached responses in all workers.",
            _by_provider("sum", "keyway_cache_size"),
            unit="bytes",
        ),
    ),
    width=12,
)
DASHBOARD: Final = Frame(
    "keyway-providers",
    "Keyway providers",
    "Calls, requests to upstreams, circuit breakers, retries, and caches.",
    (_STATE, _CALLS, _REQUESTS, _PROTECTION, _CACHE),
    by_provider=True,
)
