"""The runbooks in docs/operations.md: one for each alert, with commands that exist."""

import re
import shlex

import click
import pytest

from keyway.cli.app import root
from tests.support import monitoring
from tests.support.docs import page

ALERTS = monitoring.rules("alerts.yaml")


def runbooks() -> dict[str, str]:
    """Return the runbooks of docs/operations.md by name."""
    _, _, text = page("docs/operations.md").partition("\n## Runbooks\n")
    parts = re.split(r"^### (\w+)\n", text.partition("\n## ")[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_each_alert_has_its_runbook_in_the_same_order() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert list(runbooks()) == names
    assert [alert["annotations"]["runbook_url"] for alert in ALERTS] == [
        f"docs/operations.md#{name.lower()}" for name in names
    ]


@pytest.mark.parametrize(("name", "text"), runbooks().items(), ids=list(runbooks()))
def test_runbook_states_meaning_command_causes_and_fixes(name: str, text: str) -> None:
    assert re.match(r"\n\w[^\n]+\.\n", text), "a runbook begins with the meaning"
    assert re.search(r"^First command: `[^`]+`", text, re.MULTILINE)
    assert "\n| cause | fix |\n|---|---|\n" in text


def keyway_commands() -> list[str]:
    found = re.findall(r"`(keyway [^`]+)`", "".join(runbooks().values()))
    return sorted(set(found))


@pytest.mark.parametrize("line", keyway_commands())
def test_command_and_its_options_exist(line: str) -> None:
    words = shlex.split(line)[1:]
    context = root.make_context("keyway", [], resilient_parsing=True)
    while isinstance(context.command, click.Group):
        name = words.pop(0)
        command = context.command.get_command(context, name)
        assert command is not None, name
        context = click.Context(command, parent=context, info_name=name)
    context.command.make_parser(context).parse_args(words)


def test_unknown_option_is_rejected() -> None:
    with pytest.raises(click.exceptions.NoSuchOption):
        test_command_and_its_options_exist("keyway audit list --sinse 3h")
