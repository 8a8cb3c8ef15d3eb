"""The environment of child processes: what programs and libraries need, without the secrets of the configuration.

A child receives its settings through a pipe. A variable that the configuration refers to with `{env: NAME}` can hold a
secret. Children do not inherit it, because `/proc/PID/environ` shows the variables with which a process started.
"""

import os
from collections.abc import Mapping
from typing import Final

_NAMES: Final = frozenset(
    {"PATH", "HOME", "LANG", "TERM", "NO_COLOR", "FORCE_COLOR", "TMPDIR", "TZ", "GLIBC_TUNABLES", "OPENSSL_CONF"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR"}
)
_PREFIXES: Final = ("LC_", "PYTHON", "GRPC_", "LD_", "MALLOC_")


def child_environment(*prefixes: str) -> Mapping[str, str]:
    """Return the variables for a child process. prefixes: begin the names of further variables that it needs."""
    allowed = (*_PREFIXES, *prefixes)
    return {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(allowed)}
