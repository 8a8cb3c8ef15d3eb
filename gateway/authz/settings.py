"""Settings of the `policy` and `limits` sections."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, field_validator

from gateway.authz.principals import is_caller_id
from gateway.config.base import READ_ON_CHANGE, Located, Settings
from gateway.contract.resource_names import RESERVED_PREFIX

_DEFAULT_CACHE: Final = 10_000


class PolicySettings(Settings):
    """Policy files and the decision cache."""

    policy_files: Annotated[tuple[Located, ...], Field(min_length=1)] = Field(
        description="Cedar policy files. All policies of all files apply together.", json_schema_extra=READ_ON_CHANGE
    )
    entities_file: Located | None = Field(
        default=None, description="Groups of callers, in the JSON format of Cedar.", json_schema_extra=READ_ON_CHANGE
    )
    decision_cache: int = Field(
        default=_DEFAULT_CACHE, ge=1, le=1_000_000, description="Number of cached policy decisions."
    )


class CallerLimits(Settings):
    """Limits of one caller. A batch counts as one call."""

    rate: float = Field(default=200.0, gt=0, le=1_000_000, description="Sustained rate, in calls per second.")
    burst: int = Field(
        default=400,
        ge=1,
        le=1_000_000,
        description="Size of the token bucket: the maximum number of calls that an idle caller can make at once.",
    )
    concurrency: int = Field(default=100, ge=1, le=1_000_000, description="Maximum number of calls in progress.")
    streams: int = Field(
        default=100, ge=1, le=1_000_000, description="Maximum number of open streams, such as WatchCertificates."
    )


class LimitSettings(Settings):
    """Concurrency and rate limits. Caller limits apply only with `identity`."""

    server_concurrency: int = Field(
        default=1000, ge=1, le=1_000_000, description="Maximum number of calls in progress, of all callers together."
    )
    server_streams: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Maximum number of open streams, of all callers together."
    )
    caller: CallerLimits = Field(
        default=CallerLimits(), description="Limits of each caller that has no entry in callers."
    )
    callers: Mapping[str, CallerLimits] = Field(
        default_factory=dict,
        description=(
            "Limits of individual callers, by caller ID, as in policies. The values in caller do not apply to these "
            "callers: a key that an entry does not set has its default."
        ),
    )
    remembered_callers: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description=(
            "Maximum number of callers whose rates are tracked. Above it, the gateway forgets the caller that has been "
            "idle longest: the next call of that caller starts with a full token bucket."
        ),
    )

    @field_validator("callers")
    @classmethod
    def _callers_ids(cls, value: Mapping[str, CallerLimits]) -> Mapping[str, CallerLimits]:
        if not all(is_caller_id(caller) and not caller.startswith(RESERVED_PREFIX) for caller in value):
            raise ValueError("keys must be caller IDs, which begin with spiffe://, dns:, cn:, or sub:")
        return value
