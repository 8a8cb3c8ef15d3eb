"""The response envelope of both NHN Cloud services: `{"header": {resultCode, resultMessage, isSuccessful}, "body": …}`.

Source: "common response header" of the Certificate Manager and Secure Key Manager guides. The header determines whether
the call succeeded, not the HTTP status.
"""

from typing import Final

from gateway.providers.base.envelope import Envelope
from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import JsonObject
from gateway.upstream.client import HttpResponse

MAXIMUM_CODE: Final = 10**9


def read_envelope(response: HttpResponse) -> Envelope:
    """Return the envelope in a response of any HTTP status. Raises FormatError if there is none."""
    document = JsonObject.parse(response.body)
    header = document.object("header")
    has_body = isinstance(document.get("body"), dict)
    return Envelope(
        successful=header.boolean("isSuccessful"),
        data=document.object("body") if has_body else JsonObject({}, "body."),
        code=_code(header),
        message=header.text("resultMessage", default=""),
    )


def _code(header: JsonObject) -> str:
    """Return the result code; empty if it is missing or unreadable, because the message is still useful then."""
    try:
        code = header.integer("resultCode")
    except FormatError:
        return ""
    return str(code) if abs(code) <= MAXIMUM_CODE else ""
