"""The verification of the journal that the console started, and which records it covers."""

from keyway.console.calls import GatewayCalls
from keyway.console.notices import Notice
from keyway.v1 import audit_service_pb2 as audit

Result = audit.VerifyJournalResponse | Notice | None
"""The progress or the result, a notice if there is none, or None if the console started no verification."""


class JournalVerification:
    """Starts the verification, and returns its result. It asks for the result only after a start, because a call of
    VerifyJournal also starts a verification.
    """

    def __init__(self, calls: GatewayCalls) -> None:
        self._calls = calls
        self._started = False

    async def start(self) -> Notice | None:
        """Start a verification. Return why that is not possible."""
        started = await self._calls.verify_journal(restart=True)
        self._started |= not isinstance(started, Notice)
        return started if isinstance(started, Notice) else None

    async def result(self) -> Result:
        """Return the progress or the result."""
        return await self._calls.verify_journal(restart=False) if self._started else None


def covers(result: Result, receipt: str) -> bool:
    """Return whether the journal is correct, and a verified head follows the record with this receipt."""
    if not isinstance(result, audit.VerifyJournalResponse) or result.state != audit.VERIFICATION_STATE_VERIFIED:
        return False
    chain, number = _position(receipt)
    return any(_position(head)[0] == chain and _position(head)[1] >= number for head in result.heads)


def _position(receipt: str) -> tuple[str, int]:
    chain, _, rest = receipt.partition(":")
    number = rest.partition(":")[0]
    return chain, int(number) if number.isdecimal() else 0
