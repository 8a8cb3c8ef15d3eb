"""Intents and their outcomes in a chain, read from the events' bytes."""

from typing import Final

from gateway.journal.format.payloads import event_code, request_id
from gateway.journal.format.records import MalformedRecord, decode_body

_CODE: Final = b'"event_code":"'
_REQUEST: Final = b'"request":{"uid":"'


class Pairing:
    """open: requests that have an intent and no outcome."""

    def __init__(self) -> None:
        self.open: dict[bytes, None] = {}
        self.intents = 0
        self.outcomes = 0
        self.others = 0

    def begin(self, requests: list[str]) -> None:
        """Those that were open where the chain, as it is kept, begins."""
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
    """The plain text that stands after these bytes in JSON, where they stand there once; they can't be inside a text.

    Several times faster than decoding all of an event, which the verification has no other use for.
    """
    begin = body.find(opening) + len(opening)
    if begin < len(opening) or body.find(opening, begin) >= 0:
        return None
    text = body[begin : body.find(b'"', begin)]
    return text if b"\\" not in text else None
