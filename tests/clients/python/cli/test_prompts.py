"""Prompts on a terminal."""

import pytest

from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")


@pytest.fixture
def asteria(commands: Commands, keyway_sandbox: Sandbox) -> Commands:
    keyway_sandbox.control("asteria", "POST", "/reset", {})
    return commands


def test_passwords_are_not_echoed(asteria: Commands) -> None:
    with asteria.on_terminal("certs", "create", "asteria/client", "--cn", "c.example.com") as terminal:
        for asked, answer in (("password: ", "typed-one"), ("Repeat password: ", "typed-one"), ("the same): ", "")):
            terminal.until(asked)
            terminal.type(f"{answer}\n")
        assert terminal.ended() == 0
        assert "CN=c.example.com" in terminal.screen
        assert "typed-one" not in terminal.screen
    assert asteria("certs", "show", "asteria/client", KEYWAY_PASSWORD="typed-one").code == 0


def test_mistyped_password_is_rejected(asteria: Commands) -> None:
    with asteria.on_terminal("certs", "create", "asteria/client", "--cn", "c.example.com") as terminal:
        for asked, answer in (("password: ", "typed-one"), ("Repeat password: ", "typed-two")):
            terminal.until(asked)
            terminal.type(f"{answer}\n")
        assert terminal.ended() == 2
        assert "the passwords do not match" in terminal.screen


def test_delete_asks_for_confirmation(asteria: Commands) -> None:
    with asteria.on_terminal("certs", "delete", "asteria/server") as terminal:
        terminal.until("cannot be undone. [y/N]: ")
        terminal.type("n\n")
        assert terminal.ended() == 130
        assert "interrupted" not in terminal.screen
    assert asteria("certs", "show", "asteria/server", KEYWAY_PASSWORD="changeit").code == 0


def test_ctrl_c_interrupts_a_prompt(asteria: Commands) -> None:
    with asteria.on_terminal("certs", "show", "asteria/server") as terminal:
        terminal.until("password: ")
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert "Traceback" not in terminal.screen
        assert "keyway: interrupted" in terminal.screen
