"""The response envelope of ASTERIA's management API.

A success is `{"result": {"status": "success", "data": …}}`. The format of a failure is not documented. The code and the
message are searched for in JSON, at every plausible position, and in XML. HTML, other text, and empty bodies have no
code. Codes are numbers: other text in their place is not a code, because callers receive codes unchanged.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from gateway.providers.base.envelope import Envelope
from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.zipfiles import is_zip
from gateway.upstream.client import HttpResponse

_SUCCESS: Final = "success"
_MAXIMUM_CHARACTERS: Final = 64 * 1024  # of a failure that is not JSON
_CODE_NAMES: Final = ("code", "errorcode", "error_code")
_MESSAGE_NAMES: Final = ("message", "errormessage", "error_message")
_CODE = re.compile(r"-?[0-9]{1,10}")
_HTML = re.compile(r"\s*(?:<!doctype\s+html|<html)\b", re.IGNORECASE)
_XML_STATUS = re.compile(r"<status>\s*(\w+)\s*</status>|\bstatus=[\"'](\w+)[\"']", re.IGNORECASE)
_XML_CODE = re.compile(
    r"<(?:error_?)?code\b[^<>]*>\s*(-?[0-9]{1,10})\s*</|\b(?:error_?)?code=[\"'](-?[0-9]{1,10})[\"']", re.IGNORECASE
)
_XML_MESSAGE = re.compile(r"<(?:error_?)?message\b[^<>]*>([^<]*)</", re.IGNORECASE)


def read_envelope(response: HttpResponse) -> Envelope:
    """Return the envelope of a response. Raises FormatError for a 2xx response that is neither JSON nor a ZIP archive.

    A ZIP archive is a success, and is not opened. A 2xx response is a failure if its status is not `success`, or if it
    has an error code and no status.
    """
    failed = not 200 <= response.status <= 299
    if not failed and is_zip(response.body):
        return Envelope(successful=True)
    text, is_utf8 = _decoded(response.body)
    document = _json_object(text)
    failure = _text_failure(text, failed=failed) if document is None else _json_failure(document, failed=failed)
    if failure is not None:
        return failure
    if document is None or not is_utf8:
        raise FormatError("the body is not a JSON object in UTF-8")
    return Envelope(successful=True, data=_data(JsonObject(document)))


def _data(document: JsonObject) -> JsonObject:
    """Return `result.data` of a success; empty if it is missing."""
    result = document.object("result")
    if result.text("status").strip().lower() != _SUCCESS:
        raise FormatError("result.status is not success")
    return result.object_or_empty("data")


def _decoded(body: bytes) -> tuple[str, bool]:
    """Return the text, and whether it is valid UTF-8. Other bytes are replaced; error codes stay readable."""
    try:
        return body.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return body.decode("utf-8-sig", "replace"), False


def _json_object(text: str) -> dict[str, object] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _text_failure(text: str, *, failed: bool) -> Envelope | None:
    text = text[:_MAXIMUM_CHARACTERS]
    if text.lstrip().startswith("<") and not _HTML.match(text):
        return _xml_failure(text, failed=failed)
    return Envelope(successful=False, code=None, message=text) if failed else None


def _json_failure(document: dict[str, object], *, failed: bool) -> Envelope | None:
    places = list(_places(document))
    status = next((text for place in places if (text := _scalar(place, ("status",)))), "").lower()
    if status == _SUCCESS and not failed:
        return None
    code = next((code for place in places if (code := _scalar(place, _CODE_NAMES)) and _CODE.fullmatch(code)), None)
    message = next((text for place in places if (text := _scalar(place, _MESSAGE_NAMES))), "")
    if failed or status or code:
        return Envelope(successful=False, code=code or _code_if("result" in document), message=message)
    return None


def _code_if(from_api: bool) -> str | None:
    """Return the code of a failure without one: empty if the response comes from the API, None otherwise."""
    return "" if from_api else None


def _places(document: dict[str, object]) -> Iterator[dict[str, object]]:
    """Return the objects that can hold the fields of a failure, the most likely first, with lowercase field names."""
    root = _lowered(document)
    result = _lowered(root.get("result"))
    for outer in (result, root):
        yield outer
        for name in ("error", "data"):
            yield _lowered(outer.get(name))


def _lowered(value: object) -> dict[str, object]:
    """Return the object, or the first object of a list, with lowercase field names; empty for other values."""
    if isinstance(value, list):
        value = next(iter(value), None)
    return {str(name).lower(): item for name, item in value.items()} if isinstance(value, dict) else {}


def _scalar(place: dict[str, object], names: tuple[str, ...]) -> str:
    """Return the first of these fields that is a number or non-empty text; empty if there is none."""
    for name in names:
        value = place.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def _xml_failure(text: str, *, failed: bool) -> Envelope | None:
    status = _first(_XML_STATUS, text)
    if status.lower() == _SUCCESS and not failed:
        return None
    code = _first(_XML_CODE, text) or None
    if failed or status or code:
        return Envelope(successful=False, code=code or _code_if("<result" in text), message=_first(_XML_MESSAGE, text))
    return None


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return next((group for group in found.groups() if group), "") if found else ""
