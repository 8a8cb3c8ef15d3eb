"""The choice of the signing key: which key may sign a journal, at the start and when the key file changes later.

A journal is signed with the key of its manifest. Only the configuration (`audit.signing_key_ids`) permits another key.
"""

from pathlib import Path

import structlog

from gateway.config.base import ConfigError
from gateway.config.problems import FileError
from gateway.journal.errors import PASSING
from gateway.journal.format import keys
from gateway.journal.format.keys import SigningKey
from gateway.journal.settings import AuditSettings

_log = structlog.get_logger(__name__)


def signing_key(settings: AuditSettings, current: str | None, *, new: bool) -> SigningKey:
    """Return the key for a start. Raises ConfigError if the key is invalid or may not sign, and OSError.

    current: the id of the key that signed the journal last, if it is known. new: whether the journal has no record yet.
    If it is new, and no key is configured, the key is generated.
    """
    path = _path(settings)
    if new and settings.signing_key_file is None and not path.exists():
        keys.create_signing_key(path)
    try:
        key = keys.load_signing_key(path)
    except FileNotFoundError:
        if settings.signing_key_file is not None or new:
            raise
        raise ConfigError(f"{path}: the signing key of the journal is missing") from None
    if (problem := _problem(settings, key, current)) is not None:
        raise ConfigError(f"{path}: {problem}")
    return key


def successor(settings: AuditSettings, present: SigningKey) -> SigningKey:
    """Return the key for a new segment: that of the file, or the present one if that may not sign."""
    path = _path(settings)
    try:
        key = keys.load_signing_key(path)
    except (OSError, ConfigError) as error:
        _log.warning("audit_signing_key_unreadable", error=str(error))
        return present
    if (problem := _problem(settings, key, present.public.id)) is not None:
        _log.warning("audit_signing_key_not_adopted", error=f"{path}: {problem}")
        return present
    return key


def check_signing_key(settings: AuditSettings) -> None:
    """Raise FileError if the configured signing key cannot be used. Changes nothing.

    A failing disk is no problem of the configuration: the journal then opens unavailable.
    """
    if settings.signing_key_file is None:
        return
    path = settings.signing_key_file
    try:
        fault = _problem(settings, keys.load_signing_key(path), None)
    except ConfigError as error:
        fault = str(error)
    except OSError as error:
        fault = None if error.errno in PASSING else f"the file {path} cannot be read: {error.strerror}"
    if fault is not None:
        raise FileError(f"audit.signing_key_file: {fault}", {("signing_key_file",): [fault]})


def _problem(settings: AuditSettings, key: SigningKey, current: str | None) -> str | None:
    """Return why the key may not sign, or None."""
    key_id, permitted = key.public.id, settings.signing_key_ids
    if permitted:
        return None if key_id in permitted else f"audit.signing_key_ids does not contain the id of this key, {key_id}"
    if current in (None, key_id):
        return None
    return (
        f"the journal is signed with key {current}, and the file contains key {key_id}; "
        f"if you changed the key, set audit.signing_key_ids: [{key_id}]"
    )


def _path(settings: AuditSettings) -> Path:
    return keys.signing_key_path(settings.directory, settings.signing_key_file)
