"""The limit of open files of the process.

Peers that are not authenticated can hold `maximum_connections` connections. Many systems permit 1,024 open files, so
that nothing would be left for the journal, the upstreams, and the policies.
"""

import resource
from typing import Final

import structlog

_OTHER_FILES: Final = 500
"""Files other than connections to `listen`: health_listen, upstreams, the journal, telemetry."""
_HIGHEST: Final = 1 << 20

_log = structlog.get_logger(__name__)


def raise_limit(connections: int) -> None:
    """Raise the soft limit to the hard limit. Logs a warning if that leaves too little beside these connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _HIGHEST if hard == resource.RLIM_INFINITY else min(hard, _HIGHEST)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit < connections + _OTHER_FILES:
        _log.warning("open_files_limited", limit=limit, needed=connections + _OTHER_FILES)
