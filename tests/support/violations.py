"""The violations that validation finds in a message."""

from typing import Any

from google.protobuf.message import Message

from gateway import errors
from gateway.errors import InvalidRequest
from gateway.server.interceptors.validation import validate


def full_name(value: Any) -> str:
    name: str = value.full_name if hasattr(value, "full_name") else value.DESCRIPTOR.full_name
    return name.removeprefix("keyway.v1.")


def problems(message: Message) -> dict[str, str]:
    """Return the description of each violation by its path. Each path occurs once."""
    error = refusal(message)
    if error is None:
        return {}
    found = {violation.field: violation.description for violation in error.violations}
    assert len(found) == len(error.violations)
    assert error.kind == errors.INVALID_REQUEST
    assert all(f"{path}: {text}" in error.message for path, text in found.items())
    return found


def refusal(message: Message) -> InvalidRequest | None:
    try:
        validate(message)
    except InvalidRequest as error:
        return error
    return None
