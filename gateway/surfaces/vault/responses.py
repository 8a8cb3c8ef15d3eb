"""Responses in the format of Vault's HTTP API."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

JSON: Final = "application/json"


def data_response(
    data: Mapping[str, Any], *, request_id: str = "", status: int = 200, top_level: bool = False
) -> web.Response:
    """Return a response with data. top_level: whether the body repeats the members of `data`, as for `sys/` paths."""
    body = {
        "request_id": request_id,
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }
    return plain_response({**body, **data} if top_level else body, status=status)


def plain_response(body: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """Return a response with this object as its body."""
    headers = {"Cache-Control": "no-store", "Server": "keyway"}
    return web.Response(body=orjson.dumps(body), status=status, content_type=JSON, headers=headers)


def error_response(status: int, texts: Sequence[str], *, retry_after: float | None = None) -> web.Response:
    """Return the response to a failed request."""
    response = plain_response({"errors": list(texts)}, status=status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(retry_after))
    return response
