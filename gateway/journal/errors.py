"""Errors of the journal. A start also raises OSErrors that no retry can solve."""

import errno


class JournalUnavailable(Exception):
    """The journal can't accept a record, or can't make one durable. reason: the name of the error, such as ENOSPC."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the audit journal is not available: {reason}")
        self.reason = reason


class JournalCorrupt(Exception):
    """The files differ from what the journal wrote. It is not continued until an operator has examined it.

    file: relative to the audit directory.
    """

    def __init__(self, file: str, offset: int, sequence: int, problem: str) -> None:
        super().__init__(f"{file}: byte {offset}: record {sequence}: {problem}")
        self.file = file
        self.offset = offset
        self.sequence = sequence
        self.problem = problem


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors of a file system without free space."""

PASSING = DISK_FULL | {errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Errors that may pass while the gateway runs. Every other error stops the start."""


CLOSED = "CLOSED"
"""The reason of a JournalUnavailable after the journal was closed."""


def error_name(error: OSError) -> str:
    """Return the name of the error number, such as ENOSPC."""
    return errno.errorcode.get(error.errno or 0, "EIO")
