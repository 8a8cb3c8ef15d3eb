"""The fields that the collector of deploy/central copies from events, and the literals of queries."""

from pathlib import Path

import pytest
import yaml

from gateway.audit_query.central import fields, logsql
from gateway.authz.targets import TARGETS

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
