"""Checks a request against the contract, before anything is asked of an upstream.

What a field must be is read from the descriptors (required, resource names, enums); the numbers and rules that a
descriptor can't hold stand in the tables here. All violations are found at once. Limits of a single upstream are not
checked here: they belong to its adapter.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.contract.methods import RESOURCES, referenced_type
from gateway.contract.resource_names import MAXIMUM_NAME_CHARACTERS, SEGMENT, WILDCARD, Pattern, is_segment
from gateway.errors import InvalidRequest, Violation
from gateway.server.services.batches import size_fault
from keyway.v1 import key_service_pb2 as keys

MAXIMUM_PAGE_SIZE: Final = 1000
MAXIMUM_FILENAME_BYTES: Final = 255
MAXIMUM_PASSWORD_BYTES: Final = 1024
MAXIMUM_NAME_PART_BYTES: Final = 1024
MAXIMUM_ALGORITHM_BYTES: Final = 128
MAXIMUM_CIPHERTEXT_BYTES: Final = 128 * 1024
MAXIMUM_SIGNATURE_BYTES: Final = 8 * 1024
MAXIMUM_FILE_BYTES: Final = 4 * 1024 * 1024
_MAXIMUM_INT32: Final = 2**31 - 1

# The published type of this extension is that of a plain descriptor.
_FIELD_BEHAVIOR: Final[Any] = field_behavior_pb2.field_behavior

Check = Callable[[Any], str | None]
"""Takes a field's value; answers what is wrong with it, or None."""


def validate(message: Message) -> None:
    """InvalidRequest with every violation in `message`; quiet where there is none."""
    if not _is_plainly_valid(message):
        violations = list(_violations(message, ""))
        if violations:
            raise InvalidRequest(violations)


def _is_plainly_valid(message: Message) -> bool:
    """Whether nothing is wrong, found in the shortest time. False for what has messages inside: those are not seen."""
    full_name = message.DESCRIPTOR.full_name
    known = _plain_checks.get(full_name)
    if known is None:
        checks = tuple((name, check) for name, checks in _checks_of(message.DESCRIPTOR) for check in checks)
        known = _plain_checks[full_name] = (checks, _MESSAGE_RULES.get(full_name), _submessages_of(message.DESCRIPTOR))
    checks, rule, submessages = known
    for name, check in checks:
        if check(getattr(message, name)) is not None:
            return False
    return not any(rule(message) if rule is not None else ()) and not any(map(message.HasField, submessages))


def _violations(message: Message, prefix: str) -> Iterator[Violation]:
    for name, checks in _checks_of(message.DESCRIPTOR):
        value = getattr(message, name)
        for check in checks:
            problem = check(value)
            if problem is not None:
                yield Violation(prefix + name, problem)
                break
    rule = _MESSAGE_RULES.get(message.DESCRIPTOR.full_name)
    if rule is not None:
        yield from (Violation(prefix + field, problem) for field, problem in rule(message))
    for name in _submessages_of(message.DESCRIPTOR):
        if message.HasField(name):
            yield from _violations(getattr(message, name), f"{prefix}{name}.")


def _range(minimum: int, maximum: int) -> Check:
    def check(value: int) -> str | None:
        return None if minimum <= value <= maximum else f"must be {minimum} to {maximum}"

    return check


def _at_most(maximum: int) -> Check:
    """So many bytes; of a text in UTF-8."""

    def check(value: str | bytes) -> str | None:
        fits = len(value) <= maximum and (isinstance(value, bytes) or len(value.encode()) <= maximum)
        return None if fits else f"must have at most {maximum} bytes"

    return check


def _filename(value: str) -> str | None:
    if len(value.encode()) > MAXIMUM_FILENAME_BYTES:
        return f"must have at most {MAXIMUM_FILENAME_BYTES} bytes"
    if value and (not is_segment(value) or "\\" in value):
        return "must be a plain file name: no '/', '\\' or control characters"
    return None


def _certificate_id(value: str) -> str | None:
    if len(value) > MAXIMUM_NAME_CHARACTERS:
        return f"must have at most {MAXIMUM_NAME_CHARACTERS} characters"
    return None if is_segment(value) else "must not have '/' or control characters, and not be '.' or '..'"


def _not_empty(value: Any) -> str | None:
    return None if value else "is required"


def _known_enum(field: FieldDescriptor) -> Check:
    assert field.enum_type is not None
    numbers = frozenset(field.enum_type.values_by_number)
    return lambda value: None if value in numbers else "is not a value of its enumeration"


