"""Strict parsing of request parameters: query, form, multipart fields, JSON.

Invalid parameters raise AsteriaError with the documented code.
"""

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from aiohttp import web

from gateway.emulators.asteria import assumptions, multipart
from gateway.emulators.asteria.errors import AsteriaError
from gateway.emulators.asteria.issuing import KeyAlgorithm, SignatureAlgorithm, signature_algorithm
from gateway.emulators.asteria.sealing import Passwords

_CREATE_TYPES: Final[dict[str, type]] = {
    **dict.fromkeys(assumptions.DN_LENGTHS, str),
    "password": str,
    "privateKeyPassword": str,
    "keySize": int,
    "keyAlgorithm": str,
    "validPeriod": int,
    "signatureAlgorithm": str,
}
_CREATE_OPTIONAL: Final = frozenset({"C", "ST", "L", "O", "OU"})
_Choice = TypeVar("_Choice", bound=StrEnum)
_COUNTRY: Final = re.compile("[A-Za-z]{2}")


@dataclass(frozen=True, slots=True)
class CreateParameters:
    """The complete and consistent parameters of `create`."""

    subject: dict[str, str]
    passwords: Passwords
    key_algorithm: KeyAlgorithm
    key_size: int
    signature: SignatureAlgorithm
    valid_days: int


def query(request: web.Request, name: str) -> str:
    """Return a required parameter in the URL."""
    return _required(request.query, name)


async def form(request: web.Request, *names: str) -> list[str]:
    """Return the required parameters of a form."""
    fields = await form_fields(request)
    return [_required(fields, name) for name in names]


async def form_fields(request: web.Request) -> dict[str, str]:
    """Return all parameters of a form: the first value of each, without empty ones."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise AsteriaError(2002, "the content type is not application/x-www-form-urlencoded")
    try:
        text = (await request.read()).decode(request.charset or "utf-8")
        values = urllib.parse.parse_qs(text, errors="strict", max_num_fields=100)
    except (ValueError, LookupError) as error:
        raise AsteriaError(2002, "the form cannot be decoded") from error
    return {name: value[0] for name, value in values.items()}


class Upload:
    """The fields of a multipart request that accepts only the named fields."""

    def __init__(self, parts: Mapping[str, multipart.Part]) -> None:
        self._parts = parts

    @classmethod
    async def read(cls, request: web.Request, *fields: str) -> "Upload":
        """Return the request's fields."""
        try:
            parts = multipart.parse(request.headers.get("Content-Type", ""), await request.read())
        except multipart.MultipartError as error:
            raise AsteriaError(2301, str(error)) from error
        if unknown := sorted(parts.keys() - set(fields)):
            raise AsteriaError(2301, f"unknown field {unknown[0]}")
        return cls(parts)

    def text(self, name: str) -> str:
        """Return a required text field."""
        part = self._parts.get(name)
        if part is None or not part.content:
            raise AsteriaError(2002, name)
        try:
            return part.content.decode()
        except UnicodeDecodeError as error:
            raise AsteriaError(2301, f"{name} is not UTF-8") from error

    def file(self, name: str) -> bytes:
        """Return a required file with a name and content."""
        part = self._parts.get(name)
        if part is None or not part.file_name:
            raise AsteriaError(2202, name)
        if not part.content:
            raise AsteriaError(2203, name)
        return part.content

    def optional_file(self, name: str) -> bytes | None:
        """Return an optional file. A browser omits it by sending no name and no content."""
        part = self._parts.get(name)
        if part is None or (part.file_name == "" and not part.content):
            return None
        return self.file(name)


def choice(choices: type[_Choice], name: str, value: str) -> _Choice:
    """Return a parameter with a fixed set of values, matched exactly."""
    try:
        return choices(value)
    except ValueError as error:
        raise AsteriaError(2003, name) from error


