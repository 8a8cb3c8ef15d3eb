"""The number of secrets that each caller requests over all its streams, and its limit."""

from collections import Counter

import grpc

from gateway.authz.principals import caller_id
from gateway.identity.caller import Caller
from gateway.surfaces.sds.stream_error import StreamError


class RequestedSecrets:
    """The secrets that the streams of one server request. maximum: of one caller."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._requested: Counter[str] = Counter()

    @property
    def largest(self) -> int:
        """The number of secrets of the caller that requests the most."""
        return max(self._requested.values(), default=0)

    def add(self, caller: Caller, number: int) -> None:
        """Count requested secrets. Raises StreamError if the caller then has too many."""
        name = caller_id(caller)
        total = self._requested[name] + number
        if total > self._maximum:
            message = (
                f"resource names: the caller requests {total} secrets over all its streams, and the maximum is "
                f"{self._maximum} (envoy_sds.maximum_secrets_per_caller)"
            )
            raise StreamError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
        if number:
            self._requested[name] = total

    def remove(self, caller: Caller, number: int) -> None:
        """Count secrets that are no longer requested."""
        name = caller_id(caller)
        self._requested[name] -= number
        if not self._requested[name]:
            del self._requested[name]
