"""Instruments of certificates and of the certificate poller."""

from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.descriptions.labels import PROVIDER
from gateway.telemetry.instruments import Description, Label

CERTIFICATE_EXPIRY: Final = Description(
    "keyway.certificate.expiry.days",
    "gauge",
    "d",
    "Days until a certificate expires.",
    (PROVIDER, Label(names.KEYWAY_CERTIFICATE, "ID of the certificate: the last segment of its name")),
    "Renew a certificate before the value reaches 0; it is negative for an expired certificate. The value counts to "
    "the end of the last day at UTC+9. Rounded down, it is the number of days that `keyway certs list` and the console "
    "show. The metric contains all certificates of the latest poll of each provider. If there are more than "
    "`telemetry.maximum_certificates`, it contains those that expire soonest. For a provider whose `poller` is "
    "disabled, it contains the certificates in "
    "responses to callers of the last 24 hours.",
)
CERTIFICATE_COUNT: Final = Description(
    "keyway.certificate.count",
    "gauge",
    "{certificate}",
    "Certificates by days until they expire.",
    (
        PROVIDER,
        Label(
            names.KEYWAY_EXPIRES_WITHIN,
            "`expired`; or the upper bound of the days that are left, rounded down: `1`, `7`, `30`, `90`, or `365`; or "
            "`later`; or `unknown`. Each certificate counts once",
        ),
    ),
    "The values also count certificates without a series of their own in `keyway.certificate.expiry.days`. To find "
    "their names, run `keyway certs list`. `unknown`: the upstream does not state the expiry, or only with the "
    "password of the key store: set `poller.keystore_passwords` of the provider.",
)
POLLER_AGE: Final = Description(
    "keyway.poller.age",
    "gauge",
    "s",
    "Time since the last successful poll of the certificate list, or since polling began.",
    (PROVIDER,),
    "Alert if the value exceeds twice `keyway.poller.interval`, because the expiry metrics of the provider are then "
    "outdated. `keyway.poller.failures` and the log event `certificate_poll_failed` name the reason. Only the worker "
    "that polls has this metric.",
)
POLLER_INTERVAL: Final = Description(
    "keyway.poller.interval",
    "gauge",
    "s",
    "Configured time between two polls of the certificate list.",
    (PROVIDER,),
    "Compare `keyway.poller.age` with it in alert rules.",
)
POLLER_FAILURES: Final = Description(
    "keyway.poller.failures",
    "counter",
    "{poll}",
    "Failed polls of the certificate list.",
    (PROVIDER, Label(names.KEYWAY_REASON, "the error reason: [troubleshooting.md](troubleshooting.md)")),
    "Look up the reason in [troubleshooting.md](troubleshooting.md). `PERMISSION_DENIED` means that a policy forbids "
    "the action `PollCertificates`. Failed polls do not affect callers.",
)

CERTIFICATES: Final = (CERTIFICATE_EXPIRY, CERTIFICATE_COUNT, POLLER_AGE, POLLER_INTERVAL, POLLER_FAILURES)