def _resource_name(type_name: str, *, wildcard: bool) -> Check:
    patterns = RESOURCES[type_name]
    usual = _usual_name(patterns)
    expected = " or ".join(f"'{pattern.template}'" for pattern in patterns)

    def check(value: str) -> str | None:
        if len(value) > MAXIMUM_NAME_CHARACTERS:
            return f"must have at most {MAXIMUM_NAME_CHARACTERS} characters"
        if usual(value):
            return None
        for pattern in patterns:
            segments = pattern.parse(value)
            if segments is not None:
                return _wrong_segment(segments, wildcard=wildcard)
        return f"must be {expected}; a segment has no control characters and is not '.' or '..'"

    return check


def _usual_name(patterns: Sequence[Pattern]) -> Callable[[str], object]:
    """Matches most of the names that are right, and none that are wrong."""
    usual = {"provider": rf"(?!{WILDCARD}(?:/|\Z)){SEGMENT}", "version": r"(?:0|[1-9][0-9]{0,8})"}
    return re.compile("|".join(pattern.expression(usual) for pattern in patterns)).fullmatch


def _wrong_segment(segments: Mapping[str, str], *, wildcard: bool) -> str | None:
    if segments.get("provider") == WILDCARD and not wildcard:
        return "must name one provider: '-' stands for all of them in lists only"
    version = segments.get("version")
    if version is not None and not _is_version(version):
        return f"must have a version from 0 to {_MAXIMUM_INT32}, without leading zeros"
    return None


def _is_version(text: str) -> bool:
    """One spelling only: policy and audit tell resources apart by their names."""
    return text.isascii() and text.isdecimal() and str(int(text)) == text and int(text) <= _MAXIMUM_INT32


_WILDCARD_FIELDS: Final = frozenset({"keyway.v1.ListCertificatesRequest.parent"})

_password: Final = _at_most(MAXIMUM_PASSWORD_BYTES)
_name_part: Final = _at_most(MAXIMUM_NAME_PART_BYTES)
_algorithm: Final = _at_most(MAXIMUM_ALGORITHM_BYTES)
_file: Final = _at_most(MAXIMUM_FILE_BYTES)

_FIELD_RULES: Final[Mapping[str, Check]] = {
    "keyway.v1.GetCertificateRequest.keystore_password": _password,
    "keyway.v1.CreateCertificateRequest.keystore_password": _password,
    "keyway.v1.CreateCertificateRequest.private_key_password": _password,
    "keyway.v1.DeleteCertificateRequest.keystore_password": _password,
    "keyway.v1.DownloadCertificateRequest.keystore_password": _password,
    "keyway.v1.ImportCertificateRequest.file_password": _password,
    "keyway.v1.ImportCertificateRequest.keystore_password": _password,
    "keyway.v1.ImportCertificateRequest.private_key_password": _password,
    "keyway.v1.GetCertificateSigningRequestRequest.keystore_password": _password,
    "keyway.v1.GetCertificateSigningRequestRequest.private_key_password": _password,
    "keyway.v1.InstallSignedCertificateRequest.keystore_password": _password,
    "keyway.v1.InstallSignedCertificateRequest.private_key_password": _password,
    "keyway.v1.CreateCertificateRequest.key_algorithm": _algorithm,
    "keyway.v1.CreateCertificateRequest.signature_algorithm": _algorithm,
    "keyway.v1.UploadCertificateRequest.content": _file,
    "keyway.v1.ImportCertificateRequest.keystore": _file,
    "keyway.v1.InstallSignedCertificateRequest.certificate": _file,
    "keyway.v1.InstallSignedCertificateRequest.chain": _file,
    "keyway.v1.ImportTrustedAuthorityRequest.content": _file,
    "keyway.v1.DistinguishedName.country": _name_part,
    "keyway.v1.DistinguishedName.state": _name_part,
    "keyway.v1.DistinguishedName.locality": _name_part,
    "keyway.v1.DistinguishedName.organization": _name_part,
    "keyway.v1.DistinguishedName.organizational_unit": _name_part,
    "keyway.v1.DistinguishedName.common_name": _name_part,
    "keyway.v1.DecryptRequest.ciphertext": _at_most(MAXIMUM_CIPHERTEXT_BYTES),
    "keyway.v1.VerifyRequest.signature": _at_most(MAXIMUM_SIGNATURE_BYTES),
    "keyway.v1.ListCertificatesRequest.page_size": _range(0, MAXIMUM_PAGE_SIZE),
    "keyway.v1.ListProvidersRequest.page_size": _range(0, MAXIMUM_PAGE_SIZE),
    "keyway.v1.CreateCertificateRequest.certificate_id": _certificate_id,
    "keyway.v1.CreateCertificateRequest.key_size": _range(0, 16_384),
    "keyway.v1.CreateCertificateRequest.validity_days": _range(0, 36_500),
    "keyway.v1.UploadCertificateRequest.filename": _filename,
    "keyway.v1.ImportCertificateRequest.filename": _filename,
    "keyway.v1.InstallSignedCertificateRequest.certificate_filename": _filename,
    "keyway.v1.InstallSignedCertificateRequest.chain_filename": _filename,
    "keyway.v1.ImportTrustedAuthorityRequest.filename": _filename,
    "keyway.v1.BatchEncryptRequest.requests": size_fault,
    "keyway.v1.BatchDecryptRequest.requests": size_fault,
}


