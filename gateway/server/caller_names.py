"""The certificates that each caller watches by name, over all its streams to this worker, and their limit.

Names need not exist, so one caller could otherwise use up the names that the gateway watches for all of them.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from gateway.authz.principals import caller_id
from gateway.errors import CALLER_RATE_LIMITED, GatewayError
from gateway.identity.caller import ANONYMOUS, Caller
from gateway.watch.replica import MAXIMUM_NAMES

MAXIMUM_CALLER_NAMES: Final = MAXIMUM_NAMES // 4


class CallerNames:
    """The names of each caller. maximum: of one caller. Anonymous callers have no limit of their own."""

    def __init__(self, maximum: int = MAXIMUM_CALLER_NAMES) -> None:
        self._maximum = maximum
        self._callers: dict[str, Counter[str]] = {}

    def add(self, caller: Caller, names: Collection[str]) -> Callable[[], None]:
        """Count the names of a stream. Return a function that ends this. Raises GatewayError at the limit."""
        key = caller_id(caller)
        own = self._callers.get(key, Counter())
        total = len(own.keys() | names)
        if total > self._maximum and caller.kind != ANONYMOUS.kind:
            message = f"names: the caller watches {total} certificates by name, and the maximum is {self._maximum}"
            raise GatewayError(CALLER_RATE_LIMITED, message)
        if names:
            own.update(names)
            self._callers[key] = own
        ending = contextlib.ExitStack()
        ending.callback(self._remove, key, names)
        return ending.close

    def _remove(self, key: str, names: Collection[str]) -> None:
        own = self._callers.get(key, Counter())
        for name in names:
            own[name] -= 1
            if not own[name]:
                del own[name]
        if not own:
            self._callers.pop(key, None)
