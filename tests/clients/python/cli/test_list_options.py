"""The options --columns, --sort, --filter, and --no-pager of lists, and the row count."""

import re
from pathlib import Path

import pytest

from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")
ALL = ("certs", "list", "--all")


def names(commands: Commands, *arguments: str) -> list[str]:
    ran = commands(*ALL, "--columns", "name", *arguments)
    assert ran.code == 0, ran.errors
    return ran.lines[1:]


def test_columns_are_chosen_and_ordered(commands: Commands) -> None:
    ran = commands(*ALL, "--columns", "left, name,display-name", "--filter", "name=nhn-certs/expired*")
    head, row = ran.lines
    assert re.split(r" {2,}", head.strip()) == ["Left", "Certificate", "Display name"]
    assert re.split(r" {2,}", row.strip())[1:] == ["nhn-certs/expired.example.com", "expired.example.com"]


def test_rows_are_sorted_by_several_columns(commands: Commands) -> None:
    found = names(commands)
    assert names(commands, "--sort", "name") == sorted(found, key=str.casefold)
    by_provider = names(commands, "--sort", "provider,-name")
    assert [name.split("/")[0] for name in by_provider] == sorted(name.split("/")[0] for name in found)
    own = [name for name in by_provider if name.startswith("nhn-certs/")]
    assert own == sorted(own, key=str.casefold, reverse=True)


@pytest.mark.parametrize("order", ["left", "-left"])
def test_unknown_values_are_last(commands: Commands, order: str) -> None:
    ran = commands(*ALL, "--sort", order)
    unknown = [row.endswith("unknown") for row in ran.lines[1:]]
    assert any(unknown)
    assert unknown == sorted(unknown)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("EXPIR", lambda name: "expir" in name),
        ("name=nhn-certs/인증서*", lambda name: name == "nhn-certs/인증서-예시"),
        ("provider!=nhn-*", lambda name: name.startswith("asteria/")),
        ("name~www.", lambda name: "www." in name),
        ("state=expired", lambda name: name == "nhn-certs/expired.example.com"),
        ("left<0", lambda name: name == "nhn-certs/expired.example.com"),
        ("expires<=2020-01-01", lambda name: False),
    ],
)
def test_rows_are_filtered(commands: Commands, condition: str, matches: object) -> None:
    every = [row.strip() for row in names(commands)]
    expected = [name for name in every if matches(name)]  # type: ignore[operator]
    ran = commands(*ALL, "--columns", "name", "--filter", condition)
    assert [row.strip() for row in ran.lines[1:]] == expected
    assert ("No certificates match --filter" in ran.errors) == (not expected)


def test_filters_are_combined_and_apply_to_json(commands: Commands) -> None:
    ran = commands(*ALL, "--json", "--sort", "-name", "--filter", "example.com", "--filter", "provider=nhn-certs")
    found = [each["name"].rpartition("/")[2] for each in ran.objects()]
    assert found
    assert found == sorted(found, reverse=True)
    assert all(name.endswith("example.com") for name in found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--columns", "nam"), "--columns: unknown column 'nam'; did you mean name?"),
        (("--sort", "-size"), "--sort: unknown column 'size'; columns: name, provider"),
        (("--filter", "hight=3"), "--filter: unknown column 'hight'"),
        (("--filter", "left<soon"), "--filter left<soon: the value must be a number"),
        (("--filter", "expires>tomorrow"), "the value must be a date such as 2026-12-31"),
        (("--columns", "name", "--json"), "--columns is for tables"),
    ],
)
def test_invalid_option_is_rejected(commands: Commands, arguments: tuple[str, ...], said: str) -> None:
    ran = commands(*ALL, *arguments)
    assert (ran.code, ran.output) == (2, b"")
    assert said in ran.errors


@pytest.mark.parametrize(
    "arguments",
    [
        ("providers", "list", "--filter", "type=asteria"),
        ("providers", "status-mappings", "nhn-keys", "--filter", "status=NOT_FOUND", "--sort", "-reason"),
        ("cas", "list", "--columns", "name,issuer", "--filter", "provider=asteria"),
        ("providers", "check", "asteria", "--columns", "name,state"),
    ],
)
def test_other_lists_have_the_options(commands: Commands, arguments: tuple[str, ...]) -> None:
    ran = commands(*arguments)
    assert ran.code == 0, ran.errors
    assert len(ran.lines) > 1


def test_terminal_shows_the_number_of_rows(commands: Commands) -> None:
    count = len(names(commands))
    for arguments, last in (
        ((), f"{count} certificates"),
        (("--filter", "left<0"), f"1 of {count} certificates"),
    ):
        with commands.on_terminal(*ALL, "--no-pager", *arguments, NO_COLOR="1") as terminal:
            assert terminal.ended() == 0
            assert terminal.screen.splitlines()[-1] == last


def test_pager_is_used_on_terminals_only(commands: Commands, tmp_path: Path) -> None:
    pager = "sed s/^/PAGED:/"
    with commands.on_terminal(*ALL, PAGER=pager) as terminal:
        assert terminal.ended() == 0
        assert all(line.startswith("PAGED:") for line in terminal.screen.splitlines())
    for arguments, kind in (((), "dumb"), (("--no-pager",), "xterm")):
        with commands.on_terminal(*ALL, *arguments, PAGER=pager, TERM=kind) as terminal:
            assert terminal.ended() == 0
            assert "PAGED:" not in terminal.screen
    assert b"PAGED:" not in commands(*ALL, PAGER=pager).output
