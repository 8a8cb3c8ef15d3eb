"""The printed result of `keyway audit verify`."""

from datetime import UTC, datetime

from keyway.cli.audit_calls import result_lines
from keyway.v1 import audit_service_pb2 as service


def test_interrupted_verification_has_no_end_time() -> None:
    response = service.VerifyJournalResponse(state=service.VERIFICATION_STATE_INTERRUPTED, checked_records=7)
    response.start_time.FromDatetime(datetime(2026, 11, 30, 9, tzinfo=UTC))
    assert list(result_lines(response)) == [
        "7 records checked; the verification started at 2026-11-30T09:00:00.000Z",
        "interrupted: the verification ended without a result; run keyway audit verify again",
    ]


def test_result_states_when_the_verification_ran() -> None:
    response = service.VerifyJournalResponse(state=service.VERIFICATION_STATE_VERIFIED, checked_records=7)
    response.start_time.FromDatetime(datetime(2026, 11, 30, 9, tzinfo=UTC))
    response.end_time.FromDatetime(datetime(2026, 11, 30, 9, 1, tzinfo=UTC))
    times = "started at 2026-11-30T09:00:00.000Z and ended at 2026-11-30T09:01:00.000Z"
    assert list(result_lines(response)) == [f"7 records checked; the verification {times}", "verified"]
