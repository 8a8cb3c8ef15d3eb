"""Pseudonyms for callers and peer addresses in exports.

A pseudonym is the beginning of the HMAC-SHA-256 of a value. The user provides the key. Exports with the same key have
the same pseudonym for the same value. With the key, anyone can compute the pseudonym of a caller whose name is known.
Delete the key when exports no longer need to be compared.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from keyway.audit.query import OptionError
from keyway.audit.reader import EVERY_LOG, AuditReader
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import (
    AUDIT_DIMENSION_CALLER,
    AUDIT_DIMENSION_PEER_ADDRESS,
    AuditDimension,
    SummarizeAuditRecordsRequest,
)

KINDS: Final = ("callers", "peers")
_DIMENSIONS: Final = {"callers": AUDIT_DIMENSION_CALLER, "peers": AUDIT_DIMENSION_PEER_ADDRESS}
_MINIMUM_KEY_BYTES: Final = 16
_DIGITS: Final = 20
_LARGEST_GROUPS: Final = 10_000
_NOBODY: Final = frozenset({"", "unknown", "anonymous"})
"""Values of `caller` that identify no caller."""
_PREFIXED: Final = re.compile(r"(?:sub|cn|dns):(.+)", re.DOTALL)
_TEXTS: Final = ("caller_request_id", "peer_address", "caller")
_LISTS: Final = ("resources", "policies", "audit_logs")


class Pseudonyms:
    """Replaces values in records. values: the callers and peer addresses of all records, by kind."""

    def __init__(self, key: bytes, values: dict[str, Iterable[str]]) -> None:
        self._key = key
        self._kinds = frozenset(values)
        self._names: dict[str, str] = {}
        self._add((kind, value) for kind, several in values.items() for value in several)

    def replaced(self, record: AuditRecord) -> AuditRecord:
        """Return the record with pseudonyms in place of the values, in every field that a caller can influence."""
        # Calls that arrived during the export, or that a growing index did not contain yet, can have other values.
        values = (("callers", record.caller), ("peers", record.peer_address))
        self._add((kind, value) for kind, value in values if kind in self._kinds and value not in self._names)
        made = AuditRecord()
        made.CopyFrom(record)
        for field in _TEXTS:
            setattr(made, field, self._text(getattr(record, field)))
        for field in _LISTS:
            getattr(made, field)[:] = [self._text(text) for text in getattr(record, field)]
        return made

    def _add(self, values: Iterable[tuple[str, str]]) -> None:
        new = {name: self._name(kind, value) for kind, value in values for name in _spellings(kind, value)}
        if new or not self._names:
            self._names |= new
            self._pattern = _pattern(self._names)

    def _text(self, text: str) -> str:
        if text in self._names or self._pattern is None:
            return self._names.get(text, text)
        return self._pattern.sub(lambda found: self._names[found[0]], text)

    def _name(self, kind: str, value: str) -> str:
        digest = hmac.new(self._key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()
        return f"{kind.removesuffix('s')}-{digest[:_DIGITS]}"


def kinds_of(text: str) -> list[str]:
    """Return the kinds of values in the argument of `--pseudonymize`. Raises OptionError."""
    kinds = [kind.strip() for kind in text.split(",")]
    if wrong := [kind for kind in kinds if kind not in KINDS]:
        raise OptionError(f"--pseudonymize: '{wrong[0]}' is not one of {', '.join(KINDS)}")
    return kinds


def key_of(path: str | Path | None) -> bytes:
    """Return the key in a file, without line breaks at its end. Raises OptionError and OSError."""
    if path is None:
        raise OptionError("--pseudonymize: requires --pseudonym-key FILE; create one with: openssl rand -hex 32")
    key = Path(path).read_bytes().rstrip(b"\r\n")
    if len(key) < _MINIMUM_KEY_BYTES:
        raise OptionError(f"--pseudonym-key: {path}: has {len(key)} bytes; at least {_MINIMUM_KEY_BYTES} are required")
    return key


async def pseudonyms(reader: AuditReader, key: bytes, kinds: Iterable[str], criteria: AuditFilter) -> Pseudonyms:
    """Return the pseudonyms for all callers and peers in the time range of a filter. Raises OptionError.

    It needs all values, because a record can also contain another caller, for example in a resource name.
    """
    values = {kind: await _values(reader, _DIMENSIONS[kind], criteria) for kind in kinds}
    return Pseudonyms(key, dict(values))


async def _values(reader: AuditReader, dimension: AuditDimension.ValueType, criteria: AuditFilter) -> list[str]:
    request = SummarizeAuditRecordsRequest(parent=EVERY_LOG, group_by=[dimension], max_groups=_LARGEST_GROUPS)
    for name in ("start_time", "end_time"):
        if criteria.HasField(name):
            getattr(request.filter, name).CopyFrom(getattr(criteria, name))
    answer = await reader.summarize_audit_records(request)
    if answer.truncated:
        raise OptionError("--pseudonymize: too many callers or peers; select a shorter time range")
    return [group.values[0] for group in answer.groups]


def _spellings(kind: str, value: str) -> list[str]:
    """Return the texts that identify a value: the value, and for a caller also its name without the prefix."""
    if value in _NOBODY:
        return []
    prefixed = _PREFIXED.fullmatch(value) if kind == "callers" else None
    return [value, prefixed[1]] if prefixed else [value]


def _pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern that finds the names, but not as parts of longer words or numbers."""
    longest_first: Callable[[str], int] = len
    each = [re.escape(name) for name in sorted(names, key=longest_first, reverse=True)]
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(each)})(?![A-Za-z0-9])") if each else None