def new_passwords(store: str, private_key: str, *, too_short: int) -> Passwords:
    """Return the passwords of a new key store, which must have the minimum length."""
    if min(_java_length(store), _java_length(private_key)) < assumptions.MINIMUM_PASSWORD_LENGTH:
        raise AsteriaError(too_short)
    return Passwords(store, private_key)


def _java_length(text: str) -> int:
    """Return the number of UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


async def create(request: web.Request) -> CreateParameters:
    """Return the parameters in the JSON body of `create`."""
    if request.content_type != "application/json":
        raise AsteriaError(2101, "the content type is not application/json")
    try:
        data = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise AsteriaError(2101, "the body is not JSON") from error
    return _create_parameters(_create_values(data))


def _create_values(data: object) -> dict[str, str | int]:
    """Return the values below `certificate`: all present and of the correct type."""
    outer = _object(data, {"certificate": dict}, "the body")
    values = _object(outer.get("certificate"), _CREATE_TYPES, "certificate")
    # Null and empty text count as missing (assumed).
    present = {key: value for key, value in values.items() if value is not None and value != ""}
    for key in _CREATE_TYPES:
        if key not in present and key not in _CREATE_OPTIONAL:
            raise AsteriaError(2102, key)
    for key, value in present.items():
        # An exact type check: `true` is a number in Python, but not in JSON.
        if type(value) is not _CREATE_TYPES[key]:
            raise AsteriaError(2103, key)
    return {key: value for key, value in present.items() if isinstance(value, str | int)}


def _object(data: object, known: Mapping[str, type], place: str) -> dict[str, object]:
    if data is None:
        raise AsteriaError(2102, place)
    if not isinstance(data, dict):
        raise AsteriaError(2103, place)
    if unknown := sorted(data.keys() - known.keys()):
        raise AsteriaError(2101, f"unknown key {unknown[0]}")
    return data


def _create_parameters(values: Mapping[str, str | int]) -> CreateParameters:
    passwords = new_passwords(str(values["password"]), str(values["privateKeyPassword"]), too_short=2107)
    size, days = int(values["keySize"]), int(values["validPeriod"])
    if not 1 <= days <= assumptions.MAXIMUM_VALID_DAYS:
        raise AsteriaError(2101, "validPeriod")
    key_algorithm = _key_algorithm(str(values["keyAlgorithm"]), size)
    signature = signature_algorithm(str(values["signatureAlgorithm"]))
    if signature is None or signature.key_algorithm != key_algorithm:
        raise AsteriaError(2101, "signatureAlgorithm")
    return CreateParameters(_subject(values), passwords, key_algorithm, size, signature, days)


def _key_algorithm(name: str, size: int) -> KeyAlgorithm:
    match name:
        case "RSA" if size in assumptions.RSA_KEY_SIZES:
            return "RSA"
        case "DSA" if size in assumptions.DSA_KEY_SIZES:
            return "DSA"
        case "EC" if size in assumptions.EC_KEY_SIZES:
            return "EC"
        case "RSA" | "DSA" | "EC":
            raise AsteriaError(2101, "keySize")
    raise AsteriaError(2101, "keyAlgorithm")


def _subject(values: Mapping[str, str | int]) -> dict[str, str]:
    subject = {part: str(values[part]) for part in assumptions.DN_LENGTHS if part in values}
    for part, value in subject.items():
        if len(value) > assumptions.DN_LENGTHS[part] or not _is_text(value):
            raise AsteriaError(2101, part)
    if "C" in subject and not _COUNTRY.fullmatch(subject["C"]):
        raise AsteriaError(2101, "C")
    return subject


def _is_text(value: str) -> bool:
    """Reject control characters and lone surrogates, which a certificate cannot contain."""
    return not any(ord(letter) < ord(" ") or "\ud800" <= letter <= "\udfff" for letter in value)


def _required(values: Mapping[str, str], name: str) -> str:
    value = values.get(name)
    if not value:
        raise AsteriaError(2002, name)
    return value
