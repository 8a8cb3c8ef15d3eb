"""Audit records for tests, with fixed times."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.rpc import code_pb2

from keyway.audit import options
from keyway.audit.options import Option
from keyway.v1 import audit_record_pb2 as contract
from keyway.v1.audit_record_pb2 import AuditRecord

START = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
"""The time of record 0. Each later number is one second later."""


def audit_record(number: int = 0, **members: Any) -> AuditRecord:
    """Return the record of a successful call of Encrypt, with other members."""
    values: dict[str, Any] = {
        "request_id": f"r{number}",
        "caller": "spiffe://example.com/orders",
        "action": "Encrypt",
        "resources": ["providers/nhn-keys/keys/orders-key"],
        "outcome": contract.AUDIT_OUTCOME_SUCCESS,
        "status": code_pb2.OK,
        "calls": 1,
        "peer_address": "192.0.2.7",
        "audit_logs": ["auditLogs/nhn-keys"],
        "journal": "journal-1",
        "receipt": f"gw-1:{number + 1}:{'0' * 64}",
        **members,
    }
    record = AuditRecord(**values)
    record.start_time.FromDatetime(START + timedelta(seconds=number))
    if "duration" not in members and record.outcome != contract.AUDIT_OUTCOME_PENDING:
        record.duration.FromMicroseconds(12_500)
    return record


def option_values(several: tuple[Option, ...] = options.LIST, **values: Any) -> dict[str, Any]:
    """Return the values of the options of a command, with their defaults."""
    defaults = {option.key: () if option.kind == "several" else option.default for option in several}
    return {**defaults, **values}
