"""Sections of the configuration: where policies stand, and how much callers may ask for."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, field_validator

from gateway.authz.principals import is_caller_id
from gateway.config.base import Located, Settings

_DEFAULT_CACHE: Final = 10_000


class PolicySettings(Settings):
    """Where the policies stand. The files are read again when they change.

    policy_files: Cedar policies; what they permit together is permitted. entities_file: groups of callers, as Cedar's
    JSON. decision_cache: how many decisions are remembered.
    """

    policy_files: Annotated[tuple[Located, ...], Field(min_length=1)]
    entities_file: Located | None = None
    decision_cache: int = Field(default=_DEFAULT_CACHE, ge=1, le=1_000_000)


class CallerLimits(Settings):
    """What one caller may ask for.

    rate: calls a second, in the long run. burst: calls at once after a rest. concurrency: calls in progress. A batch is
    one call.
    """

    rate: float = Field(default=200.0, gt=0, le=1_000_000)
    burst: int = Field(default=400, ge=1, le=1_000_000)
    concurrency: int = Field(default=100, ge=1, le=1_000_000)


class LimitSettings(Settings):
    """How much is served at a time.

    server_concurrency: calls in progress, of all callers together. caller: the limits of each caller; they need an
    identity, without which there are none. callers: other limits for some, by the caller's id as policies spell it.
    remembered_callers: how many idle callers' limits are kept track of.
    """

    server_concurrency: int = Field(default=1000, ge=1, le=1_000_000)
    caller: CallerLimits = CallerLimits()
    callers: Mapping[str, CallerLimits] = Field(default_factory=dict)
    remembered_callers: int = Field(default=10_000, ge=1, le=1_000_000)

    @field_validator("callers")
    @classmethod
    def _callers_ids(cls, value: Mapping[str, CallerLimits]) -> Mapping[str, CallerLimits]:
        if not all(map(is_caller_id, value)):
            raise ValueError("its keys must be callers' ids: they begin with spiffe://, dns:, cn: or sub:")
        return value
