"""Provider settings for tests of single failures: no retries and no breaker."""

from collections.abc import Mapping
from typing import Any, Final

ONCE: Final[Mapping[str, Any]] = {"retry": {"attempts": 1}, "breaker": {"enabled": False}, "poller": {"enabled": False}}
