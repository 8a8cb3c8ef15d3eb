"""Decides, remembers its decisions, and follows the policy files as they change.

A broken policy stops the start; a broken change keeps what was there, and is told to the log.
"""

import asyncio
from functools import lru_cache
from typing import Final, Self

import structlog

from gateway.authz import policies
from gateway.authz.policies import Decision, Policies
from gateway.authz.settings import PolicySettings
from gateway.config.base import ConfigError
from gateway.config.file_watcher import WatchedFiles
from gateway.identity.caller import Caller

__all__ = ["Decision", "PolicyEngine"]

LOOK_SECONDS: Final = 0.5
MAXIMUM_LOOKS: Final = 10

_log = structlog.get_logger(__name__)


class PolicyEngine:
    """The policies of some files, as they are now. Not for several threads at once."""

    def __init__(self, settings: PolicySettings) -> None:
        """ConfigError where the files are broken."""
        self._settings = settings
        files = (*settings.policy_files, *((settings.entities_file,) if settings.entities_file is not None else ()))
        # Made before the files are read: what changes meanwhile is read again.
        self._files = WatchedFiles(files, interval=0)
        self._faults: list[str] = []
        self._use(policies.load(settings))

    @classmethod
    def load(cls, settings: PolicySettings) -> Self:
        """The engine over the settings' files; ConfigError with every fault in them."""
        return cls(settings)

    def _use(self, loaded: Policies) -> None:
        """From now on decide by these, with nothing remembered."""
        self.policies = loaded
        self._decide = lru_cache(maxsize=self._settings.decision_cache)(loaded.decide)

    def decide(self, caller: Caller, action: str, resource: str, resource_type: str) -> Decision:
        """Whether the caller may do that. Nothing is permitted that no policy permits.

        resource: its full name; a text that is none is a resource of no provider. resource_type: of the contract, that
        the request's field names.
        """
        return self._decide(caller, action, resource, resource_type)

    @property
    def remembered(self) -> int:
        """How many decisions are remembered."""
        return self._decide.cache_info().currsize

    async def refresh(self) -> bool:
        """Read the files again at once where they changed. Whether there are other policies now."""
        return self._files.changed(now=True) and await self._reload()

    async def _reload(self) -> bool:
        try:
            # Not on the loop: many policies take many milliseconds to parse.
            loaded = await asyncio.to_thread(policies.load, self._settings)
        except ConfigError as error:
            self._stay(str(error).splitlines())
            return False
        except Exception as error:  # noqa: BLE001 - a policy that we can't handle must not be the last one that is read
            self._stay([type(error).__name__])
            return False
        self._faults = []
        self._use(loaded)
        _log.info("policies read again", policies=len(loaded.policies))
        return True

    def _stay(self, faults: list[str]) -> None:
        # Not every fault ends with a change of the files: a disk may only have failed to read them.
        self._files.again()
        if faults != self._faults:
            self._faults = faults
            _log.error("policy files are broken: the policies before stay", faults=faults)

    async def follow(self) -> None:
        """Read the files again when they change, for as long as this runs.

        Only once they are still: the half of a file that is being written can be good policies without their forbids.
        """
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._files.changed(now=True):
                looks += 1
                if looks < MAXIMUM_LOOKS:
                    continue
            if looks:
                looks = 0
                await self._reload()
