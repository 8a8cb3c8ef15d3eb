"""Instruments of streams."""

from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.descriptions.labels import METHOD
from gateway.telemetry.instruments import Description, Label

OPEN: Final = Description(
    "keyway.streams.open",
    "gauge",
    "{stream}",
    "Open streams, such as WatchCertificates.",
    (),
    "Compare the value with `limits.server_streams`, which the workers divide. Each open stream also uses a stream of "
    "its connection.",
)
DELIVERIES: Final = Description(
    "keyway.stream.deliveries",
    "counter",
    "{event}",
    "Events sent on streams.",
    (
        METHOD,
        Label(
            names.KEYWAY_EVENT,
            "type of the event: `CURRENT`, `RENEWED`, `EXPIRING`, `EXPIRED`, `REMOVED`, or `UNREADABLE`",
        ),
    ),
    "Many `UNREADABLE` events mean that the poller cannot download watched certificates. `keyway certs watch` shows "
    "the reason.",
)
COALESCED: Final = Description(
    "keyway.stream.coalesced",
    "counter",
    "{event}",
    "Events that were replaced by a later event of the same certificate before they were sent.",
    (METHOD,),
    "A value above 0 means that readers are slower than the changes. Every reader still receives the latest state.",
)
LAG: Final = Description(
    "keyway.stream.lag",
    "histogram",
    "s",
    "Time from the moment when this process learned of a change until its event was sent.",
    (METHOD,),
    "High values mean slow readers or an overloaded process. The time until the poller sees a change is not included: "
    "it is at most `poller.watch_interval`.",
)

STREAMS: Final = (OPEN, DELIVERIES, COALESCED, LAG)
