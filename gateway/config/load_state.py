"""The result of loading content that is loaded again while the gateway runs, for metrics."""

import time
from collections.abc import Callable


class LoadState:
    """When content was last loaded successfully, and whether the last attempt failed. Any thread may read it.

    Created at the first load. failed: whether that load has not succeeded yet; its time counts nevertheless.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, failed: bool = False) -> None:
        self._clock = clock
        self._loaded_at = clock()
        self.failed = failed

    @property
    def age(self) -> float:
        """Seconds since the last successful load."""
        return self._clock() - self._loaded_at

    def succeed(self) -> None:
        """Record a successful load."""
        self._loaded_at, self.failed = self._clock(), False

    def fail(self) -> None:
        """Record a failed load: the content of the last successful one, if any, stays in use."""
        self.failed = True
