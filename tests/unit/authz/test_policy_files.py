"""Errors in policy files, each with its file, line, and policy; and policies that are too large to be parsed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.authz.policies import load
from gateway.authz.settings import PolicySettings
from gateway.authz.statements import MAXIMUM_BRANCHES, MAXIMUM_NESTING, MAXIMUM_TOKENS, StatementError, split
from gateway.config.base import ConfigError
from tests.support.policies import ALICE, allowed, loaded, settings

ENCRYPT = 'action == Keyway::Action::"Encrypt"'
GOOD = f"permit(principal, {ENCRYPT}, resource);"


def faults(folder: Path, *texts: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, *texts)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("permit(principal, acton, resource);", "acton"),
        ('permit(principal, action == Keyway::Action::"Encrypts", resource);', "unrecognized action"),
        ('permit(principal, action == Action::"Encrypt", resource);', "unrecognized action"),
        ('permit(principal in Keyway::Team::"x", action, resource);', "unrecognized entity type `Keyway::Team`"),
        ("permit(principal, action, resource is Keyway::Lock);", "unrecognized entity type `Keyway::Lock`"),
        (f"permit(principal, {ENCRYPT}, resource) when {{ resource.nam == 1 }};", "attribute `nam`"),
        (f"permit(principal, {ENCRYPT}, resource) when {{ principal.age > 3 }};", "attribute `age`"),
        (f"permit(principal, {ENCRYPT}, resource) when {{ resource.id == 3 }};", "not compatible"),
        (f"permit(principal, {ENCRYPT}, resource) when {{ context.ip }};", "attribute `ip`"),
        (f"permit(principal, {ENCRYPT}, resource is Keyway::Secret);", "applicable action"),
        ("permit(principal == ?principal, action, resource);", "template"),
        ("allow(principal, action, resource);", "allow"),
    ],
)
def test_error_states_the_location(tmp_path: Path, text: str, fault: str) -> None:
    (reported,) = faults(tmp_path, GOOD, f"{GOOD}\n// a comment; with a semicolon\n\n{text}\n{GOOD}")
    assert reported.startswith("policy: 1.cedar:4: ")
    assert fault in reported


def test_error_states_the_id_of_the_policy(tmp_path: Path) -> None:
    (reported,) = faults(tmp_path, f'\n@id("web")\n{GOOD.replace("Encrypt", "Nothing")}')
    assert reported.startswith("policy: 0.cedar:2: policy web: unrecognized action")


def test_all_errors_are_reported(tmp_path: Path) -> None:
    bad = GOOD.replace("Encrypt", "Nothing")
    (tmp_path / "x").mkdir()
    reported = faults(tmp_path, f"{bad}\n{bad}", bad)
    assert [line.split(": ")[1] for line in reported] == ["0.cedar:1", "0.cedar:2", "1.cedar:1"]


@pytest.mark.parametrize("first", ['@id("same")', ""])
def test_duplicate_id_is_rejected(tmp_path: Path, first: str) -> None:
    other = "same" if first else "0.cedar:1"
    (reported,) = faults(tmp_path, f"{first}{GOOD}", f'\n@id("{other}"){GOOD}')
    assert reported == f"policy: 1.cedar:2: policy {other}: duplicate @id; it is also at 0.cedar:1"


@pytest.mark.parametrize("name", ["a" * 129, "a\\nb"])
def test_id_that_is_not_printable_or_too_long_is_rejected(tmp_path: Path, name: str) -> None:
    (reported,) = faults(tmp_path, f'@id("{name}"){GOOD}')
    assert "@id must be printable" in reported


def test_empty_id_is_no_id(tmp_path: Path) -> None:
    assert loaded(tmp_path, f'@id("") {GOOD} @id {GOOD}'.replace("; ", ";\n")).policies[1].name == "0.cedar:2"


def test_files_with_the_same_name_are_reported_by_path(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(tmp_path / name / "x.cedar")
        files[-1].write_text(GOOD)
    policies = load(PolicySettings(policy_files=tuple(files))).policies
    assert [policy.name for policy in policies] == [f"{file}:1" for file in files]


def test_unreadable_file_is_rejected(tmp_path: Path) -> None:
    binary = tmp_path / "binary.cedar"
    binary.write_bytes(b"\xff\xfe")
    paths = (tmp_path / "none.cedar", tmp_path, binary)
    with pytest.raises(ConfigError) as caught:
        load(PolicySettings(policy_files=paths, entities_file=tmp_path / "none.json"))
    assert str(caught.value).splitlines() == [
        f"policy: {tmp_path}/none.cedar: cannot be read: No such file or directory",
        f"policy: {tmp_path}: not a file",
        f"policy: {binary}: not valid UTF-8",
        f"policy: {tmp_path}/none.json: cannot be read: No such file or directory",
    ]


class TestStatements:
    def test_statements_have_their_lines(self) -> None:
        text = '// x;\n@id("a;\\"b//")\npermit(x)\nwhen { "//;" };  // y\n\n\nforbid(y); permit(z);\n// end'
        assert [(statement.location("f"), statement.text) for statement in split(text)] == [
            ("f:2", '@id("a;\\"b//")\npermit(x)\nwhen { "//;" };'),
            ("f:7", "forbid(y);"),
            ("f:7#2", "permit(z);"),
        ]

    def test_carriage_return_ends_a_comment(self, tmp_path: Path) -> None:
        """Cedar ends a comment at a carriage return, so the gateway must not skip the policy after it."""
        assert allowed(loaded(tmp_path, f"// nothing\r{GOOD}"), ALICE, "Encrypt")

    @pytest.mark.parametrize(
        ("text", "line", "fault"),
        [
            ("permit(x);\npermit(y)", 2, "does not end with ';'"),
            ('permit(x);\n\nwhen "abc;\n', 3, "a string is not terminated"),
        ],
    )
    def test_unterminated_statement_is_rejected(self, text: str, line: int, fault: str) -> None:
        with pytest.raises(StatementError, match=fault) as caught:
            list(split(text))
        assert caught.value.line == line


def _when(body: str) -> str:
    return f"permit(principal, {ENCRYPT}, resource) when {{ {body} }};"


DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda size: _when("(" * size + "true" + ")" * size),
    "sets": lambda size: _when("[" * size + "1" + "]" * size + " == 1"),
    "records": lambda size: _when("{a: " * size + "1" + "}" * size + " == 1"),
    "ifs": lambda size: _when("if true then true else " * size + "true"),
    "sums": lambda size: _when("1" + "+1" * size + " == 1"),
    "members": lambda size: _when("principal" + ".a" * size),
    "indices": lambda size: _when("principal" + '["a"]' * size),
    "calls": lambda size: _when("principal" + ".isEmpty()" * size),
    "alternatives": lambda size: _when("true" + " || true" * size),
}


class TestSize:
    """The parsers of Cedar and JSON recurse. Without a limit, some of these policies end the process."""

    @pytest.mark.parametrize("kind", DEEP)
    def test_too_large_policy_is_rejected(self, tmp_path: Path, kind: str) -> None:
        (reported,) = faults(tmp_path, DEEP[kind](60_000))
        assert "0.cedar:1: the policy is too large" in reported

    @pytest.mark.parametrize("kind", DEEP)
    async def test_largest_accepted_policy_does_not_end_the_process(self, tmp_path: Path, kind: str) -> None:
        """In a thread, whose stack can be smaller: the result is a policy or an error, not a crash."""
        bound = {"parentheses": MAXIMUM_NESTING - 1, "sets": MAXIMUM_NESTING - 1, "records": MAXIMUM_NESTING - 1}
        bound["ifs"] = MAXIMUM_BRANCHES
        size = bound.get(kind, (MAXIMUM_TOKENS - 100) // 4)
        chosen = settings(tmp_path, DEEP[kind](size))
        (reported,) = await asyncio.gather(asyncio.to_thread(load, chosen), return_exceptions=True)
        assert "too large" not in str(reported)

    def test_too_long_chain_is_rejected_with_advice(self, tmp_path: Path) -> None:
        (reported,) = faults(tmp_path, DEEP["alternatives"](200))
        assert "replace many || in a row with a set" in reported

    def test_long_set_is_accepted(self, tmp_path: Path) -> None:
        names = ", ".join(f'"providers/p/keys/k{index}"' for index in range(MAXIMUM_TOKENS))
        policies = loaded(tmp_path, _when(f"[{names}].contains(resource.name)"))
        assert allowed(policies, ALICE, "Encrypt", "providers/p/keys/k1234")
        assert not allowed(policies, ALICE, "Encrypt", "providers/p/keys/other")
