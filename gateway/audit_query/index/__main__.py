"""The indexer process of a gateway. It reads its settings from standard input, and ends when the input is closed."""

import gc
import signal
import sqlite3
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import structlog

from gateway import logs
from gateway.audit_query.index.indexer import run_indexer
from gateway.process_priority import lower_priority

_NICENESS: Final = 19
"""The lowest priority. If the processors are busy, calls have precedence, and the index lags behind."""

_COLLECTION_THRESHOLD: Final = 1_000_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _IndexerLog:
    level: str
    format: str


def main() -> int:
    """Index until standard input is closed."""
    # Terminals and service managers also send signals to this process, but it must not end before the gateway.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lower_priority(_NICENESS, batch=True)
    # The indexer makes no reference cycles. With its default interval, the garbage collector doubles the indexing time.
    gc.freeze()
    gc.set_threshold(_COLLECTION_THRESHOLD)
    settings = orjson.loads(sys.stdin.buffer.readline())
    logs.configure(_IndexerLog(settings["log_level"], settings["log_format"]))
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    try:
        run_indexer(Path(settings["directory"]), Path(settings["index"]), stop)
    except (OSError, sqlite3.Error) as error:
        # The gateway starts the process again after a pause.
        _log.error("audit_index_failed", error=str(error))
        return 1
    return 0


def _wait_for_end(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
