"""The tables and limits in `docs/policy.md` match the code."""

import re
from pathlib import Path

import pytest

from gateway.authz.actions import GROUPS, PRIVATE
from gateway.authz.advice import advice
from gateway.authz.resources import RESOURCE_TYPES
from gateway.authz.statements import MAXIMUM_BRANCHES, MAXIMUM_NESTING, MAXIMUM_TOKENS
from tests.support.policies import ALICE, allowed, group, loaded, member

TEXT = Path("docs/policy.md").read_text()


def test_table_of_groups_matches_the_contract() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", TEXT, re.MULTILINE)
    assert rows == list(GROUPS)


def test_table_of_resources_matches_the_contract() -> None:
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


def test_examples_of_private_actions_are_private() -> None:
    named = set(re.findall(r"`(\w+)`", TEXT.split("private material, such as ")[1].split(", is permitted only")[0]))
    assert named
    assert named <= PRIVATE


def test_limits_match_the_parser() -> None:
    reported = f"at most {MAXIMUM_NESTING} nested brackets, {MAXIMUM_BRANCHES} `if` expressions"
    assert reported in TEXT
    assert f"{MAXIMUM_TOKENS:,} tokens" in TEXT


@pytest.mark.parametrize("text", re.findall(r"```cedar\n(.*?)```", TEXT, re.DOTALL))
def test_each_example_is_valid_and_draws_no_advice(tmp_path: Path, text: str) -> None:
    groups = [group(name) for name in sorted(set(re.findall(r'Keyway::Group::"([^"]+)"', text)))]
    policies = loaded(tmp_path, text, entities=groups)
    assert list(advice(policies)) == []


SPELLINGS = (
    "prod.example.com",
    "PROD.example.com",
    "ｐｒｏｄ.example.com",
    "prod.example.com.",
    "prod.example.com ",
    "prod\u200b.example.com",
    "prod%2Eexample.com",
    "pr\u00f6d.example.com",
    "pro\u0308d.example.com",
    "Test-1",
    "test",
)


def test_fragile_forbid_draws_a_warning_and_the_robust_one_applies_to_every_spelling(tmp_path: Path) -> None:
    examples = re.findall(r"```cedar\n(.*?)```", TEXT.split("## Names and spelling")[1].split("\n## ")[0], re.DOTALL)
    fragile, robust = examples
    permit = "permit (principal, action, resource);"
    entities = [group("web-tier"), member(ALICE.name, "web-tier")]
    certificate = "providers/nhn-certs/certificates/"

    policies = loaded(tmp_path, fragile, permit)
    assert any(line.startswith("0.cedar:2: forbids resources by name") for line in advice(policies))
    assert not allowed(policies, ALICE, "GetCertificate", certificate + "prod.example.com")
    assert allowed(policies, ALICE, "GetCertificate", certificate + "PROD.example.com")

    policies = loaded(tmp_path, robust, permit, entities=entities)
    assert not any("by name" in line for line in advice(policies))
    assert not any(allowed(policies, ALICE, "GetCertificate", certificate + name) for name in SPELLINGS)
    assert allowed(policies, ALICE, "GetCertificate", f"{certificate}test-1")
