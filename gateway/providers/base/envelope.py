"""The vendor-neutral form of an upstream response: success or failure, with the vendor's code and message."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.providers.base.json_object import JsonObject


@dataclass(slots=True)  # not frozen, because creating a frozen object for every call takes longer
class Envelope:
    """What a response states about the call.

    data: the payload of a success; None if the body is not JSON, such as a file.
    code: the vendor's error code; empty if the failure has none; None if the failure does not come from the API itself,
    such as an error page of a proxy.
    message: the vendor's error message, as it is in the response.
    number: the vendor's numeric code, if `code` is a message. It is only recorded.
    metadata: additional entries for `ErrorInfo.metadata`. Each value is a number as text.
    """

    successful: bool
    data: JsonObject | None = field(default=None, repr=False)
    code: str | None = ""
    message: str = field(default="", repr=False)
    number: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
