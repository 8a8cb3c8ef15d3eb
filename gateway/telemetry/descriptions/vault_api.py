"""Instruments of the Vault API."""

from typing import Final

from gateway.telemetry.instruments import Description

CONNECTIONS: Final = Description(
    "keyway.vault.connections",
    "gauge",
    "{connection}",
    "Open connections to the Vault API.",
    (),
    "Compare the value with `vault_api.maximum_connections`, which the workers divide.",
)
REFUSED: Final = Description(
    "keyway.vault.connections.refused",
    "counter",
    "{connection}",
    "Connections to the Vault API that were closed because of a limit.",
    (),
    "If the number of open connections is below the limit, peers without an authenticated request hold their share of "
    "the connections: look for `refusals` in the audit journal.",
)

VAULT_API: Final = (CONNECTIONS, REFUSED)
