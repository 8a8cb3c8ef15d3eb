"""A gateway with a key for a cluster."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.kms_plugin import KmsScene
from tests.support.stack import Stack


@pytest.fixture
async def scene(tmp_path: Path, stack: Stack) -> AsyncIterator[KmsScene]:
    """Return a scene whose key exists. No gateway runs yet."""
    with tempfile.TemporaryDirectory(prefix="kms-") as sockets:
        made = KmsScene(tmp_path, Path(sockets), stack)
        await made.create_key()
        yield made
