"""The dashboard of the certificates: how many days are left, by provider and certificate."""

from typing import Final

from deploy.grafana.generator.panels import (
    INSTANCE,
    PROVIDER,
    Colors,
    Frame,
    Panel,
    Query,
    Section,
    graph,
    number,
    rows,
)

# Several workers and gateways report the same certificate.
_DAYS: Final = f"min by (keyway_provider, keyway_certificate) (keyway_certificate_expiry_days{{{PROVIDER}}})"


def _count(title: str, description: str, condition: str, colors: Colors) -> Panel:
    return number(title, description, f"count({_DAYS} {condition}) or vector(0)", colors=colors)


_NOW: Final = Section(
    "Now",
    (
        number("Certificates", "Certificates with a known expiry date.", f"count({_DAYS})"),
        _count("Expired", "Certificates that have expired.", "<= 0", ((None, "green"), (1, "red"))),
        _count("Within 7 days", "Certificates that expire within 7 days.", "> 0 <= 7", ((None, "green"), (1, "red"))),
        _count(
            "Within 30 days", "Certificates that expire in 8 to 30 days.", "> 7 <= 30", ((None, "green"), (1, "orange"))
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
            "Days until the first certificate of a provider expires, without those that have expired.",
            Query(f"min by (keyway_provider) ({_DAYS} > 0)", "{{keyway_provider}}"),
            unit="d",
        ),
        graph(
            "Certificates by provider",
            "Certificates with a known expiry date.",
            Query(f"count by (keyway_provider) ({_DAYS})", "{{keyway_provider}}"),
        ),
        graph(
            "Calls about certificates",
            "Calls of CertificateService per second.",
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
DASHBOARD: Final = Frame(
    "keyway-certificates",
    "Keyway certificates",
    "Days until the certificates of all providers expire.",
    (_NOW, _LIST),
    by_provider=True,
)
