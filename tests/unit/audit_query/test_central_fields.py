"""The fields that the collector of deploy/central copies from events, and the literals of queries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from gateway.audit.events import CallEvents
from gateway.audit_query.central import fields, logsql
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.authz.targets import TARGETS
from tests.support.audit_history import PastRejections, history, rejections_event

CONFIGURATION = Path(__file__).parents[3] / "deploy/central/collector.yaml"


def copied() -> set[str]:
    """Return the fields that the configuration sets."""
    tree = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    (group,) = tree["processors"]["transform/audit"]["log_statements"]
    targets = (line.partition("log.attributes[")[2].partition("]")[0] for line in group["statements"])
    return {target.strip('"') for target in targets if target}


def test_collector_copies_every_field_that_queries_use() -> None:
    names = {value for name, value in vars(fields).items() if name.isupper() and isinstance(value, str)}
    assert names - {"intent", "outcome", "refusals", "repetitions"} <= copied()


def test_collector_copies_every_flag_that_requests_private_material() -> None:
    flags = {target.private_flag for target in TARGETS.values() if target.private_flag}
    assert flags == {fields.PRIVATE_FLAG}


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("", '""'),
        ("spiffe://example.org/a", '"spiffe://example.org/a"'),
        ('a" or "b', '"a\\" or \\"b"'),
        ("\\", '"\\\\"'),
        ("a\nb\x00\x7f", '"a\\x0ab\\x00\\x7f"'),
        ("가 `'|", '"가 `\'|"'),
    ],
)
def test_values_are_quoted(text: str, literal: str) -> None:
    assert logsql.quote(text) == literal


def events() -> list[dict[str, Any]]:
    """Return the events of a history: intents, outcomes, and rejections that were recorded together."""
    found: list[bytes] = []
    for number, past in enumerate(history(3000, seed=3)):
        if isinstance(past, PastRejections):
            found.append(rejections_event(past))
            continue
        if number % 60:
            continue
        of_call = CallEvents(past.details, past.began)
        found.append(of_call.intent())
        if past.result is not None:
            found.append(of_call.outcome(past.result))
    return [orjson.loads(each) for each in found]


def fields_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that the collector copies from an event."""

    def member(*path: str) -> Any:
        value: Any = event
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    values = {
        fields.EVENT_CODE: member("metadata", "event_code"),
        fields.REQUEST_ID: member("api", "request", "uid"),
        fields.OPERATION: member("api", "operation"),
        fields.PRIVATE_FLAG: member("api", "request", "data", fields.PRIVATE_FLAG),
        fields.CALLER: member("actor", "user", "uid"),
        fields.AUTHORIZATIONS: member("actor", "authorizations"),
        fields.RESOURCES: member("resources"),
        fields.PEER_IP: member("src_endpoint", "ip"),
        fields.PEER_NAME: member("src_endpoint", "name"),
        fields.STATUS_ID: member("status_id"),
        fields.STATUS_CODE: member("status_code"),
        fields.STATUS_DETAIL: member("status_detail"),
        fields.COUNT: member("count"),
        fields.METHODS: member("unmapped", "methods"),
        fields.DURATION_US: member("unmapped", "duration_us"),
        fields.SURFACE: member("unmapped", "surface", "name"),
        fields.START_TIME: member("start_time") if member("start_time") is not None else member("time"),
    }
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in values.items()
        if value not in (None, "")
    }


def records_match(stored: Mapping[str, str], event: Mapping[str, Any]) -> bool:
    """Return whether an event and the event made from fields make the same record, apart from what has no field."""
    records = [audit_record("", [RecordedEvent("", each)]) for each in (fields.event_of(stored), event)]
    copied, original = records
    if copied is None or original is None:
        return copied is original
    original.ClearField("caller_request_id")
    if not copied.surface:  # a collector with an older configuration
        original.ClearField("surface")
    return copied == original


def test_unchanged_fields_match_without_making_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "audit_record", None)
    assert all(fields.match_event(fields_of(event), orjson.dumps(event).decode()) for event in events())


def test_changed_fields_match_only_if_they_make_the_same_record() -> None:
    """The fast comparison of members agrees with the comparison of complete records."""
    outcomes = set()
    for event in events():
        body, stored = orjson.dumps(event).decode(), fields_of(event)
        for name in fields.ALL:
            for value in (None, "", "x", "true", "0", "7", "1.0", "[]", "{}", "17", "outcome", "intent"):
                changed = {**stored, name: value} if value is not None else {**stored}
                if value is None:
                    changed.pop(name, None)
                expected = records_match(changed, event)
                assert fields.match_event(changed, body) == expected, (name, value, event)
                outcomes.add((name, expected))
    assert {name for name, matches in outcomes if not matches} == {*fields.ALL}


@pytest.mark.parametrize("body", ["", "[]", "{", '{"metadata":7}', '{"metadata":{"event_code":"outcome"},"api":[]}'])
def test_body_that_is_no_event_does_not_match(body: str) -> None:
    assert not fields.match_event(fields_of(events()[1]), body)
