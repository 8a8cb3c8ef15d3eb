"""Reading of the files of a certificate from the configuration file."""

import os
import re
from typing import Final

from keyway.agent.fields import ConfigurationError, Fields
from keyway.agent.outputs import OutputFile, OutputFormat, Part

_MODE: Final = re.compile(r"0?[0-7]{3}")
_PUBLIC_MODE: Final = "0644"
_PRIVATE_MODE: Final = "0600"


def output_of(fields: Fields) -> OutputFile:
    """Return one file of a certificate."""
    file = fields.text("file")
    if "/" in file or file.startswith(".") or "\0" in file or len(os.fsencode(file)) > 255:
        raise fields.error("file", "must be a file name without '/' that does not start with '.'")
    form = _one_of(fields, "format", OutputFormat, OutputFormat.PEM)
    pem = form is OutputFormat.PEM
    parts = _parts(fields) if pem else ()
    password_file = None if pem else fields.path("password_file", None)
    if not pem and password_file is None:
        raise fields.error("password_file", f"missing; the format {form.value} requires it")
    private = form is OutputFormat.PKCS12 or Part.PRIVATE_KEY in parts
    made = OutputFile(
        file=file,
        format=form,
        parts=parts,
        mode=int(fields.matching("mode", _MODE, 'must be octal and in quotes, such as "0640"',
                           _PRIVATE_MODE if private else _PUBLIC_MODE), 8),
        owner=fields.text("owner", None),
        group=fields.text("group", None),
        password_file=password_file,
        alias="" if pem else fields.text("alias", "keyway"),
    )  # fmt: skip
    if private and made.mode & 0o007:
        raise fields.error("mode", "a file with a private key must not be accessible to all users")
    fields.close()
    return made


def _parts(fields: Fields) -> tuple[Part, ...]:
    parts = tuple(_part(fields, number, each) for number, each in enumerate(fields.texts("content")))
    if not parts:
        raise fields.error("content", "must not be empty")
    return parts


def _part(fields: Fields, number: int, text: str) -> Part:
    try:
        return Part(text)
    except ValueError:
        known = ", ".join(part.value for part in Part)
        raise ConfigurationError(f"{fields.path_of('content')}[{number}]", f"must be one of: {known}") from None


def _one_of(fields: Fields, name: str, kind: type[OutputFormat], default: OutputFormat) -> OutputFormat:
    try:
        return kind(fields.text(name, default.value))
    except ValueError:
        raise fields.error(name, f"must be one of: {', '.join(each.value for each in kind)}") from None
