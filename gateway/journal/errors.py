"""What the journal raises, besides the OSErrors of a start that no waiting will mend."""

import errno


class JournalUnavailable(Exception):
    """The journal can't take a record, or can't make one durable. `reason`: the name of the error, such as ENOSPC."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the audit journal is not available: {reason}")
        self.reason = reason


class JournalCorrupt(Exception):
    """What is on disk is not what the journal wrote: nothing may be added to it before a person has looked at it."""

    def __init__(self, file: str, offset: int, sequence: int, problem: str) -> None:
        super().__init__(f"{file}: byte {offset}: record {sequence}: {problem}")
        self.file = file
        self.offset = offset
        self.sequence = sequence
        self.problem = problem


PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""Errors that may pass while the gateway runs; with any other the start is refused."""


CLOSED = "CLOSED"
"""The reason of a journal that was closed."""


def error_name(error: OSError) -> str:
    """Such as ENOSPC."""
    return errno.errorcode.get(error.errno or 0, "EIO")
