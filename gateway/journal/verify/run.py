"""One verification of the journal in a separate process, and the file with its state.

The worker that starts the process locks the state, and passes the lock to the process. So each worker can determine
whether a verification is in progress. If the process is killed, the lock is released. The state is replaced atomically,
so readers never read a partial state.
"""

import os
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.regular_files import read_file
from gateway.journal.verify.progress import Progress
from gateway.journal.verify.report import Report
from gateway.journal.verify.verification import Unverifiable, verify

RUNNING: Final = "running"
VERIFIED: Final = "verified"
NOT_VERIFIED: Final = "not verified"
MAXIMUM_PROBLEMS: Final = 100
_LATEST_SECONDS: Final = 253_402_300_799
"""The end of the year 9999."""
_MAXIMUM_BYTES: Final = 8 << 20
"""A problem can quote a record, which can have a few megabytes."""


@dataclass(frozen=True, slots=True)
class VerificationRun:
    """The state of a verification. Times are seconds since 1970; ended: 0 while it runs."""

    state: str
    started: float
    ended: float = 0.0
    records: int = 0
    percent: int = 0
    problems: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def store(self, path: Path) -> None:
        """Replace the file. It is not synced, because it is not needed after a power failure. Raises OSError."""
        file, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(file, "wb") as opened:
                opened.write(orjson.dumps(asdict(self)))
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise

    @classmethod
    def load(cls, path: Path) -> "VerificationRun | None":
        """Read the file. Return None if it does not exist or this version cannot read it. Raises other OSErrors."""
        try:
            value = orjson.loads(read_file(path, _MAXIMUM_BYTES))
            lists = {name: tuple(map(str, value[name])) for name in ("problems", "heads", "keys")}
            times = {name: _time(value[name]) for name in ("started", "ended")}
            return cls(**{**value, **lists, **times})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None


def _time(value: object) -> float:
    """Return a time in seconds since 1970. Raises TypeError or ValueError."""
    seconds = float(value)  # type: ignore[arg-type]
    if not 0 <= seconds <= _LATEST_SECONDS:
        raise ValueError("a time is out of range")
    return seconds


def run(directory: Path, path: Path, keys: tuple[JournalPublicKey, ...]) -> None:
    """Verify a journal, and update its state in a file that the caller has created. Raises OSError.

    keys: trusted keys; if empty, the key in the directory is trusted.
    """
    current = VerificationRun.load(path) or VerificationRun(RUNNING, time.time())

    def report(records: int, percent: int) -> None:
        replace(current, records=records, percent=percent).store(path)

    try:
        result = verify(directory, public_keys=keys, watch=Progress(directory, report).watch)
    except (Unverifiable, OSError) as error:
        done = replace(current, state=NOT_VERIFIED, problems=(str(error),))
    else:
        done = _completed(current, result)
    replace(done, ended=time.time()).store(path)


def _completed(current: VerificationRun, report: Report) -> VerificationRun:
    problems = [str(chain.problem) for chain in report.chains if chain.problem is not None]
    problems += [f"{receipt}: the directory contains no such chain" for receipt in report.missing]
    problems += report.manifest.problems if report.manifest is not None else ()
    return replace(
        current,
        state=VERIFIED if report.good else NOT_VERIFIED,
        records=sum(chain.records for chain in report.chains),
        percent=100,
        problems=tuple(problems[:MAXIMUM_PROBLEMS]),
        heads=tuple(str(chain.head) for chain in report.chains if chain.head is not None),
        keys=report.signers,
    )
