"""Expiry dates of the certificates in the gateway's responses, for a metric. Sends no requests of its own."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Final

from google.protobuf.message import Message

from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Point
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import ListCertificatesResponse

MAXIMUM_CERTIFICATES: Final = 1000
_SURPLUS: Final = 100
"""Number of surplus entries before they are sorted and dropped, so that not every response sorts them."""

FORGET_SECONDS: Final = 24 * 3600.0
"""Seconds after which a certificate that no response contained is dropped, because it may no longer exist."""


class CertificateExpiries:
    """The last day of each certificate in responses. If there are too many, keeps those that expire first."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[dt.date, float]] = {}

    def observe(self, response: Message) -> None:
        """Record the certificates in a response; ignore other messages."""
        if isinstance(response, ListCertificatesResponse):
            for certificate in response.certificates:
                self._take(certificate)
        elif isinstance(response, Certificate):
            self._take(response)

    def points(self) -> Iterator[Point]:
        """Yield the days until each certificate expires, at the end of its last day (UTC); negative after that."""
        now = dt.datetime.now(dt.UTC)
        known, oldest = self._seen, time.monotonic() - FORGET_SECONDS
        for name, (last, seen) in known.copy().items():
            if seen < oldest:
                known.pop(name, None)
                continue
            # The end of 9999-12-31 is not a datetime, so the day is added to the difference.
            left = dt.datetime.combine(last, dt.time(), dt.UTC) - now + dt.timedelta(days=1)
            _, provider, _, certificate = name.split("/", 3)
            attributes = {names.KEYWAY_PROVIDER: provider, names.KEYWAY_CERTIFICATE: certificate}
            yield Point(attributes, round(left / dt.timedelta(days=1), 3))

    def _take(self, certificate: Certificate) -> None:
        date = certificate.expiration_date
        if not (date.year and date.month and date.day) or certificate.name.count("/") < 3:
            return
        last = dt.date(date.year, date.month, date.day)
        self._seen[certificate.name] = (last, time.monotonic())
        if len(self._seen) > MAXIMUM_CERTIFICATES + _SURPLUS:
            first = sorted(self._seen.items(), key=lambda item: item[1][0])
            self._seen = dict(first[:MAXIMUM_CERTIFICATES])
