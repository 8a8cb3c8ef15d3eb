"""The policy engine: decisions with a cache, and reloading of the policy files when they change.

An invalid policy prevents startup. After an invalid change, the previous policies stay in effect and the error is
logged.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Self

import structlog

from gateway.authz import policies
from gateway.authz.decision import Decision
from gateway.authz.policies import Policies
from gateway.authz.settings import PolicySettings
from gateway.config.base import ConfigError
from gateway.config.file_watcher import WatchedFiles
from gateway.config.load_state import LoadState
from gateway.identity.caller import Caller

CHECK_SECONDS: Final = 0.5
"""The interval between two checks of the files."""
MAXIMUM_CHECKS: Final = 10
"""The number of checks after which files that keep changing are read anyway."""

_log = structlog.get_logger(__name__)


class PolicyEngine:
    """The current policies of a set of files. It is not thread-safe, except `load_state`."""

    def __init__(self, settings: PolicySettings) -> None:
        """Load the files. Raise FileError with every error in them."""
        self._settings = settings
        files = (*settings.policy_files, *((settings.entities_file,) if settings.entities_file is not None else ()))
        # Watch the files before the first read, so that a change during the read is noticed.
        self._files = WatchedFiles(files, interval=0)
        self._problems: list[str] = []
        self._listeners: set[Callable[[], None]] = set()
        self.load_state = LoadState()
        self._use(policies.load(settings))

    @classmethod
    def load(cls, settings: PolicySettings) -> Self:
        """Return an engine for the files of the settings. Raise FileError with every error in them."""
        return cls(settings)

    def _use(self, loaded: Policies) -> None:
        """Use these policies from now on, with an empty decision cache."""
        self.policies = loaded
        self._decide = lru_cache(maxsize=self._settings.decision_cache)(loaded.decide)

    def decide(self, caller: Caller, action: str, resource: str, resource_type: str) -> Decision:
        """Return whether the policies permit the caller to perform the action on the resource.

        resource: the full name of the resource. A text that is not a valid name belongs to no provider.
        resource_type: the type, in the contract, of the resource that the request field names.
        """
        return self._decide(caller, action, resource, resource_type)

    @property
    def remembered(self) -> int:
        """The number of cached decisions."""
        return self._decide.cache_info().currsize

    def on_reload(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the policies have been replaced. Return a function that ends this."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def refresh(self) -> bool:
        """Read the files now if they changed. Return whether the policies were replaced."""
        return self._files.changed(now=True) and await self._reload()

    async def _reload(self) -> bool:
        try:
            # In a thread: parsing many policies takes many milliseconds.
            loaded = await asyncio.to_thread(policies.load, self._settings)
        except ConfigError as error:
            self._keep_previous(str(error).splitlines())
            return False
        except Exception as error:  # noqa: BLE001 - an unexpected error in one change must not end the reloading
            self._keep_previous([type(error).__name__])
            return False
        self._problems = []
        self._use(loaded)
        self.load_state.succeed()
        _log.info("policies_reloaded", policies=len(loaded.policies))
        for listener in list(self._listeners):
            listener()
        return True

    def _keep_previous(self, problems: list[str]) -> None:
        # Not every problem is solved by another change of the files: a read from the disk can fail temporarily.
        self._files.report_again()
        self.load_state.fail()
        if problems != self._problems:
            self._problems = problems
            _log.error("policy_reload_failed", error=problems)

    async def follow(self) -> None:
        """Reload the files whenever they change, until this task is canceled.

        The files are read after they have not changed for one interval. A partly written file can be valid without its
        last policies, which can be forbids.
        """
        checks = 0
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if self._files.changed(now=True):
                checks += 1
                if checks < MAXIMUM_CHECKS:
                    continue
            if checks:
                checks = 0
                await self._reload()
