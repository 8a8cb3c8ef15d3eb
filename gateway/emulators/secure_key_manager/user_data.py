"""Parsing of caller input: the fields of a JSON body, and `keyVersion`.

Checks shapes and limits.
"""

import json
import re
from collections.abc import Sequence

from aiohttp import web

from gateway.emulators.secure_key_manager import errors
from gateway.emulators.secure_key_manager.errors import KeyManagerError

_VERSION_PARAMETER = "keyVersion"
_NUMBER = re.compile(r"[0-9]{1,10}")


async def text_fields(request: web.Request, *names: str) -> Sequence[str]:
    """Return the body's fields in the given order: exactly these, each a string."""
    fields = _json(request.content_type, await request.read())
    if not isinstance(fields, dict) or fields.keys() != set(names):
        raise KeyManagerError(errors.INVALID_USER_DATA)
    values = [fields[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise KeyManagerError(errors.INVALID_USER_DATA)
    return values


def plaintext(text: str, maximum_bytes: int) -> bytes:
    """Return the text as UTF-8, within the limit."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise KeyManagerError(errors.INVALID_USER_DATA) from error
    if len(data) > maximum_bytes:
        raise KeyManagerError(errors.INVALID_USER_DATA)
    return data


def key_version(request: web.Request) -> int | None:
    """Return the requested version; None if the request has none, or an empty one."""
    values = request.query.getall(_VERSION_PARAMETER, [])
    if not values or values == [""]:
        return None
    if len(values) > 1 or not _NUMBER.fullmatch(values[0]):
        raise KeyManagerError(errors.INVALID_KEY_VERSION)
    return int(values[0])


def _json(content_type: str, body: bytes) -> object:
    if content_type != "application/json":
        raise KeyManagerError(errors.INVALID_USER_DATA)
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise KeyManagerError(errors.INVALID_USER_DATA) from error
