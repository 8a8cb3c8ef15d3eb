"""The results of exports, from the responses of a collector."""

from collections.abc import Callable

import pytest

from gateway.journal.ship.export_results import ACCEPTED, ExportStatus, of_partial_success, of_status
from gateway.redaction import DEFAULT_REDACTION
from tests.support.echoes import FORMS


@pytest.mark.parametrize(
    ("status", "delay", "expected"),
    [
        ("UNAVAILABLE", None, ExportStatus.RETRY),
        ("UNAVAILABLE", 3.0, ExportStatus.RETRY),
        ("ABORTED", None, ExportStatus.RETRY),
        ("OUT_OF_RANGE", None, ExportStatus.RETRY),
        ("DATA_LOSS", None, ExportStatus.RETRY),
        ("CANCELLED", None, ExportStatus.RETRY),
        ("RESOURCE_EXHAUSTED", 2.0, ExportStatus.RETRY),
        ("RESOURCE_EXHAUSTED", None, ExportStatus.REJECTED),
        ("DEADLINE_EXCEEDED", None, ExportStatus.LOST),
        ("UNAUTHENTICATED", None, ExportStatus.DENIED),
        ("PERMISSION_DENIED", None, ExportStatus.DENIED),
        ("UNIMPLEMENTED", None, ExportStatus.DENIED),
        ("INVALID_ARGUMENT", None, ExportStatus.REJECTED),
        ("INTERNAL", None, ExportStatus.REJECTED),
        ("FAILED_PRECONDITION", None, ExportStatus.REJECTED),
        ("A_STATUS_OF_TOMORROW", None, ExportStatus.REJECTED),
    ],
)
def test_status_determines_the_next_step(status: str, delay: float | None, expected: ExportStatus) -> None:
    result = of_status(status, "Socket closed", delay)
    assert (result.status, result.delay) == (expected, delay)
    assert result.detail == f"{status}: Socket closed"


def test_partial_success_without_rejected_records_is_a_success() -> None:
    assert of_partial_success(0, "a warning") == ACCEPTED
    assert of_partial_success(3, "too old").status is ExportStatus.REJECTED


@pytest.mark.parametrize("form", FORMS.values())
def test_text_that_can_repeat_the_token_is_replaced(form: Callable[[str], str]) -> None:
    echo = f"invalid token {form('shipping-token-61c0')}"
    placeholder = DEFAULT_REDACTION.placeholder(echo)
    assert of_status("UNAUTHENTICATED", echo, None).detail == f"UNAUTHENTICATED: {placeholder}"
    assert of_partial_success(2, echo).detail == f"2 records rejected: {placeholder}"


def test_known_message_of_a_collector_is_kept_without_its_numbers() -> None:
    result = of_status("RESOURCE_EXHAUSTED", "grpc: received message larger than max (5242880 vs. 4194304)", None)
    assert result.detail == "RESOURCE_EXHAUSTED: grpc: received message larger than max (… vs. …)"
