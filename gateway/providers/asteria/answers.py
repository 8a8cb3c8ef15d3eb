"""Reads the management API's answers: the envelope of a success, and the code in a failure of any shape.

A success is `{"result": {"status": "success", "data": …}}`. The shape of a failure is not documented: the code and the
message are looked for in JSON wherever they may stand, and in XML. HTML, other text and nothing at all have no code.
Codes are numbers: any other text in their place, which callers would be told as it is, is none.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.providers.asteria.errors import Failure
from gateway.providers.base.formats import FormatError, JsonObject
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


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read once. failure: what it says of it; None where it succeeded, or where that can't be told.

    document: its JSON object where it is one.
    """

    response: HttpResponse
    failure: Failure | None = None
    document: JsonObject | None = field(default=None, repr=False)

    def data(self) -> JsonObject:
        """`result.data` of a success, empty where there is none; FormatError where the answer is not a success's."""
        if self.document is None:
            raise FormatError("the body is not a JSON object in UTF-8")
        result = self.document.object("result")
        if result.text("status").strip().lower() != _SUCCESS:
            raise FormatError("result.status is not success")
        return result.object("data") if "data" in result else JsonObject({})


def read(response: HttpResponse) -> Answer:
    """The answer, a ZIP archive's included, in which nothing is looked at.

    A 2xx whose envelope says something else than success, or that holds an error code instead, is a failure too.
    """
    refused = not 200 <= response.status <= 299
    if not refused and is_zip(response.body):
        return Answer(response)
    text, exact = _decoded(response.body)
    document = _json_object(text)
    if document is None:
        return Answer(response, _text_failure(text, refused=refused))
    return Answer(response, _json_failure(document, refused=refused), JsonObject(document) if exact else None)


def _decoded(body: bytes) -> tuple[str, bool]:
    """The text, and whether it is all that was sent: a failure's code is found whatever its message is written in."""
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


def _text_failure(text: str, *, refused: bool) -> Failure | None:
    text = text[:_MAXIMUM_CHARACTERS]
    if text.lstrip().startswith("<") and not _HTML.match(text):
        return _xml_failure(text, refused=refused)
    return Failure(message=text) if refused else None


def _json_failure(document: dict[str, object], *, refused: bool) -> Failure | None:
    places = list(_places(document))
    status = next((text for place in places if (text := _scalar(place, ("status",)))), "").lower()
    if status == _SUCCESS and not refused:
        return None
    code = next((code for place in places if (code := _scalar(place, _CODE_NAMES)) and _CODE.fullmatch(code)), None)
    message = next((text for place in places if (text := _scalar(place, _MESSAGE_NAMES))), "")
    if refused or status or code:
        return Failure(code, message, enveloped=bool(code) or "result" in document)
    return None


def _places(document: dict[str, object]) -> Iterator[dict[str, object]]:
    """Where a failure's fields may stand, the most likely first, with field names in lower case."""
    root = _lowered(document)
    result = _lowered(root.get("result"))
    for outer in (result, root):
        yield outer
        for name in ("error", "data"):
            yield _lowered(outer.get(name))


def _lowered(value: object) -> dict[str, object]:
    """The first object of a list, or the object; empty where it is neither."""
    if isinstance(value, list):
        value = next(iter(value), None)
    return {str(name).lower(): item for name, item in value.items()} if isinstance(value, dict) else {}


def _scalar(place: dict[str, object], names: tuple[str, ...]) -> str:
    """The first of these fields that is a number or text that is not empty; else nothing."""
    for name in names:
        value = place.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def _xml_failure(text: str, *, refused: bool) -> Failure | None:
    status = _first(_XML_STATUS, text)
    if status.lower() == _SUCCESS and not refused:
        return None
    code = _first(_XML_CODE, text) or None
    if refused or status or code:
        return Failure(code, _first(_XML_MESSAGE, text), enveloped=bool(code) or "<result" in text)
    return None


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return next((group for group in found.groups() if group), "") if found else ""
