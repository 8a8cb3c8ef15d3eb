"""The size of the records of a call in a compressed segment, on which the sizing of disks is based."""

import secrets
import uuid

from gateway.audit.call_facts import CallResult
from gateway.audit.events import SUCCESS, CallEvents
from gateway.journal.format.compressed_segments import compressed_frame
from gateway.journal.format.records import NO_HASH, encode
from tests.support.call_details import BEGAN, LATER, call_details

CALLS = 400
MAXIMUM_BYTES = 260


def bodies() -> list[bytes]:
    """Return the events of calls that differ as real ones do: in identifiers and digests."""
    found = []
    for number in range(CALLS):
        details = call_details(
            request_id=str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)),
            caller_request_id=f"order-{number}",
            trace_id=secrets.token_hex(16),
            span_id=secrets.token_hex(8),
            request={"plaintext": {"hmac_sha256": secrets.token_hex(32)}},
        )
        events = CallEvents(details, BEGAN)
        response = {"ciphertext": {"characters": 48, "hmac_sha256": secrets.token_hex(32)}}
        attempt = {"provider": "nhn-keys", "method": "POST", "http_status": 200, "duration_us": 1000 + number}
        result = CallResult(SUCCESS, "OK", LATER, http_status=200, attempts=[attempt], response=response)
        found += [events.intent(), events.outcome(result)]
    return found


def test_compressed_records_of_a_call_are_as_small_as_documented() -> None:
    lines, previous = [], NO_HASH
    for sequence, body in enumerate(bodies(), 1):
        line, previous = encode("gw-0123456789abcdef", sequence, previous, "event", body)
        lines.append(line)
    assert len(compressed_frame(b"".join(lines))) / CALLS < MAXIMUM_BYTES
