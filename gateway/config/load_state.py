"""The result of loading content that is loaded again while the gateway runs, for metrics."""

import time
from collections.abc import Callable


class LoadState:
    """When content was last loaded successfully, and whether a later attempt failed. Created at the first load.

    Any thread may read it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loaded_at = clock()
        self.failed = False

    @property
    def age(self) -> float:
        """Seconds since the last successful load."""
        return self._clock() - self._loaded_at

    def succeed(self) -> None:
        """Record a successful load."""
        self._loaded_at, self.failed = self._clock(), False

    def fail(self) -> None:
        """Record a failed load: the content of the last successful one stays in use."""
        self.failed = True
