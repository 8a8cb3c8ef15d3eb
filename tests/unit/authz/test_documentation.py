"""The tables and limits in `docs/policy.md` match the code."""

import re
from pathlib import Path

import pytest

from gateway.authz.actions import GROUPS, PRIVATE
from gateway.authz.advice import advice
from gateway.authz.resources import RESOURCE_TYPES
from gateway.authz.statements import MAXIMUM_BRANCHES, MAXIMUM_NESTING, MAXIMUM_TOKENS
from tests.support.policies import group, loaded

TEXT = Path("docs/policy.md").read_text()


def test_the_table_of_groups_matches_the_contract() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", TEXT, re.MULTILINE)
    assert rows == list(GROUPS)


def test_the_table_of_resources_matches_the_contract() -> None:
    rows = re.findall(r"^\| `(Keyway::\w+)` \|(.*)\|(.*)\|$", TEXT, re.MULTILINE)
    reported = {
        name: (above.strip(), {"name", "id", "provider", *re.findall(r"`(\w+)`", more)}) for name, above, more in rows
    }
    expected = {}
    for kind in RESOURCE_TYPES.values():
        above, parent = [], kind.parent
        while parent is not None:
            above.append(parent.rpartition("/")[2])
            parent = RESOURCE_TYPES[parent].parent
        expected[kind.entity] = (", ".join(above), set(kind.attributes))
    assert reported == expected


def test_the_examples_of_private_actions_are_private() -> None:
    named = set(re.findall(r"`(\w+)`", TEXT.split("private material, such as ")[1].split(", is permitted only")[0]))
    assert named
    assert named <= PRIVATE


def test_the_limits_match_the_parser() -> None:
    reported = f"at most {MAXIMUM_NESTING} nested brackets, {MAXIMUM_BRANCHES} `if` expressions"
    assert reported in TEXT
    assert f"{MAXIMUM_TOKENS:,} tokens" in TEXT


@pytest.mark.parametrize("text", re.findall(r"```cedar\n(.*?)```", TEXT, re.DOTALL))
def test_each_example_is_valid_and_draws_no_advice(tmp_path: Path, text: str) -> None:
    policies = loaded(tmp_path, text, entities=[group("web-tier")])
    assert list(advice(policies)) == []