def _text_when_utf8(message: Any) -> Iterator[tuple[str, str]]:
    """Plaintext that is sent as text must be text."""
    if message.encoding not in (keys.ENCODING_UNSPECIFIED, keys.ENCODING_UTF8):
        return
    try:
        message.plaintext.decode()
    except UnicodeDecodeError:
        yield "plaintext", "is not UTF-8: set encoding to BASE64 for arbitrary bytes"


def _certificate_to_create(message: Any) -> Iterator[tuple[str, str]]:
    """A subject that has a common name, and a resource name that the new certificate can be asked for by."""
    if message.subject.ByteSize() and not message.subject.common_name:
        yield "subject.common_name", "is required"
    length = len(f"{message.parent}/certificates/{message.certificate_id}")
    alone_fit = max(len(message.parent), len(message.certificate_id)) <= MAXIMUM_NAME_CHARACTERS
    if alone_fit and is_segment(message.certificate_id) and length > MAXIMUM_NAME_CHARACTERS:
        yield "certificate_id", f"makes a name of more than {MAXIMUM_NAME_CHARACTERS} characters"


_Rule = Callable[[Any], Iterator[tuple[str, str]]]

_MESSAGE_RULES: Final[Mapping[str, _Rule]] = {
    "keyway.v1.EncryptRequest": _text_when_utf8,
    "keyway.v1.SignRequest": _text_when_utf8,
    "keyway.v1.VerifyRequest": _text_when_utf8,
    "keyway.v1.CreateCertificateRequest": _certificate_to_create,
}

_plain_checks: dict[str, tuple[tuple[tuple[str, Check], ...], "_Rule | None", tuple[str, ...]]] = {}
_checks: dict[str, tuple[tuple[str, tuple[Check, ...]], ...]] = {}
_submessages: dict[str, tuple[str, ...]] = {}


def _checks_of(descriptor: Any) -> tuple[tuple[str, tuple[Check, ...]], ...]:
    """Each field's checks, for the fields that have any; made once for each message type."""
    known = _checks.get(descriptor.full_name)
    if known is None:
        pairs = ((field.name, tuple(_checks_for(field))) for field in descriptor.fields)
        known = _checks[descriptor.full_name] = tuple(pair for pair in pairs if pair[1])
    return known


def _submessages_of(descriptor: Any) -> tuple[str, ...]:
    """The singular message fields. Items of a batch are validated one by one by the batch itself."""
    known = _submessages.get(descriptor.full_name)
    if known is None:
        known = _submessages[descriptor.full_name] = tuple(
            field.name for field in descriptor.fields if field.message_type and not field.is_repeated
        )
    return known


def _checks_for(field: FieldDescriptor) -> Iterator[Check]:
    behaviors = field.GetOptions().Extensions[_FIELD_BEHAVIOR]
    rule = _FIELD_RULES.get(field.full_name)
    if field_behavior_pb2.REQUIRED in behaviors and not (field.is_repeated and rule):
        yield _required_message if field.message_type and not field.is_repeated else _not_empty
    type_name = referenced_type(field)
    if type_name is not None:
        yield _resource_name(type_name, wildcard=field.full_name in _WILDCARD_FIELDS)
    if field.enum_type is not None:
        yield _known_enum(field)
    if rule is not None:
        yield rule


def _required_message(value: Message) -> str | None:
    return None if value.ByteSize() else "is required"
