"""Settings of a provider for tests of single failures: every request is sent once, and no breaker stands before it."""

from collections.abc import Mapping
from typing import Any, Final

ONCE: Final[Mapping[str, Any]] = {"retry": {"attempts": 1}, "breaker": {"enabled": False}}
