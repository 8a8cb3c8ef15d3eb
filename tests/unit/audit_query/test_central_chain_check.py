"""The check of one chain of the central store."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.chain_check import ChainCheck
from gateway.audit_query.central.verification_report import MAXIMUM_PROBLEMS, CentralChainReport
from gateway.journal.format.checkpoints import checkpoint_body
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.records import NO_HASH, Kind, Receipt, encode

CHAIN = "gw-0123456789abcdef"
JOURNAL = "journal-0123456789abcdef"
BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
KEY = SigningKey(Ed25519PrivateKey.generate())
OTHER_KEY = SigningKey(Ed25519PrivateKey.generate())


class Writer:
    """Makes the rows of a chain, one per second. rows: as the store returns them."""

    def __init__(self, key: SigningKey = KEY) -> None:
        self.key = key
        self.rows: list[dict[str, Any]] = []
        self._hash = NO_HASH
        self._add("segment", orjson.dumps({"key": {"id": key.public.id, "public_key": key.public.text}}))

    def events(self, count: int) -> "Writer":
        for _ in range(count):
            event = {"metadata": {"event_code": "outcome"}, "time": self._time(), "start_time": self._time()}
            self._add("event", orjson.dumps(event))
        return self

    def checkpoint(self) -> "Writer":
        self._add("checkpoint", checkpoint_body(Receipt(CHAIN, len(self.rows), self._hash), 1, self.key))
        return self

    def _time(self) -> int:
        """Return the time of the next record in milliseconds since 1970: one second after the one before."""
        return int((BEGIN + timedelta(seconds=len(self.rows) + 1)).timestamp() * 1000)

    def _add(self, kind: Kind, body: bytes) -> None:
        sequence = len(self.rows) + 1
        _, digest = encode(CHAIN, sequence, self._hash, kind, body)
        self.rows.append(
            {
                logsql.SEQUENCE: str(sequence),
                logsql.PREVIOUS: self._hash,
                logsql.KIND: kind,
                logsql.HASH: digest,
                logsql.BODY: body.decode(),
                **({fields.EVENT_CODE: "outcome", fields.START_TIME: str(self._time())} if kind == "event" else {}),
            }
        )
        self._hash = digest


def checked(rows: Iterable[dict[str, Any]], key: SigningKey = KEY) -> CentralChainReport:
    check = ChainCheck(CHAIN, JOURNAL, [key.public], {})
    check.add(rows)
    return check.finish()


def problems(report: CentralChainReport) -> Sequence[str]:
    return [str(problem) for problem in report.problems]


def test_intact_chain_has_no_problem() -> None:
    report = checked(Writer().events(5).checkpoint().events(2).rows)
    assert (problems(report), report.records, report.first, report.checkpoints) == ([], 9, 1, 1)
    assert report.unsigned == 2


def test_parts_of_a_chain_continue_each_other() -> None:
    rows = Writer().events(50).checkpoint().rows
    check = ChainCheck(CHAIN, JOURNAL, [KEY.public], {})
    for start in range(0, len(rows), 7):
        check.add(rows[start : start + 7])
    assert problems(check.finish()) == []


def test_gap_is_reported_although_the_chain_begins_late() -> None:
    rows = Writer().events(200).checkpoint().rows
    report = checked([*rows[20:100], *rows[103:]])
    assert problems(report) == ["records 101 to 103: not in the store"]
    assert (report.first, report.missing) == (21, 3)


def test_gap_where_retention_removed_a_day_is_not_a_problem() -> None:
    rows = Writer().events(200).checkpoint().rows
    report = checked([rows[20], *rows[23:30], *rows[31:]])
    assert problems(report) == []
    assert report.first == 32


def test_gap_at_the_beginning_of_a_whole_chain_is_a_problem() -> None:
    rows = Writer().events(20).checkpoint().rows
    assert problems(checked([*rows[:3], *rows[5:]])) == ["records 4 to 5: not in the store"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({logsql.BODY: '{"metadata":{"event_code":"intent"}}'}, "the content does not match the hash"),
        ({logsql.BODY: "not JSON\n"}, "the content does not match the hash"),
        ({logsql.PREVIOUS: "0" * 64}, "the content does not match the hash"),
        ({logsql.KIND: "checkpoint"}, "the content does not match the hash"),
        ({logsql.HASH: "f" * 64}, "the content does not match the hash"),
        ({logsql.HASH: ""}, "the content does not match the hash"),
    ],
)
def test_changed_field_is_found(changes: dict[str, str], problem: str) -> None:
    rows = Writer().events(9).checkpoint().rows
    rows[4] |= changes
    report = checked(rows)
    assert problems(report)[0] == f"record 5: {problem}"
    assert report.altered >= 1


def test_changed_field_of_queries_is_found() -> None:
    rows = Writer().events(9).checkpoint().rows
    rows[4] |= {fields.CALLER: "spiffe://example.org/other"}
    assert problems(checked(rows)) == ["record 5: the fields that queries use do not match the content"]


def test_record_with_a_new_hash_breaks_the_link_of_the_next_one() -> None:
    rows = Writer().events(9).checkpoint().rows
    body = rows[4][logsql.BODY].replace("}", ',"count":1}', 1)
    _, digest = encode(CHAIN, 5, rows[4][logsql.PREVIOUS], "event", body.encode())
    rows[4] |= {logsql.BODY: body, logsql.HASH: digest}
    assert problems(checked(rows)) == ["record 6: the link does not match the hash of the previous record"]


def test_added_record_is_reported() -> None:
    rows = Writer().events(9).checkpoint().rows
    body = '{"metadata":{"event_code":"intent"}}'
    _, digest = encode(CHAIN, 5, rows[4][logsql.PREVIOUS], "event", body.encode())
    added = {**rows[4], logsql.BODY: body, logsql.HASH: digest}
    for copies in ([added, rows[4]], [rows[4], added]):
        report = checked([*rows[:4], *copies, *rows[5:]])
        assert "record 5: the store has 2 different records with this number" in problems(report)


def test_chain_without_a_trusted_signature_is_a_problem() -> None:
    report = checked(Writer(OTHER_KEY).events(3).checkpoint().rows)
    assert "no trusted key signed a later checkpoint" in problems(report)[0]
    report = checked(Writer().events(3).rows)
    assert problems(report) == ["records 1 to 4: no checkpoint of the chain is signed with a trusted key"]


def test_list_of_problems_is_limited_and_all_are_counted() -> None:
    rows = Writer().events(300).checkpoint().rows
    for row in rows[1:201]:
        row[logsql.BODY] += " "
    report = checked(rows)
    assert (len(report.problems), report.problem_count, report.altered) == (MAXIMUM_PROBLEMS, 200, 200)
