"""The process of a verification. It reads its settings from standard input, and ends when the input is closed.

Standard input is closed when the gateway ends, so no verification outlives its gateway.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.verify.run import run
from gateway.process_priority import lower_priority

_NICENESS: Final = 19
"""The lowest priority, so that calls have precedence."""


def main() -> int:
    """Verify the journal once."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # these signals are for the gateway, which stops this process
    lower_priority(_NICENESS)
    bootstrap: Mapping[str, Any] = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_gateway, daemon=True).start()
    keys = tuple(JournalPublicKey.from_text(text) for text in bootstrap["keys"])
    try:
        run(Path(bootstrap["directory"]), Path(bootstrap["state"]), keys)
    except OSError:  # the state cannot be written, so the gateway reports an interrupted verification
        return 1
    return 0


def _end_with_gateway() -> None:
    while os.read(sys.stdin.fileno(), 1 << 10):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
