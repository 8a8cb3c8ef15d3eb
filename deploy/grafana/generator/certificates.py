"""The dashboard of the certificates: how many days are left, by provider and certificate, and the poller."""

from typing import Final

from deploy.grafana.generator.panels import (
    INSTANCE,
    PROVIDER,
    Frame,
    Query,
    Section,
    graph,
    number,
    rows,
)

_LEGEND: Final = "{{instance}} {{keyway_provider}}"
# Several workers and gateways report the same certificate.
_DAYS: Final = f"min by (keyway_provider, keyway_certificate) (keyway_certificate_expiry_days{{{PROVIDER}}})"


def _count(days: str) -> str:
    """Return the query for a number of certificates. days: the matcher of the label for the days left; can be empty."""
    return f"sum(max by (keyway_provider, keyway_expires_within) (keyway_certificate_count{{{PROVIDER}{days}}}))"


_NOW: Final = Section(
    "Current state",
    (
        number("Certificates", "Certificates with a known expiry date.", _count("")),
        number(
            "Expired",
            "Certificates that have expired.",
            _count(', keyway_expires_within="expired"') + " or vector(0)",
            colors=((None, "green"), (1, "red")),
        ),
        number(
            "Within 7 days",
            "Certificates that expire within 7 days.",
            _count(', keyway_expires_within=~"1|7"') + " or vector(0)",
            colors=((None, "green"), (1, "red")),
        ),
        number(
            "Within 30 days",
            "Certificates that expire in 8 to 30 days.",
            _count(', keyway_expires_within="30"') + " or vector(0)",
            colors=((None, "green"), (1, "orange")),
        ),
    ),
    width=6,
    height=4,
)
_LIST: Final = Section(
    "Expiry",
    (
        rows(
            "Certificates, soonest expiry first",
            "Days until each certificate expires; negative for an expired certificate.",
            f"sort({_DAYS})",
            value="Days left",
        ),
        graph(
            "Soonest expiry by provider",
            "Days until the next certificate of a provider expires. Expired certificates are ignored.",
            Query(f"min by (keyway_provider) ({_DAYS} > 0)", "{{keyway_provider}}"),
            unit="d",
        ),
        graph(
            "Certificates by days left",
            "Certificates that have expired, or expire within this number of days. Each certificate is counted once.",
            Query(
                "sum by (keyway_expires_within) "
                f"(max by (keyway_provider, keyway_expires_within) (keyway_certificate_count{{{PROVIDER}}}))",
                "{{keyway_expires_within}}",
            ),
            stacked=True,
        ),
        graph(
            "Certificate calls",
            "Calls to CertificateService per second, by method.",
            Query(
                "sum by (rpc_method) (rate(rpc_server_call_duration_seconds_count{"
                f'{INSTANCE}, rpc_method=~"keyway.v1.CertificateService/.*"}}[$__rate_interval]))',
                "{{rpc_method}}",
            ),
            unit="reqps",
        ),
    ),
    width=12,
    height=9,
)
_POLLER: Final = Section(
    "Poller",
    (
        graph(
            "Time since the last poll",
            "Time since the gateway last listed all certificates of a provider.",
            Query(f"max by (instance, keyway_provider) (keyway_poller_age_seconds{{{PROVIDER}}})", _LEGEND),
            Query(
                f"max by (keyway_provider) (keyway_poller_interval_seconds{{{PROVIDER}}})",
                "{{keyway_provider}} interval",
            ),
            unit="s",
        ),
        graph(
            "Failed polls",
            "Failed polls since the start of the worker that polls, by reason.",
            Query(
                f"sum by (instance, keyway_provider, keyway_reason) (keyway_poller_failures_total{{{PROVIDER}}})",
                f"{_LEGEND} {{{{keyway_reason}}}}",
            ),
        ),
    ),
    width=12,
)
_STREAMS: Final = Section(
    "Streams of WatchCertificates",
    (
        graph(
            "Events",
            "Events sent per second, by type, and events that a later one replaced because the reader was slow.",
            Query(
                f"sum by (keyway_event) (rate(keyway_stream_deliveries_total{{{INSTANCE}}}[$__rate_interval]))",
                "{{keyway_event}}",
            ),
            Query(f"sum(rate(keyway_stream_coalesced_total{{{INSTANCE}}}[$__rate_interval]))", "replaced"),
        ),
        graph(
            "Open streams",
            "Open streams.",
            Query(f"sum by (instance) (keyway_streams_open{{{INSTANCE}}})", "{{instance}}"),
        ),
        graph(
            "Time until an event is sent",
            "Time from the moment when a worker learned of a change until its event was sent, 99th percentile.",
            Query(
                "histogram_quantile(0.99, sum by (le) "
                f"(rate(keyway_stream_lag_seconds_bucket{{{INSTANCE}}}[$__rate_interval])))",
                "99th percentile",
            ),
            unit="s",
        ),
    ),
    width=8,
)
_DELIVERIES: Final = Section(
    "Deliveries to Envoy",
    (
        graph(
            "Secrets by state",
            "Secrets that connected nodes subscribe to, by the state of their delivery.",
            Query(f"sum by (keyway_sds_state) (keyway_sds_secrets{{{INSTANCE}}})", "{{keyway_sds_state}}"),
            stacked=True,
        ),
        graph(
            "Answers and streams",
            "Answers of nodes per second, by result, open streams, and the secrets of the caller that requests most.",
            Query(
                f"sum by (keyway_sds_result) (rate(keyway_sds_answers_total{{{INSTANCE}}}[$__rate_interval]))",
                "{{keyway_sds_result}} per second",
            ),
            Query(f"sum by (instance) (keyway_sds_streams{{{INSTANCE}}})", "{{instance}} streams"),
            Query(f"max by (instance) (keyway_sds_caller_secrets{{{INSTANCE}}})", "{{instance}} secrets of one caller"),
        ),
    ),
    width=12,
)
DASHBOARD: Final = Frame(
    "keyway-certificates",
    "Keyway certificates",
    "Days until the certificates of all providers expire.",
    (_NOW, _LIST, _POLLER, _STREAMS, _DELIVERIES),
    by_provider=True,
)
