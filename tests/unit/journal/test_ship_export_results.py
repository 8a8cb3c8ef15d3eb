"""What a collector's answers mean."""

import pytest

from gateway.journal.ship.export_results import ACCEPTED, Meaning, of_partial_success, of_status


@pytest.mark.parametrize(
    ("status", "delay", "meaning"),
    [
        ("UNAVAILABLE", None, Meaning.LATER),
        ("UNAVAILABLE", 3.0, Meaning.LATER),
        ("ABORTED", None, Meaning.LATER),
        ("OUT_OF_RANGE", None, Meaning.LATER),
        ("DATA_LOSS", None, Meaning.LATER),
        ("CANCELLED", None, Meaning.LATER),
        ("RESOURCE_EXHAUSTED", 2.0, Meaning.LATER),
        ("RESOURCE_EXHAUSTED", None, Meaning.REFUSED),
        ("DEADLINE_EXCEEDED", None, Meaning.LOST),
        ("UNAUTHENTICATED", None, Meaning.DENIED),
        ("PERMISSION_DENIED", None, Meaning.DENIED),
        ("UNIMPLEMENTED", None, Meaning.DENIED),
        ("INVALID_ARGUMENT", None, Meaning.REFUSED),
        ("INTERNAL", None, Meaning.REFUSED),
        ("FAILED_PRECONDITION", None, Meaning.REFUSED),
        ("A_STATUS_OF_TOMORROW", None, Meaning.REFUSED),
    ],
)
def test_statuses(status: str, delay: float | None, meaning: Meaning) -> None:
    answer = of_status(status, "told", delay)
    assert (answer.meaning, answer.delay) == (meaning, delay)
    assert answer.detail == f"{status}: told"


def test_partial_success_is_one_only_where_something_was_rejected() -> None:
    assert of_partial_success(0, "a warning") == ACCEPTED
    assert of_partial_success(3, "too old").meaning is Meaning.REFUSED
