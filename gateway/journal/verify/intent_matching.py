"""Intent matching: finds the outcome of each intent in a chain."""

from typing import Final

from gateway.journal.format.payloads import event_code, request_id
from gateway.journal.format.records import MalformedRecord, decode_body

_CODE: Final = b'"event_code":"'
_REQUEST: Final = b'"request":{"uid":"'


class IntentMatching:
    """Counts intents, outcomes and other events. open: requests with an intent and without an outcome."""

    def __init__(self) -> None:
        self.open: dict[bytes, None] = {}
        self.intents = 0
        self.outcomes = 0
        self.others = 0

    def begin(self, requests: list[str]) -> None:
        """Start with the requests that were open at the beginning of the kept chain."""
        self.open = {request.encode(): None for request in requests}

    def add(self, body: bytes) -> None:
        """Count an event. MalformedRecord for an outcome without an intent."""
        code = _text(body, _CODE)
        if code is None:
            code = (event_code(decode_body(body)) or "").encode()
        if code == b"intent":
            self.intents += 1
            self.open[_request(body)] = None
        elif code == b"outcome":
            self.outcomes += 1
            request = _request(body)
            try:
                del self.open[request]
            except KeyError:
                raise MalformedRecord(f"the outcome of request {request.decode()} has no intent") from None
        else:
            self.others += 1


def _request(body: bytes) -> bytes:
    request = _text(body, _REQUEST)
    return (request_id(decode_body(body)) or "").encode() if request is None else request


def _text(body: bytes, opening: bytes) -> bytes | None:
    """Return the plain string after these bytes, if they occur exactly once; they can't occur inside a JSON string.

    This is several times faster than decoding the whole event. The verification needs no other member.
    """
    begin = body.find(opening) + len(opening)
    if begin < len(opening) or body.find(opening, begin) >= 0:
        return None
    text = body[begin : body.find(b'"', begin)]
    return text if b"\\" not in text else None
