"""Status tables: the row for a vendor code, a scope, and an HTTP status."""

import pytest

from gateway.errors import CERTIFICATE_NOT_FOUND, MALFORMED_PROVIDER_RESPONSE
from gateway.providers.base.status_table import HTTP_ROWS, StatusRow, StatusTable
from gateway.upstream import outcomes

NAME = "providers/p/keys/k"
PLAIN = StatusRow("K1", "the key does not exist", CERTIFICATE_NOT_FOUND)
SCOPED = StatusRow("K1", "the store does not exist", outcomes.INTERNAL, scope="store")
TABLE = StatusTable((PLAIN, SCOPED))


@pytest.mark.parametrize("status", [200, 400, 404, 503])
def test_known_code_takes_precedence_over_the_http_status(status: int) -> None:
    assert TABLE.resolve("K1", status) is PLAIN


def test_row_with_the_scope_of_the_call_takes_precedence() -> None:
    assert TABLE.resolve("K1", 200, "store") is SCOPED
    assert TABLE.resolve("K1", 200, "other") is PLAIN


@pytest.mark.parametrize("code", ["K9", "", None])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 418, 429, 500, 501, 502, 503, 504, 599])
def test_http_status_determines_the_kind_of_an_unknown_code(code: str | None, status: int) -> None:
    row = TABLE.resolve(code, status)
    assert row.shared
    assert row.kind == outcomes.for_http_status(status)


@pytest.mark.parametrize("code", ["K9", ""])
def test_404_from_the_api_itself_is_unrecognized(code: str) -> None:
    assert TABLE.resolve(code, 404).kind == outcomes.UNRECOGNIZED


def test_404_from_another_server_means_that_no_api_exists_there() -> None:
    assert TABLE.resolve(None, 404).kind == outcomes.API_NOT_FOUND


def test_table_appends_the_http_rows() -> None:
    assert TABLE.rows == (PLAIN, SCOPED, *HTTP_ROWS)


def test_every_kind_of_an_http_failure_has_a_row() -> None:
    kinds = {
        outcomes.UNREACHABLE,
        outcomes.CONNECTION_LOST,
        outcomes.BUSY,
        outcomes.CIRCUIT_OPEN,
        outcomes.TLS_FAILED,
        outcomes.TIMEOUT,
        outcomes.RATE_LIMITED,
        outcomes.CREDENTIALS_REJECTED,
        outcomes.API_NOT_FOUND,
        outcomes.UNAVAILABLE,
        outcomes.INTERNAL,
        outcomes.UNRECOGNIZED,
        MALFORMED_PROVIDER_RESPONSE,
    }
    assert {row.kind for row in HTTP_ROWS} == kinds


def test_resource_at_fault_is_the_requested_one_for_not_found_only() -> None:
    assert PLAIN.resource_at_fault(NAME) == NAME
    assert SCOPED.resource_at_fault(NAME) is None


def test_row_can_name_another_resource_at_fault() -> None:
    row = StatusRow("K2", "the key is inactive", outcomes.INTERNAL, at_fault=lambda name: name.rpartition("/")[0])
    assert row.resource_at_fault(f"{NAME}/1") == NAME
