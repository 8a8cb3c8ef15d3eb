"""Passwords from a file, standard input, an environment variable, or a prompt; never from the command line."""

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


@dataclass(frozen=True, slots=True)
class Source:
    """The sources of one password. what: its name in prompts. option: names a file. variable: holds the password."""

    what: str
    option: str
    variable: str

    def given(self, file: str | None) -> str | None:
        """Return the password from the file or the variable; None if neither is set."""
        if file is not None:
            return _line(Path(file).read_bytes(), file)
        return os.environ.get(self.variable)

    def hint(self) -> str:
        """Describe the alternatives to a prompt."""
        return f"pass {self.option} FILE or set {self.variable}"


KEYSTORE = Source("Key store password", "--password-file", "KEYWAY_PASSWORD")
PRIVATE_KEY = Source("Private key password", "--private-key-password-file", "KEYWAY_PRIVATE_KEY_PASSWORD")
FILE = Source("File password", "--file-password-file", "KEYWAY_FILE_PASSWORD")


@dataclass(slots=True)
class Passwords:
    """The password options of a command."""

    file: str | None = None
    stdin: bool = False
    private_key_file: str | None = None
    file_file: str | None = None

    def given(self) -> str | None:
        """Return the key store password without a prompt; None if it is not set."""
        if self.stdin:
            if self.file is not None:
                raise click.UsageError("--password-file and --password-stdin cannot be combined")
            return _line(sys.stdin.buffer.readline(), "standard input")
        return KEYSTORE.given(self.file)

    def keystore(self, *, new: bool = False) -> str:
        """Return the key store password. new: a new password, which the prompt asks for twice."""
        given = self.given()
        return _prompted(KEYSTORE, new=new, or_else=None) if given is None else given

    def private_key(self, keystore: str, *, new: bool = False) -> str:
        """Return the private key password; default: the key store password."""
        given = PRIVATE_KEY.given(self.private_key_file)
        if given is None and sys.stdin.isatty() and self.is_interactive():
            return _prompted(PRIVATE_KEY, new=new, or_else=keystore)
        return keystore if given is None else given

    def of_file(self, keystore: str) -> str:
        """Return the password of a key store file; default: the key store password."""
        given = FILE.given(self.file_file)
        if given is None and sys.stdin.isatty() and self.is_interactive():
            return _prompted(FILE, new=False, or_else=keystore)
        return keystore if given is None else given

    def is_interactive(self) -> bool:
        """Return whether the key store password comes from a prompt."""
        return self.file is None and not self.stdin and KEYSTORE.variable not in os.environ


def _prompted(source: Source, *, new: bool, or_else: str | None) -> str:
    if not sys.stdin.isatty():
        stdin = ", or pass --password-stdin" if source is KEYSTORE else ""
        raise Refused(f"{source.what} required: {source.hint()}{stdin}")
    what = source.what if or_else is None else f"{source.what} (Enter for the same)"
    default = None if or_else is None else ""
    # Only a typed password is repeated, not the default.
    answer: str = click.prompt(what, default=default, show_default=False, hide_input=True, err=True)
    if answer and new:
        again = click.prompt("Repeat password", hide_input=True, err=True)
        if again != answer:
            raise Refused("the passwords do not match")
    return answer or or_else or ""


def _line(data: bytes, where: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except ValueError:
        raise Refused(f"{where}: a password must be UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def password_options(*, private_key: bool = False, of_file: bool = False) -> Callable[[Any], Any]:
    """Return a decorator for the password options. `taken` converts their values to Passwords."""
    made = [
        click.option(
            "--password-file",
            metavar="FILE",
            help="File with the key store password. Default: KEYWAY_PASSWORD, or a prompt.",
        ),
        click.option(
            "--password-stdin", is_flag=True, help="Read the key store password from standard input (first line)."
        ),
    ]
    if private_key:
        made.append(click.option(
            "--private-key-password-file", metavar="FILE",
            help="File with the private key password, if it differs. Or set KEYWAY_PRIVATE_KEY_PASSWORD.",
        ))  # fmt: skip
    if of_file:
        made.append(click.option(
            "--file-password-file", metavar="FILE",
            help="File with the password of FILE, if it differs. Or set KEYWAY_FILE_PASSWORD.",
        ))  # fmt: skip
    return options(*made)


def taken(arguments: dict[str, Any]) -> Passwords:
    """Remove the password options from the arguments of a command, and return them."""
    return Passwords(
        arguments.pop("password_file"),
        arguments.pop("password_stdin"),
        arguments.pop("private_key_password_file", None),
        arguments.pop("file_password_file", None),
    )


def with_password(session: Session, method: Any, request: Any, passwords: Passwords) -> Any:
    """Call a method that requires a password at some providers only. Prompt only if the gateway requires it."""
    from keyway.errors import KeywayError  # noqa: PLC0415 - needs gRPC

    given = passwords.given()
    request.keystore_password = given or ""
    try:
        return session.call(method, request)
    except KeywayError as error:
        if given is not None or [violation.field for violation in error.violations] != ["keystore_password"]:
            raise
    request.keystore_password = passwords.keystore()
    return session.call(method, request)
