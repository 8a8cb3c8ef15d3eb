"""Parsing of the list's query: paging, `all`, and `status`."""

from dataclasses import dataclass
from enum import StrEnum

from multidict import MultiMapping

from gateway.emulators.certificate_manager import assumptions, errors
from gateway.emulators.certificate_manager.versions import ApiVersion

_DEFAULTS = {"pageSize": "10", "pageNum": "1", "all": "false", "status": "UNEXPIRED"}


class Status(StrEnum):
    """The filter of a list by expiration date."""

    ALL = "ALL"
    EXPIRED = "EXPIRED"
    UNEXPIRED = "UNEXPIRED"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The parsed query of a list."""

    page_size: int
    page_number: int
    everything: bool
    status: Status


def parse(query: MultiMapping[str], version: ApiVersion) -> ListQuery:
    """Return the query with defaults applied. CertificateManagerError names the first invalid value."""
    for name in query:
        if name not in _DEFAULTS or len(query.getall(name)) > 1:
            raise errors.CertificateManagerError(errors.BAD_PARAMETER, name)
    values = {name: query.get(name) or default for name, default in _DEFAULTS.items()}
    everything = _word("all", values["all"], ("true", "false"), version.ignores_case)
    return ListQuery(
        page_size=_number("pageSize", values["pageSize"]),
        page_number=_number("pageNum", values["pageNum"]),
        everything=everything == "true",
        status=Status(_word("status", values["status"], tuple(Status), version.ignores_case)),
    )


def _number(name: str, text: str) -> int:
    # int() alone would also accept "+1", " 1 ", "1_0", and digits of other scripts.
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(assumptions.LARGEST_NUMBER))
    if not is_number or not 1 <= int(text) <= assumptions.LARGEST_NUMBER:
        raise errors.CertificateManagerError(errors.BAD_PARAMETER, name)
    return int(text)


def _word(name: str, text: str, words: tuple[str, ...], ignore_case: bool) -> str:
    for word in words:
        if text == word or (ignore_case and text.lower() == word.lower()):
            return word
    raise errors.CertificateManagerError(errors.BAD_PARAMETER, name)
