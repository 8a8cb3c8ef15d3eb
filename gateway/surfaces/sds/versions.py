"""Sources of the versions of secrets."""

import asyncio
from collections.abc import AsyncIterator

from gateway.surfaces.sds.names import SecretResource


class NoVersions:
    """A source that reports nothing."""

    async def follow(self, _resource: SecretResource) -> AsyncIterator[str]:
        """Wait for ever."""
        await asyncio.Event().wait()
        yield ""
