"""Commands whose standard streams are closed."""

import asyncio

import pytest

from tests.clients.python.cli.commands import KEYWAY, Commands
from tests.support.closed_streams import started_without

pytestmark = pytest.mark.xdist_group("sandbox")
MISSING = ("keys", "public-key", "nhn-keys/missing")
LIST = ("providers", "list")


@pytest.mark.parametrize(
    ("closed", "arguments", "code", "error"),
    [
        (("output",), LIST, 2, "Bad file descriptor"),
        (("output",), MISSING, 15, "KEY_NOT_FOUND"),
        (("error",), MISSING, 15, ""),
        (("input",), ("keys", "encrypt", "nhn-keys/orders-key", "-"), 2, "Bad file descriptor"),
        (("input", "output", "error"), LIST, 2, ""),
    ],
)
async def test_closed_stream_is_an_error_only_if_it_is_needed(
    commands: Commands, closed: tuple[str, ...], arguments: tuple[str, ...], code: int, error: str
) -> None:
    command = (*KEYWAY, *arguments)
    async with started_without(closed, commands.folder, *command, environment=commands.variables) as process:
        output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == code, errors.decode()
    assert output == b""
    assert error in errors.decode()
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors
