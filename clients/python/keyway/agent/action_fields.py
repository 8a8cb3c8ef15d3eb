"""Reading of checks and reloads from the configuration file."""

import signal
from typing import Final
from urllib.parse import urlsplit

from keyway.agent.actions import Action, CommandAction, HttpAction, SignalAction
from keyway.agent.fields import ConfigurationError, Fields

_HOUR: Final = 3600.0


def action_of(fields: Fields) -> Action:
    """Return a check or a reload."""
    kinds = [kind for kind in ("command", "signal", "http") if fields.has(kind)]
    if len(kinds) != 1:
        raise ConfigurationError(fields.where, "must contain exactly one of: command, signal, http")
    made: Action
    if kinds == ["command"]:
        command = fields.texts("command")
        if not command:
            raise fields.error("command", "must not be empty")
        made = CommandAction(command, _timeout(fields))
    elif kinds == ["signal"]:
        made = SignalAction(_signal(fields), fields.path("pid_file"))
    else:
        made = _http(fields)
    fields.close()
    return made


def _timeout(fields: Fields) -> float:
    return fields.seconds("timeout", 60, least=1, most=_HOUR)


def _signal(fields: Fields) -> signal.Signals:
    name = fields.text("signal").upper().removeprefix("SIG")
    try:
        return signal.Signals[f"SIG{name}"]
    except KeyError:
        raise fields.error("signal", "must be the name of a signal, such as HUP") from None


def _http(fields: Fields) -> HttpAction:
    url = fields.text("http")
    parts = urlsplit(url)
    try:
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        has_port = False
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or not has_port:
        raise fields.error("http", "must be a URL such as http://127.0.0.1:8080/reload, without a password")
    username, password_file = fields.text("username", None), fields.path("password_file", None)
    if (username is None) != (password_file is None):
        raise ConfigurationError(fields.where, "username and password_file require each other")
    return HttpAction(url, fields.text("method", "POST").upper(), username, password_file, _timeout(fields))
