"""Instruments of the Secret Discovery Service for Envoy."""

from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Description, Label

STREAMS: Final = Description(
    "keyway.sds.streams",
    "gauge",
    "{stream}",
    "Open streams of Envoy nodes.",
    (),
    "Envoy opens one stream for each secret. Compare the value with `envoy_sds.maximum_streams_per_caller`.",
)
LARGEST_CALLER: Final = Description(
    "keyway.sds.caller.secrets",
    "gauge",
    "{secret}",
    "Largest number of secrets that a single caller requests over all its streams to this worker.",
    (),
    "Compare the value with `envoy_sds.maximum_secrets_per_caller`. Beyond this limit, streams of the caller end with "
    "RESOURCE_EXHAUSTED.",
)
STATES: Final = Description(
    "keyway.sds.secrets",
    "gauge",
    "{secret}",
    "Secrets that connected nodes subscribe to, by the state of their delivery.",
    (
        Label(
            names.KEYWAY_SDS_STATE,
            "`waiting`, `sent` (not confirmed yet), `accepted`, `rejected`, `missing`, `denied`, `unsendable`, or "
            "`unavailable`",
        ),
    ),
    "Alert on `rejected` and `unsendable`: these nodes keep their old certificate until it expires. The log events "
    "`secret_rejected_by_node` and `secret_not_sent` name the secret and the cause. `ListSecretDeliveries` names the "
    "nodes.",
)
ANSWERS: Final = Description(
    "keyway.sds.answers",
    "counter",
    "{answer}",
    "Answers of nodes to the secrets that they received.",
    (Label(names.KEYWAY_SDS_RESULT, "`accepted` or `rejected`"),),
    "A rejected version is not sent again until the content changes. Look up the record of `RejectSecret` in the audit "
    "journal.",
)

SECRETS: Final = (STREAMS, LARGEST_CALLER, STATES, ANSWERS)
