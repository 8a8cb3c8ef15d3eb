"""Where passwords come from: a file, standard input, a variable, a prompt. Never from the command line."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from keyway.cli.commands import options
from keyway.cli.failures import Refused
from keyway.cli.session import Session
from keyway.errors import KeywayError


@dataclass(frozen=True, slots=True)
class Source:
    """Of one password. what: as the prompt says it. option: its file's. variable: that holds it."""

    what: str
    option: str
    variable: str

    def said(self, file: str | None) -> str | None:
        """What was given without a prompt."""
        if file is not None:
            return _line(Path(file).read_bytes(), file)
        return os.environ.get(self.variable)

    def hint(self) -> str:
        """What to do where nobody can be asked."""
        return f"{self.option} FILE, or the variable {self.variable}"


KEYSTORE = Source("Key store's password", "--password-file", "KEYWAY_PASSWORD")
PRIVATE_KEY = Source("Private key's password", "--private-key-password-file", "KEYWAY_PRIVATE_KEY_PASSWORD")
FILE = Source("Password of the file", "--file-password-file", "KEYWAY_FILE_PASSWORD")


@dataclass(slots=True)
class Passwords:
    """What the options of a command say."""

    file: str | None = None
    stdin: bool = False
    private_key_file: str | None = None
    file_file: str | None = None

    def given(self) -> str | None:
        """The key store's, where it was given; asks nobody."""
        if self.stdin:
            if self.file is not None:
                raise click.UsageError("--password-file or --password-stdin, not both")
            return _line(sys.stdin.buffer.readline(), "standard input")
        return KEYSTORE.said(self.file)

    def keystore(self, *, new: bool = False) -> str:
        """The key store's. new: of one that is being made, so that a prompt asks twice."""
        given = self.given()
        return _asked(KEYSTORE, new=new, or_else=None) if given is None else given

    def private_key(self, keystore: str, *, new: bool = False) -> str:
        """The private key's; the key store's where no other is given."""
        given = PRIVATE_KEY.said(self.private_key_file)
        if given is None and sys.stdin.isatty() and self.given_nowhere():
            return _asked(PRIVATE_KEY, new=new, or_else=keystore)
        return keystore if given is None else given

    def of_file(self, keystore: str) -> str:
        """Of a key store file; the key store's where no other is given."""
        given = FILE.said(self.file_file)
        if given is None and sys.stdin.isatty() and self.given_nowhere():
            return _asked(FILE, new=False, or_else=keystore)
        return keystore if given is None else given

    def given_nowhere(self) -> bool:
        """Whether somebody is there who is asked for passwords: one was not given otherwise."""
        return self.file is None and not self.stdin and KEYSTORE.variable not in os.environ


def _asked(source: Source, *, new: bool, or_else: str | None) -> str:
    if not sys.stdin.isatty():
        stdin = ", --password-stdin" if source is KEYSTORE else ""
        raise Refused(f"{source.what} is needed: {source.hint()}{stdin}")
    what = source.what if or_else is None else f"{source.what} (Enter: the same)"
    default = None if or_else is None else ""
    # Only what was typed is repeated: not Enter for "the same".
    answer: str = click.prompt(what, default=default, show_default=False, hide_input=True, err=True)
    if answer and new:
        again = click.prompt("Once more", hide_input=True, err=True)
        if again != answer:
            raise Refused("the two are not the same")
    return answer or or_else or ""


def _line(data: bytes, where: str) -> str:
    try:
        text = data.decode()
    except ValueError:
        raise Refused(f"{where}: a password is UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def password_options(*, private_key: bool = False, of_file: bool = False) -> Callable[[Any], Any]:
    """The options that `Passwords` is made of: `passwords`, in the command's function, is made by `taken`."""
    made = [
        click.option(
            "--password-file", metavar="FILE", help="The key store's password. Or KEYWAY_PASSWORD; or type it."
        ),
        click.option("--password-stdin", is_flag=True, help="The same, from the first line of standard input."),
    ]
    if private_key:
        made.append(click.option(
            "--private-key-password-file", metavar="FILE",
            help="The private key's, where it is another. Or KEYWAY_PRIVATE_KEY_PASSWORD.",
        ))  # fmt: skip
    if of_file:
        made.append(click.option(
            "--file-password-file", metavar="FILE", help="The file's, where it is another. Or KEYWAY_FILE_PASSWORD."
        ))  # fmt: skip
    return options(*made)


def taken(arguments: dict[str, Any]) -> Passwords:
    """Out of a command's arguments."""
    return Passwords(
        arguments.pop("password_file"),
        arguments.pop("password_stdin"),
        arguments.pop("private_key_password_file", None),
        arguments.pop("file_password_file", None),
    )


def with_password(session: Session, method: Any, request: Any, passwords: Passwords) -> Any:
    """A call that needs a password at some providers alone: nobody is asked for one in vain."""
    given = passwords.given()
    request.keystore_password = given or ""
    try:
        return session.call(method, request)
    except KeywayError as error:
        if given is not None or [violation.field for violation in error.violations] != ["keystore_password"]:
            raise
    request.keystore_password = passwords.keystore()
    return session.call(method, request)
