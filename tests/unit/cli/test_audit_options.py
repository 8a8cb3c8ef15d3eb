"""Filters on the command line of the audit commands: times, actions, statuses."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2

from gateway.contract import methods
from keyway.audit import times
from keyway.audit.query import GROUPS, INTERNAL_ACTIONS, OptionError, filters
from keyway.v1 import audit_record_pb2 as contract
from tests.support.audit_records import option_values

NOW = datetime(2026, 11, 30, 9, 41, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", datetime(2026, 11, 30, 9, 39, 37, tzinfo=UTC)),
        ("30m", datetime(2026, 11, 30, 9, 11, 7, tzinfo=UTC)),
        ("2h", datetime(2026, 11, 30, 7, 41, 7, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 23, 9, 0, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 16, 9, 0, tzinfo=UTC)),
        ("2026-11-29", datetime(2026, 11, 29, tzinfo=UTC)),
        ("2026-11-29T10:30", datetime(2026, 11, 29, 10, 30, tzinfo=UTC)),
        ("2026-11-29 10:30:05Z", datetime(2026, 11, 29, 10, 30, 5, tzinfo=UTC)),
        ("2026-11-29T10:30+09:00", datetime(2026, 11, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_points_in_time_are_in_utc(text: str, expected: datetime) -> None:
    assert times.point(text, NOW) == expected
    assert times.point(text, NOW).tzinfo == UTC


@pytest.mark.parametrize(
    "text", ["7", "d", "7 d", "-7d", "7y", "yesterday", "2026-11-31", "20261130", "2026-W48-1", "999999w", "٧d", "1e3s"]
)
def test_other_times_are_rejected(text: str) -> None:
    with pytest.raises(OptionError, match=r"--since: '.*' is not a valid time; use 7d"):
        filters(option_values(since=text), NOW)


def test_range_must_not_be_empty() -> None:
    with pytest.raises(OptionError, match="--until: must be later than --since"):
        filters(option_values(since="1d", until="2d"), NOW)


def test_without_options_every_record_matches() -> None:
    assert filters(option_values(), NOW) == [contract.AuditFilter()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"caller": "sub:kim"}, contract.AuditFilter(caller="sub:kim")),
        ({"resource": "orders-key"}, contract.AuditFilter(resource="orders-key")),
        ({"provider": "nhn-keys"}, contract.AuditFilter(provider="nhn-keys")),
        ({"status": "permission_denied"}, contract.AuditFilter(status=code_pb2.PERMISSION_DENIED)),
        ({"status": "OK"}, contract.AuditFilter(status=code_pb2.OK)),
        ({"reason": "KEY_NOT_FOUND"}, contract.AuditFilter(reason="KEY_NOT_FOUND")),
        ({"surface": "vault"}, contract.AuditFilter(surface="vault")),
        ({"outcome": "unknown"}, contract.AuditFilter(outcome=contract.AUDIT_OUTCOME_UNKNOWN)),
        ({"denied": True}, contract.AuditFilter(denied=True)),
        ({"private": True}, contract.AuditFilter(private_material=True)),
    ],
)
def test_each_option_sets_one_field(values: dict[str, Any], expected: contract.AuditFilter) -> None:
    assert filters(option_values(**values), NOW) == [expected]


def test_unknown_status_is_rejected() -> None:
    with pytest.raises(OptionError, match="--status: 'FINE' is not a gRPC status; use OK, CANCELLED"):
        filters(option_values(status="FINE"), NOW)


def test_policy_group_selects_its_actions() -> None:
    made = filters(option_values(action=("ManageTrustStores", "Encrypt"), provider="asteria"), NOW)
    assert [each.action for each in made] == sorted([*GROUPS["ManageTrustStores"], "Encrypt"])
    assert {each.provider for each in made} == {"asteria"}
    assert "DeleteCertificate" in GROUPS["ManageCertificates"]
    assert "DeleteTrustedAuthority" in GROUPS["ManageTrustStores"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3700, "1 h 1 min"), (90_000, "1 d 1 h")]
)
def test_durations_have_two_units(seconds: int, text: str) -> None:
    assert times.duration_text(Duration(seconds=seconds)) == text


def test_actions_of_the_gateway_itself_are_known() -> None:
    internal = (*methods.INTERNAL_METHODS, *methods.RECORDED_METHODS, methods.DELIVER_CERTIFICATE)
    assert {method.name for method in internal} == set(INTERNAL_ACTIONS)
    assert filters(option_values(action=("DeliverCertificate",)), NOW)[0].action == "DeliverCertificate"
